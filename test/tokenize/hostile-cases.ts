/**
 * Tokenizer files made of nonsense: each is CORRUPT_MODEL.
 */

import { added } from './hostile-folder.js';
import {
  bert,
  bpe,
  chain,
  charsmap,
  type HostileCase,
  piece,
  precompiled,
  replace,
  special,
  template,
  trie,
  unigram,
  wide,
  wordPiece,
} from './hostile-parts.js';

export const CORRUPT: readonly HostileCase[] = [
  [
    'words of no characters',
    { pre_tokenizer: { type: 'FixedLength', length: 0 } },
    /pre_tokenizer\.length must be an integer from 1 .* got 0/,
  ],
  [
    'a charsmap that is cut',
    precompiled(charsmap.slice(0, 400)),
    /normalizer\.precompiled_charsmap must be a trie of \d+ bytes and its texts/,
  ],
  [
    'a charsmap of zero units',
    precompiled('gAAAAA=='),
    /precompiled_charsmap must be a trie of 128 bytes/,
  ],
  ['an empty charsmap', precompiled(''), /precompiled_charsmap must be a trie of 0 bytes/],
  ['a charsmap in no base64', precompiled('%'), /precompiled_charsmap must be base64/],
  ['no charsmap', precompiled(null), /precompiled_charsmap must be a text, got null/],
  [
    'a charsmap that leads out of its trie',
    precompiled(trie(0x3ff << 10).toString('base64')),
    /must be a trie that leads to units below 1, got/,
  ],
  [
    'a charsmap that leads out of its texts',
    precompiled(Buffer.concat([wide(9), Buffer.from('ab')]).toString('base64')),
    /must be a trie that leads to texts from 0 to 2, got 9/,
  ],
  [
    'a charsmap that leads into a character',
    precompiled(Buffer.concat([wide(1), Buffer.from('é')]).toString('base64')),
    /leads to texts/,
  ],
  [
    'a merge longer than all tokens',
    bpe({ merges: [['ab', 'ab']] }),
    /model\.merges\[0\] must be a pair of tokens that the vocabulary has, and has merged, got "abab"/,
  ],
  [
    'a merge shorter than the prefix',
    bpe({ continuing_subword_prefix: '##' }),
    /model\.merges\[0\] must be a pair whose second token begins with ##, got "b"/,
  ],
  [
    'a merge of one token',
    bpe({ merges: ['ab'] }),
    /model\.merges\[0\] must be two tokens with a space between them/,
  ],
  [
    'a merge of three',
    bpe({ merges: [['a', 'b', 'a']] }),
    /model\.merges\[0\] must be a pair of tokens/,
  ],
  [
    'an id that is none',
    bpe({ vocab: { a: 0, b: 1.5, ab: 2 } }),
    /model\.vocab\.b must be an integer from 0 to 2147483647, got 1\.5/,
  ],
  ['a negative id', bpe({ vocab: { a: -1 }, merges: [] }), /model\.vocab\.a must be an integer/],
  [
    'an id beyond 32 bits',
    wordPiece({ vocab: { u: 2 ** 32 } }),
    /model\.vocab\.u must be an integer/,
  ],
  [
    'an empty vocabulary',
    bpe({ vocab: {}, merges: [] }),
    /model\.vocab must be a vocabulary of at least one token/,
  ],
  ['dropout beyond 1', bpe({ dropout: 2 }), /model\.dropout must be a number from 0 to 1, got 2/],
  [
    'an unknown token that is unknown',
    wordPiece({ unk_token: 'x' }),
    /model\.unk_token must be a token of the vocabulary, got "x"/,
  ],
  [
    'an unknown id beyond the vocabulary',
    unigram({ unk_id: 2 }),
    /model\.unk_id must be an integer from 0 to 1, got 2/,
  ],
  ['no pieces', unigram({ vocab: [] }), /model\.vocab must be a vocabulary of at least one token/],
  [
    'a score that is none',
    unigram({ vocab: [['u', null]] }),
    /model\.vocab\[0\] must be a token and its score/,
  ],
  [
    'a special token without a definition',
    { post_processor: template({ single: [special('y'), piece('A')] }) },
    /post_processor\.single names the special token "y", which is not defined/,
  ],
  [
    'a text that a template leaves out',
    { post_processor: template({ single: [special('x')] }) },
    /post_processor\.single must be a template with A, once each, got "none"/,
  ],
  [
    'a second text where there is one',
    { post_processor: template({ single: [piece('A'), piece('B')] }) },
    /post_processor\.single must be a template with A, once each, got "A, B"/,
  ],
  [
    'a text twice',
    { post_processor: template({ pair: [piece('A'), piece('B'), piece('A')] }) },
    /post_processor\.pair must be a template with A and B, once each/,
  ],
  [
    'ids without tokens',
    {
      post_processor: template({ special_tokens: { x: { id: 'x', ids: [1, 2], tokens: ['a'] } } }),
    },
    /special_tokens\.x must have as many ids as tokens, got 2 and 1/,
  ],
  [
    'an id of a special token beyond 32 bits',
    { post_processor: { ...bert, cls: ['b', 2 ** 32] } },
    /post_processor\.cls\[1\] must be an integer/,
  ],
  [
    'an added token of no characters',
    { added_tokens: [added('')] },
    /added_tokens\[0\]\.content must be a text of at least 1 character, got ""/,
  ],
  [
    'a flag that is none',
    { added_tokens: [added('x', { lstrip: 1 })] },
    /added_tokens\[0\]\.lstrip must be true or false, got 1/,
  ],
  [
    'a replacement of two characters',
    { pre_tokenizer: { type: 'Metaspace', replacement: 'ab' } },
    /pre_tokenizer\.replacement must be one character, got "ab"/,
  ],
  [
    'a normalizer that is a list',
    { normalizer: [] },
    /normalizer must be a JSON object, got an array of 0/,
  ],
  ['a model that is none', { model: null }, /model must be a JSON object, got null/],
  [
    'padding that is none',
    {
      padding: {
        strategy: { Fixed: -1 },
        direction: 'Right',
        pad_to_multiple_of: null,
        pad_id: 0,
        pad_type_id: 0,
        pad_token: '',
      },
    },
    /padding\.strategy\.Fixed must be an integer/,
  ],
  [
    'half of a surrogate pair',
    chain(replace('\ud800', 'a')),
    /normalizer\.normalizers\[0\]\.pattern\.String must be a text/,
  ],
];
