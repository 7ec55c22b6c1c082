// Tokenizer files made to end the process, or to take all of its time or memory, are refused with their place; what looks odd but is
// sound loads.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { added, type Json, load, loadJson, small } from './hostile-folder.js';

const charsmap = readFileSync(
  fileURLToPath(new URL('../fixtures/tokenizer/charsmap.txt', import.meta.url)),
  'utf8',
).trim();

const replace = (text: string, content: string): Json => ({
  type: 'Replace',
  pattern: { String: text },
  content,
});
const chain = (...normalizers: readonly Json[]): Json => ({
  normalizer: { type: 'Sequence', normalizers },
});
const precompiled = (map: unknown): Json => ({
  normalizer: { type: 'Precompiled', precompiled_charsmap: map },
});
const piece = (id: string): Json => ({ Sequence: { id, type_id: 0 } });
const special = (id: string): Json => ({ SpecialToken: { id, type_id: 0 } });
const template = (parts: Json): Json => ({
  type: 'TemplateProcessing',
  single: [piece('A')],
  pair: [piece('A'), piece('B')],
  special_tokens: { x: { id: 'x', ids: [1], tokens: ['a'] } },
  ...parts,
});
const bert: Json = { type: 'BertProcessing', sep: ['a', 1], cls: ['b', 2] };
const bpe = (parts: Json): Json => ({
  model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: [['a', 'b']], ...parts },
});
const unigram = (parts: Json): Json => ({
  model: {
    type: 'Unigram',
    unk_id: 0,
    vocab: [
      ['u', 0],
      ['a', -1],
    ],
    ...parts,
  },
});
const wordPiece = (parts: Json): Json => ({
  model: {
    type: 'WordPiece',
    unk_token: 'u',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: { u: 0 },
    ...parts,
  },
});
const trie = (...units: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 + 4 * units.length);
  bytes.writeUInt32LE(4 * units.length, 0);
  for (const [i, unit] of units.entries()) bytes.writeUInt32LE(unit, 4 + 4 * i);
  return bytes;
};
/** Every byte leads on: 256 units whose label is their index, with a leaf in unit 0. */
const wide = (leaf: number): Buffer =>
  trie(leaf, ...Array.from({ length: 255 }, (_, i) => (i + 1) | 0x100 | ((i + 1) << 10)));

const CORRUPT: readonly (readonly [what: string, parts: Json, message: RegExp])[] = [
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

const nested = (depth: number): Json =>
  depth === 0 ? { type: 'NFC' } : { type: 'Sequence', normalizers: [nested(depth - 1)] };
const level: Json = { type: 'ByteLevel' };

const UNSUPPORTED: readonly (readonly [what: string, parts: Json, message: RegExp])[] = [
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
    { normalizer: nested(1000) },
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

const SOUND: readonly (readonly [what: string, parts: Json])[] = [
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

describe('a hostile tokenizer.json', () => {
  it.each(CORRUPT)('%s', async (_, parts, message) => {
    await expect(loadJson(small(parts))).rejects.toMatchObject({
      code: 'CORRUPT_MODEL',
      message: expect.stringMatching(new RegExp(`tokenizer\\.json: .*${message.source}`)) as string,
    });
  });

  it.each(UNSUPPORTED)('%s', async (_, parts, message) => {
    await expect(loadJson(small(parts))).rejects.toMatchObject({
      code: 'UNSUPPORTED_MODEL',
      message: expect.stringMatching(new RegExp(`tokenizer\\.json: .*${message.source}`)) as string,
    });
  });

  it('the first of two equal keys, which the package would read too', async () => {
    const text = JSON.stringify(small());
    const bad = '{"normalizer":{"type":"Precompiled","precompiled_charsmap":"AAAA"},';
    const tokenizer = await load({ 'tokenizer.json': bad + text.slice(1) });
    expect([...(await tokenizer.encode(['a'], { maxTokens: 8 })).ids]).toEqual([1]);
  });
});

describe('an odd tokenizer.json that is sound', () => {
  it.each(SOUND)('%s', async (_, parts) => {
    const tokenizer = await loadJson(small(parts));
    for (const text of ['', 'a', ' b a ab ', '\uFDFA\u00ad e\u0301']) {
      await tokenizer.encodeWithOffsets(text).catch((error: Error) => {
        // A vocabulary this small may lack its unknown token; anything else is a fault.
        expect(error.message).toMatch(/unk|UNK/);
      });
    }
    await tokenizer.decode([0, 1]);
  });
});

describe('hostile vocabulary files', () => {
  it('ten million lines of vocab.txt, or of merges.txt', async () => {
    await expect(load({ 'vocab.txt': 'a\n'.repeat(10_000_000) })).rejects.toMatchObject({
      code: 'UNSUPPORTED_MODEL',
      message: expect.stringMatching(
        /vocab\.txt: must have at most 1048576 lines, got more/,
      ) as string,
    });
    const specials = Object.fromEntries(
      ['<s>', '<pad>', '</s>', '<unk>', '<mask>'].map((token, id) => [token, id]),
    );
    const files = { 'vocab.json': specials, 'merges.txt': 'a b\n'.repeat(10_000_000) };
    await expect(load(files)).rejects.toMatchObject({
      code: 'UNSUPPORTED_MODEL',
      message: expect.stringMatching(
        /merges\.txt: must have at most 2097152 lines, got more/,
      ) as string,
    });
  });
});
