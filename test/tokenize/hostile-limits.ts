/**
 * Tokenizer files without a bound, each of them UNSUPPORTED_MODEL; and odd ones that are sound.
 */

import { added, type Json } from './hostile-folder.js';
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
  unigram,
  wordPiece,
} from './hostile-parts.js';

const nested = (depth: number): Json =>
  depth === 0 ? { type: 'NFC' } : { type: 'Sequence', normalizers: [nested(depth - 1)] };
const level: Json = { type: 'ByteLevel' };

export const UNSUPPORTED: readonly HostileCase[] = [
  [
    'rules that double a text again and again',
    chain(...Array<Json>(8).fill(replace('a', 'aa'))),
    /normalizer\.normalizers\[4\]\.content must not make a text more than 16 times longer, with all rules before it, got 32/,
  ],
  [
    'a replacement that Unicode lengthens',
    chain(replace('a', '\uFDFA'), replace('a', '\uFDFA')),
    /normalizers\[0\]\.content must not make a text more than 16 times longer/,
  ],
  [
    'a long prefix',
    chain({ type: 'Prepend', prepend: 'x'.repeat(200) }),
    /normalizers\[0\]\.prepend must not make a text more than 16 times longer/,
  ],
  [
    'a giant prefix',
    chain({ type: 'Prepend', prepend: 'x'.repeat(100_000) }),
    /normalizers\[0\]\.prepend must be a text of at most 256 bytes/,
  ],
  [
    'bytes of bytes of bytes',
    { normalizer: { type: 'Sequence', normalizers: Array<Json>(9).fill(level) } },
    /must not make a text more than 64 times longer/,
  ],
  [
    'sequences of sequences',
    { normalizer: nested(9) },
    /must be at most 8 sequences deep, got "Sequence"/,
  ],
  [
    'many components',
    { normalizer: { type: 'Sequence', normalizers: Array<Json>(100).fill({ type: 'NFC' }) } },
    /normalizer\.normalizers must be an array of at most 64, got an array of 100/,
  ],
  [
    'a normalizer that we do not know',
    { normalizer: { type: 'Unknown' } },
    /normalizer\.type must be BertNormalizer or Strip or .*, got "Unknown"/,
  ],
  [
    'a field that we do not know',
    { normalizer: { type: 'NFC', form: 'x' } },
    /normalizer must have only known fields \(no field but type\), got "form"/,
  ],
  [
    'a key that we do not know',
    { extra: 1 },
    /the tokenizer must have only known fields \(version, .*\), got "extra"/,
  ],
  [
    'a template after another',
    { post_processor: { type: 'Sequence', processors: [bert, template({})] } },
    /post_processor\.processors\[1\] must be the only one that adds special tokens, got one after post_processor\.processors\[0\]/,
  ],
  [
    'offsets trimmed after a template',
    {
      post_processor: {
        type: 'Sequence',
        processors: [template({}), { ...level, add_prefix_space: true, trim_offsets: true }],
      },
    },
    /post_processor\.processors\[1\] must come before what adds special tokens, got one after post_processor\.processors\[0\]/,
  ],
  [
    'a template of many tokens',
    { post_processor: template({ single: [...Array<Json>(65).fill(special('x')), piece('A')] }) },
    /post_processor\.single must be an array of at most 64/,
  ],
  [
    'long words for WordPiece',
    wordPiece({ max_input_chars_per_word: 1e6 }),
    /model\.max_input_chars_per_word must be at most 256, got 1000000/,
  ],
  [
    'a long token for Unigram',
    unigram({
      vocab: [
        ['u', 0],
        ['a'.repeat(300), 0],
      ],
    }),
    /model\.vocab\[1\] must be a token of at most 256 bytes/,
  ],
  [
    'a giant token',
    wordPiece({ vocab: { u: 0, ['x'.repeat(2000)]: 0 } }),
    /model\.vocab\["x+\.\.\."\] must be a text of at most 1024 bytes/,
  ],
  ['other ids each time', bpe({ dropout: 0.5 }), /model\.dropout must be null or 0, got 0\.5/],
  [
    'a decoder that takes more than there is',
    { decoder: { type: 'Strip', content: 'a', start: 0, stop: 1 } },
    /decoder\.stop must be 0, got 1/,
  ],
  [
    'a token that nothing is left of',
    { ...chain({ type: 'StripAccents' }), added_tokens: [added('\u0301', { normalized: true })] },
    /added_tokens\[0\]\.content must be a text that normalizing leaves something of \(or normalized false\)/,
  ],
  [
    'a token that a rule takes away',
    { ...chain(replace('x', '')), added_tokens: [added('x', { normalized: true })] },
    /added_tokens\[0\]\.content must be a text that normalizing leaves something of/,
  ],
  [
    'a token within the spaces of another',
    { added_tokens: [added('x', { rstrip: true }), added(' ')] },
    /added_tokens\[1\] must not begin in the spaces that added_tokens\[0\] takes along \(rstrip\)/,
  ],
  [
    'a space that takes spaces along',
    { added_tokens: [added(' ', { lstrip: true })] },
    /added_tokens\[0\] must not take spaces along \(lstrip, rstrip\) that it begins or ends with/,
  ],
  [
    'a giant added token',
    { added_tokens: [added('x'.repeat(10_000))] },
    /added_tokens\[0\]\.content must be a text of at most 512 bytes/,
  ],
];

export const SOUND: readonly (readonly [what: string, parts: Json])[] = [
  ['the character map of sentencepiece', precompiled(charsmap)],
  [
    'rules that lengthen a text within reason',
    chain(replace('a', 'aaaa'), replace('b', 'bbbb'), { type: 'Prepend', prepend: '▁' }),
  ],
  [
    'a model without its type, as old files have it',
    { model: { vocab: { a: 0, b: 1, ab: 2 }, merges: ['#version: 0.2', 'a b'], unk_token: null } },
  ],
  [
    'merges of a prefix',
    bpe({
      continuing_subword_prefix: '##',
      vocab: { a: 0, '##b': 1, ab: 2 },
      merges: [['a', '##b']],
    }),
  ],
  ['ids with holes', wordPiece({ vocab: { u: 5, x: 90_000 } })],
  ['two tokens with one id', wordPiece({ vocab: { u: 0, x: 0 } })],
  [
    'Metaspace as old files have it',
    {
      pre_tokenizer: { type: 'Metaspace', replacement: '▁', add_prefix_space: true, str_rep: '▁' },
    },
  ],
  [
    'truncation and padding, which are not used',
    {
      truncation: { max_length: 3, strategy: 'LongestFirst', stride: 9 },
      padding: {
        strategy: { Fixed: 2 ** 30 },
        direction: 'Right',
        pad_to_multiple_of: 8,
        pad_id: 0,
        pad_type_id: 0,
        pad_token: '[PAD]',
      },
    },
  ],
  [
    'a token that takes spaces before it along',
    {
      added_tokens: [added('<mask>', { lstrip: true, normalized: true })],
      normalizer: { type: 'NFC' },
    },
  ],
  [
    'offsets trimmed before a template',
    {
      post_processor: {
        type: 'Sequence',
        processors: [{ ...level, add_prefix_space: true, trim_offsets: true }, bert],
      },
    },
  ],
  [
    'decoders of Llama',
    {
      decoder: {
        type: 'Sequence',
        decoders: [
          replace('▁', ' '),
          { type: 'ByteFallback' },
          { type: 'Fuse' },
          { type: 'Strip', content: ' ', start: 1, stop: 0 },
        ],
      },
    },
  ],
];
