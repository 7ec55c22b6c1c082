// Tokenizers of every kind: those of the fixtures, and the same with other components.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { JsonObject, JsonValue } from '../../lib/core/json.js';

async function fixture(name: string): Promise<JsonObject> {
  const path = fileURLToPath(
    new URL(`../fixtures/encoders/${name}/tokenizer.json`, import.meta.url),
  );
  return JSON.parse(await readFile(path, 'utf8')) as JsonObject;
}

/** A fixture with other components. */
export async function changed(name: string, changes: JsonObject): Promise<JsonObject> {
  return { ...(await fixture(name)), ...changes };
}

const sequence = (key: string, ...parts: readonly JsonObject[]): JsonValue => ({
  type: 'Sequence',
  [key]: parts,
});
const normalizers = (...parts: readonly JsonObject[]) => sequence('normalizers', ...parts);
const splitters = (...parts: readonly JsonObject[]) => sequence('pretokenizers', ...parts);
const bytes = (prefix: boolean, regex = true): JsonObject => ({
  ...{ type: 'ByteLevel', add_prefix_space: prefix, trim_offsets: true, use_regex: regex },
});
const metaspace = (scheme: string): JsonObject => ({
  ...{ type: 'Metaspace', replacement: '▁', prepend_scheme: scheme, split: true },
});
const CL100K =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const mask = (flags: JsonObject) => ({
  ...{ id: 4, content: '<mask>', special: true, lstrip: false, rstrip: false },
  ...{ normalized: false, single_word: false, ...flags },
});

/** A BPE vocabulary of some tokens, and all parts that the merges make. */
export function bpe(
  merges: readonly (readonly [string, string])[],
  more: readonly string[],
  settings: JsonObject = {},
): JsonObject {
  const { continuing_subword_prefix: prefix = '' } = settings;
  const made = merges.map(([left, right]) => left + right.slice(String(prefix).length));
  const tokens = [...new Set(['<unk>', ...more, ...merges.flat(), ...made])];
  const vocab = Object.fromEntries(tokens.map((token, i) => [token, i + 9]));
  return {
    type: 'BPE',
    vocab,
    merges: merges.map((pair) => [...pair]),
    unk_token: '<unk>',
    ...settings,
  };
}

export const BYTE_TOKENS = Array.from({ length: 256 }, (_, byte) => {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
});
const BYTES = { fuse_unk: true, byte_fallback: true };
const PAIRS = [
  ...[
    't h',
    'th e',
    '▁ the',
    'o f',
    'p e',
    'pe o',
    'p l',
    'peo pl',
    'a m',
    'x x',
    'xx xx',
    'A C',
    'T T',
  ],
  ...['▁ ▁', '▁▁ ▁▁', 'a c', 'ac ac', '- -', '-- --', '1 2', 'G G', 'c a', '中 文', '▁ a'],
].map((pair) => pair.split(' ') as [string, string]);
const LETTERS = [...'abcdefghijklmnopqrstuvwxyzACGT▁12-中文\n'];
const spaces: JsonObject = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
const marks = (id: number, content: string, flags: JsonObject = {}) =>
  mask({ id, content, ...flags }) as JsonObject;
const CLIP = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

async function withBytes(name: string): Promise<JsonObject> {
  const { model } = await fixture(name);
  const { vocab } = model as { readonly vocab: JsonValue[] };
  const bytes = BYTE_TOKENS.map((token) => [token, -20]);
  return { ...(model as JsonObject), vocab: [...vocab, ...bytes], byte_fallback: true };
}

/** Of byte-level BPE, with words that no merge makes. */
async function withWords(name: string): Promise<JsonObject> {
  const { model } = await fixture(name);
  const { vocab } = model as { readonly vocab: JsonObject };
  const words = [
    'Ġpeople',
    'thepeopleofamerica',
    'xxxxxxxx',
    'ĠACGT',
    '中',
    '----',
    'Ċ',
    'é',
    'ĠĠĠ',
  ];
  const more = Object.fromEntries(
    words.filter((word) => !Object.hasOwn(vocab, word)).map((word, i) => [word, 5000 + i]),
  );
  return { ...(model as JsonObject), vocab: { ...vocab, ...more }, ignore_merges: true };
}

/** Name and tokenizer.json of each. */
export const KINDS: readonly (readonly [string, () => Promise<JsonObject>])[] = [
  ...['albert', 'bert', 'deberta-v2-seqcls', 'modernbert', 'mpnet', 'roberta-seqcls'].map(
    (name) => [name, () => fixture(name)] as const,
  ),
  [
    'a cased one without Chinese words',
    () =>
      changed('bert', {
        normalizer: {
          ...{ type: 'BertNormalizer', clean_text: false, handle_chinese_chars: false },
          ...{ strip_accents: false, lowercase: false },
        },
      }),
  ],
  [
    'WordPiece with single words and NFC',
    () =>
      changed('bert', { normalizer: { type: 'NFC' }, added_tokens: [mask({ single_word: true })] }),
  ],
  [
    'byte-level with a prefix space',
    () => changed('roberta-seqcls', { pre_tokenizer: bytes(true) }),
  ],
  [
    'byte-level with a prefix space in places too',
    () =>
      changed('roberta-seqcls', {
        pre_tokenizer: bytes(true),
        post_processor: {
          ...{ type: 'RobertaProcessing', sep: ['</s>', 2], cls: ['<s>', 0] },
          ...{ trim_offsets: true, add_prefix_space: true },
        },
      }),
  ],
  [
    'byte-level with the pattern of Llama 3',
    () =>
      changed('modernbert', {
        pre_tokenizer: splitters(
          { type: 'Split', pattern: { Regex: CL100K }, behavior: 'Isolated', invert: false },
          bytes(false, false),
        ),
      }),
  ],
  [
    'byte-level with digits apart',
    () =>
      changed('modernbert', {
        pre_tokenizer: splitters({ type: 'Digits', individual_digits: true }, bytes(false)),
      }),
  ],
  [
    'sentencepiece as DeBERTa has it',
    () =>
      changed('deberta-v2-seqcls', {
        normalizer: normalizers(
          { type: 'Strip', strip_left: true, strip_right: true },
          { type: 'NFKC' },
          { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
        ),
        pre_tokenizer: splitters(
          { type: 'Punctuation', behavior: 'Isolated' },
          metaspace('always'),
        ),
      }),
  ],
  [
    'sentencepiece as ALBERT has it',
    () =>
      changed('albert', {
        normalizer: normalizers(
          { type: 'Replace', pattern: { String: '``' }, content: '"' },
          { type: 'Replace', pattern: { String: "''" }, content: '"' },
          ...['NFKD', 'StripAccents', 'Lowercase'].map((type) => ({ type })),
          { type: 'Strip', strip_left: false, strip_right: true },
          { type: 'Replace', pattern: { Regex: ' {2,}' }, content: '▁' },
        ),
        pre_tokenizer: splitters({ type: 'WhitespaceSplit' }, metaspace('always')),
      }),
  ],
  [
    'sentencepiece, marked at the beginning',
    () => changed('albert', { pre_tokenizer: metaspace('first') }),
  ],
  [
    'sentencepiece, normalized added tokens',
    () => changed('albert', { added_tokens: [mask({ normalized: true, lstrip: true })] }),
  ],
  [
    'words of a list',
    () =>
      changed('bert', {
        normalizer: { type: 'Lowercase' },
        pre_tokenizer: { type: 'Whitespace' },
        post_processor: null,
        added_tokens: [],
        model: {
          type: 'WordLevel',
          vocab: { '[UNK]': 0, the: 1, red: 2, ',': 3, x: 4 },
          unk_token: '[UNK]',
        },
      }),
  ],
  [
    'BPE with words marked by a space',
    () =>
      changed('albert', {
        normalizer: { type: 'Nmt' },
        model: {
          type: 'BPE',
          vocab: { '<unk>': 0, '▁': 1, t: 2, h: 3, e: 4, th: 5 },
          merges: ['t h'],
          unk_token: '<unk>',
          fuse_unk: true,
        },
      }),
  ],
  [
    'BPE with bytes, as Llama 2 has it',
    () =>
      changed('albert', {
        normalizer: normalizers({ type: 'Prepend', prepend: '▁' }, spaces),
        pre_tokenizer: null,
        added_tokens: [marks(1, '<s>'), marks(2, '</s>', { normalized: true })],
        model: bpe(PAIRS, [...LETTERS, ...BYTE_TOKENS], BYTES),
      }),
  ],
  [
    'BPE with bytes, as Gemma has it',
    () =>
      changed('albert', {
        normalizer: spaces,
        pre_tokenizer: {
          ...{ type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious' },
          invert: false,
        },
        added_tokens: [
          ...[marks(1, '<s>'), marks(2, '<mask>', { lstrip: true }), marks(3, '\n\n')],
          ...[marks(4, '\n\n\n'), marks(5, '▁▁'), marks(6, '▁▁▁'), marks(7, '<unused0>')],
        ],
        model: bpe(PAIRS, [...LETTERS, ...BYTE_TOKENS], BYTES),
      }),
  ],
  [
    'BPE with bytes, marked at the beginning and not divided',
    () =>
      changed('albert', {
        normalizer: null,
        pre_tokenizer: { ...metaspace('first'), split: false },
        added_tokens: [marks(1, '<s>'), marks(2, 'the', { single_word: true })],
        model: bpe(PAIRS, [...LETTERS, ...BYTE_TOKENS], BYTES),
      }),
  ],
  [
    'BPE with single words and digits apart',
    () =>
      changed('albert', {
        normalizer: { type: 'NFKC' },
        pre_tokenizer: splitters(
          { type: 'Digits', individual_digits: true },
          {
            ...{ type: 'Punctuation', behavior: 'Isolated' },
          },
        ),
        added_tokens: [
          marks(1, 'people', { single_word: true }),
          marks(2, '<mask>', { rstrip: true }),
        ],
        model: bpe(PAIRS, [...LETTERS, ' ', ',']),
      }),
  ],
  [
    'byte-level with words that no merge makes',
    async () =>
      changed('modernbert', {
        model: await withWords('modernbert'),
        pre_tokenizer: splitters(
          { type: 'Split', pattern: { Regex: CL100K }, behavior: 'Isolated', invert: false },
          bytes(false, false),
        ),
      }),
  ],
  [
    'BPE with the ends of words marked, as CLIP has it',
    () =>
      changed('roberta-seqcls', {
        normalizer: normalizers(
          { type: 'NFC' },
          { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
          { type: 'Lowercase' },
        ),
        pre_tokenizer: splitters(
          { type: 'Split', pattern: { Regex: CLIP }, behavior: 'Removed', invert: true },
          bytes(false),
        ),
        added_tokens: [marks(1, '<|endoftext|>', { normalized: true })],
        model: bpe(
          [
            ...PAIRS,
            ['e', '</w>'],
            ['th', 'e</w>'],
            ['o', 'f</w>'],
            ['a', 'c</w>'],
            ['x', 'x</w>'],
          ].filter(
            ([left = '', right = '']) => right !== '</w>' && !/[▁中]/.test(left + right),
          ) as [string, string][],
          [...LETTERS, ...LETTERS.map((letter) => `${letter}</w>`)],
          { end_of_word_suffix: '</w>', unk_token: '<unk>' },
        ),
      }),
  ],
  [
    'BPE with a prefix for the parts of words',
    () =>
      changed('albert', {
        normalizer: null,
        pre_tokenizer: { type: 'WhitespaceSplit' },
        added_tokens: [marks(1, '<s>')],
        model: bpe(
          PAIRS.flatMap(([left, right]) => [
            [left, `##${right}`],
            [`##${left}`, `##${right}`],
          ]),
          [...LETTERS, ...LETTERS.map((letter) => `##${letter}`)],
          { continuing_subword_prefix: '##', fuse_unk: false },
        ),
      }),
  ],
  ['Unigram with bytes', async () => changed('albert', { model: await withBytes('albert') })],
  [
    'Unigram with bytes, not divided',
    async () =>
      changed('albert', {
        model: await withBytes('albert'),
        normalizer: null,
        pre_tokenizer: { ...metaspace('never'), split: false },
      }),
  ],
  [
    'WordPiece with added tokens that take blanks along',
    () =>
      changed('bert', {
        added_tokens: [
          mask({ rstrip: true }),
          marks(5, '[MASK]', { lstrip: true, rstrip: true, normalized: true }),
        ],
      }),
  ],
  [
    'byte-level with added tokens that take blanks along',
    () =>
      changed('modernbert', {
        added_tokens: [
          mask({ lstrip: true, rstrip: true }),
          marks(5, '[MASK]', { rstrip: true, normalized: true }),
        ],
      }),
  ],
  [
    'sentencepiece with added tokens that take blanks along',
    () =>
      changed('albert', { added_tokens: [mask({ lstrip: true, rstrip: true, normalized: true })] }),
  ],
  [
    'words with scripts and digits apart',
    () =>
      changed('bert', {
        pre_tokenizer: splitters(
          { type: 'WhitespaceSplit' },
          { type: 'UnicodeScripts' },
          { type: 'Digits', individual_digits: false },
        ),
      }),
  ],
  [
    'whole texts',
    () =>
      changed('modernbert', { pre_tokenizer: splitters({ type: 'UnicodeScripts' }, bytes(false)) }),
  ],
];
