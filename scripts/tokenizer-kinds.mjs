// The kinds of tokenizers that fuzz-tokenizers.mjs damages, like those of published models: fixtures of test/, and small ones
// made here for kinds without a fixture. Each is the parsed value of a tokenizer.json.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const FIXTURES = ['bert', 'mpnet', 'albert', 'deberta-v2-seqcls', 'modernbert', 'roberta-seqcls'];
export const LLAMA_3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
export const CLIP =
  "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

const LETTERS = [...'abcdefghijklmnopqrstuvwxyz0123456789.,!?'];
const EMPTY = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
};
const BPE = {
  type: 'BPE',
  dropout: null,
  unk_token: null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
};

const idsOf = (tokens) => Object.fromEntries(tokens.map((token, id) => [token, id]));
const sequence = (key, ...parts) => ({ type: 'Sequence', [key]: parts });
const replace = (pattern, content) => ({ type: 'Replace', pattern, content });
const byteLevel = (flags) => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: true,
  ...flags,
});

function added(id, content, flags = {}) {
  const none = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return { id, content, ...none, special: true, ...flags };
}

function template(cls, sep) {
  const token = ([id], type_id) => ({ SpecialToken: { id, type_id } });
  const text = (id, type_id) => ({ Sequence: { id, type_id } });
  const single = [token(cls, 0), text('A', 0), token(sep, 0)];
  const known = ([id, number]) => [id, { id, ids: [number], tokens: [id] }];
  return {
    type: 'TemplateProcessing',
    single,
    pair: [...single, text('B', 1), token(sep, 1)],
    special_tokens: Object.fromEntries([cls, sep].map(known)),
  };
}

/** Sentencepiece with its character map, as XLM-R, e5 and bge-m3 have it. */
function xlmRoberta(charsmap) {
  const pieces = ['<s>', '<pad>', '</s>', '<unk>', '▁', '▁the', '▁a', 'ing', ...LETTERS, '<mask>'];
  const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true };
  const specials = pieces.slice(0, 4).map((token, id) => added(id, token));
  const mask = added(pieces.length - 1, '<mask>', { lstrip: true, normalized: true });
  const vocab = pieces.map((piece, i) => [piece, -i / 7]);
  const map = { type: 'Precompiled', precompiled_charsmap: charsmap };
  return {
    ...EMPTY,
    added_tokens: [...specials, mask],
    normalizer: sequence('normalizers', map, replace({ Regex: ' {2,}' }, ' ')),
    pre_tokenizer: sequence('pretokenizers', { type: 'WhitespaceSplit' }, metaspace),
    post_processor: template(['<s>', 0], ['</s>', 2]),
    decoder: metaspace,
    model: { type: 'Unigram', unk_id: 3, vocab, byte_fallback: false },
  };
}

function wordLevel() {
  const vocab = idsOf(['[UNK]', '[CLS]', '[SEP]', 'the', 'short', 'text', ...LETTERS]);
  const forms = ['NFD', 'Lowercase', 'StripAccents'].map((type) => ({ type }));
  return {
    ...EMPTY,
    added_tokens: ['[UNK]', '[CLS]', '[SEP]'].map((token, id) => added(id, token)),
    normalizer: sequence('normalizers', ...forms),
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: template(['[CLS]', 1], ['[SEP]', 2]),
    model: { type: 'WordLevel', unk_token: '[UNK]', vocab },
  };
}

function clip() {
  const specials = ['<|startoftext|>', '<|endoftext|>'];
  const ends = LETTERS.map((one) => `${one}</w>`);
  const split = { type: 'Split', pattern: { Regex: CLIP }, behavior: 'Removed', invert: true };
  return {
    ...EMPTY,
    added_tokens: specials.map((token, id) => added(id, token)),
    normalizer: sequence('normalizers', { type: 'NFC' }, replace({ Regex: '\\s+' }, ' '), {
      type: 'Lowercase',
    }),
    pre_tokenizer: sequence('pretokenizers', split, byteLevel()),
    post_processor: {
      type: 'RobertaProcessing',
      sep: ['<|endoftext|>', 1],
      cls: ['<|startoftext|>', 0],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: byteLevel(),
    model: {
      ...BPE,
      unk_token: '<|endoftext|>',
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      vocab: idsOf([...specials, ...LETTERS, ...ends, 'th', 'the</w>']),
      merges: ['t h', 'th e</w>'],
    },
  };
}

function llama3() {
  const split = { type: 'Split', pattern: { Regex: LLAMA_3 }, behavior: 'Isolated', invert: false };
  const begin = ['<|begin|>', 44];
  return {
    ...EMPTY,
    added_tokens: [added(44, '<|begin|>')],
    pre_tokenizer: sequence('pretokenizers', split, byteLevel({ use_regex: false })),
    post_processor: sequence('processors', byteLevel(), template(begin, begin)),
    decoder: byteLevel({ add_prefix_space: true }),
    model: {
      ...BPE,
      ignore_merges: true,
      vocab: idsOf([...LETTERS, 'Ġ', 'th', 'the', 'Ġthe']),
      merges: [
        ['t', 'h'],
        ['th', 'e'],
        ['Ġ', 'the'],
      ],
    },
  };
}

/** BPE with byte fallback for unknown characters, and a chain of decoders. */
function llama2() {
  const hex = (i) => i.toString(16).toUpperCase().padStart(2, '0');
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${hex(i)}>`);
  const specials = ['<unk>', '<s>', '</s>'];
  return {
    ...EMPTY,
    added_tokens: specials.map((token, id) => added(id, token)),
    normalizer: sequence(
      'normalizers',
      { type: 'Prepend', prepend: '▁' },
      replace({ String: ' ' }, '▁'),
    ),
    post_processor: template(['<s>', 1], ['</s>', 2]),
    decoder: sequence(
      'decoders',
      replace({ String: '▁' }, ' '),
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ),
    model: {
      ...BPE,
      unk_token: '<unk>',
      fuse_unk: true,
      byte_fallback: true,
      vocab: idsOf([...specials, ...bytes, ...LETTERS, '▁', 'th', '▁th']),
      merges: ['t h', '▁ th'],
    },
  };
}

/** [name, tokenizer.json] of each kind; `root` is the repository. */
export function tokenizerKinds(root) {
  const read = (...path) => readFileSync(join(root, 'test/fixtures', ...path), 'utf8');
  const fixture = (name) => [name, JSON.parse(read('encoders', name, 'tokenizer.json'))];
  return [
    ...FIXTURES.map(fixture),
    ['xlm-roberta', xlmRoberta(read('tokenizer', 'charsmap.txt').trim())],
    ['wordlevel', wordLevel()],
    ['clip', clip()],
    ['llama3', llama3()],
    ['llama2', llama2()],
  ];
}
