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
    'whole texts',
    () =>
      changed('modernbert', { pre_tokenizer: splitters({ type: 'UnicodeScripts' }, bytes(false)) }),
  ],
];
