// Components and values that tokenizer-mutations.mjs puts into a tokenizer.json: valid ones, odd ones, and ones meant to crash
// a process.
import { CLIP, LLAMA_3 } from './tokenizer-kinds.mjs';

const deep = (depth, leaf) => {
  let value = leaf;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
};

export const VALUES = [
  ...[null, true, false, -1, 0, 1, 2, 0.5, 255, 65536, 2 ** 31, 2 ** 32, 2 ** 53, 1e308, -1e308],
  ...[
    '',
    'a',
    ' ',
    '##',
    '\u0301',
    '\u0000',
    '\uFDFA',
    '中',
    '\ud83d\ude00',
    '[UNK]',
    'a'.repeat(300),
    'ab'.repeat(20_000),
  ],
  ...[[], {}, ['a', 0], [0, 'a'], { type: 'Sequence' }, deep(300, 'x')],
];
export const NUMBERS = VALUES.filter((value) => typeof value === 'number');
export const TEXTS = VALUES.filter((value) => typeof value === 'string');
const REGEXES = [
  ...[
    CLIP,
    LLAMA_3,
    ' {2,}',
    '\\s+',
    '\\S+',
    '\\p{L}+',
    '[^\\s]+',
    '.',
    '.+',
    'a|b',
    '\\b',
    '^',
    'x*',
    '\\s+$',
    '(?=a)',
    'a(?!b)',
  ],
  ...[
    '(a+)+$',
    '(a|a)*b',
    '^(([a-z])+.)+[A-Z]([a-z])+$',
    '(\\w+\\s?)*$',
    'a*a*a*a*b',
    '(x+x+)+y',
    '(.*)*',
    '\\s*\\s*x',
  ],
  ...[
    '(a?){30}a{30}',
    'a{1,1000}b',
    '((a{1,100}){1,100}){1,100}',
    '(?<n>a)\\k<n>',
    '(a)\\1',
    '(?<=a+)b',
    'a\\Kb',
    '\\X',
    '\\R',
  ],
  ...[
    '[',
    '(',
    ')',
    '*',
    '[[:alpha:]]+',
    '[a&&b]',
    '(?i:ss)',
    '(?>a+)b',
    '\\xff',
    '(?~ab)',
    '\\g<0>',
    'a++b',
    '(?:\\r\\n|\\s)+x',
  ],
  ...[
    '\\s+(?=x)|\\s+',
    '\\s*[\\r\\n]+|\\s+',
    'a\\s+b|\\s+',
    ' \\s+x|\\s|\\s+',
    '[a-z]*[a-z]+!|[a-z]+',
  ],
];
const BEHAVIORS = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'];

/** A pattern: a text, a regex of the list, or a random regex of atoms, quantifiers and groups. */
export function anyPattern(tools) {
  const { pick, random } = tools;
  if (random() < 0.3)
    return { String: pick(['a', ' ', '', 'the', '中', '\u0301', 'a'.repeat(200)]) };
  return { Regex: random() < 0.4 ? pick(REGEXES) : anyRegex(tools) };
}

const ATOMS = [
  'a',
  'b',
  ' ',
  'x',
  '.',
  '\\s',
  '\\S',
  '\\w',
  '\\d',
  '\\p{L}',
  '\\p{N}',
  '[ab]',
  '[^a]',
  '[^\\s\\p{L}]',
  '[\\r\\n]',
  '[a-z]',
  '中',
  '$',
  '^',
  '\\b',
  '(?!\\S)',
  '(?=a)',
  '(?<!a)',
];
const QUANTIFIERS = [
  '',
  '',
  '',
  '',
  '?',
  '*',
  '+',
  '+',
  '{1,3}',
  '{2,}',
  '*?',
  '+?',
  '++',
  '{0,100}',
];

function anyRegex(tools, depth = 0) {
  const { pick, random } = tools;
  const atom = () =>
    depth < 2 && random() < 0.12 ? `(?:${anyRegex(tools, depth + 1)})` : pick(ATOMS);
  const sequence = () =>
    Array.from({ length: 1 + Math.floor(random() * 3) }, () => atom() + pick(QUANTIFIERS)).join('');
  const ends = ['\\s+', '\\s+', 'a', '.'];
  const list = Array.from({ length: 1 + Math.floor(random() * 3) }, sequence);
  return (random() < 0.4 ? [...list, pick(ends)] : list).join('|');
}

const flag = ({ random }) => random() < 0.5;

export function anyNormalizer(tools) {
  const { pick } = tools;
  return pick([
    {
      type: 'BertNormalizer',
      clean_text: flag(tools),
      handle_chinese_chars: flag(tools),
      strip_accents: pick([null, true, false]),
      lowercase: flag(tools),
    },
    { type: 'Strip', strip_left: flag(tools), strip_right: flag(tools) },
    ...['StripAccents', 'NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'Nmt', 'ByteLevel'].map(
      (type) => ({ type }),
    ),
    { type: 'Prepend', prepend: pick(['▁', ' ', '', 'a', 'x'.repeat(100), 'x'.repeat(100_000)]) },
    {
      type: 'Precompiled',
      precompiled_charsmap: pick(['', 'AAAA', 'gAAAAA==', 'BAAAAAAAAAA=', '%%', null]),
    },
    ...[1, 2, 3].map(() => ({
      type: 'Replace',
      pattern: anyPattern(tools),
      content: pick(['', ' ', 'a', 'aaaaaaaaaaaaaaaa', '\uFDFA', '中', 'b'.repeat(300)]),
    })),
  ]);
}

export function anyPreTokenizer(tools) {
  const { pick } = tools;
  return pick([
    ...['BertPreTokenizer', 'Whitespace', 'WhitespaceSplit', 'UnicodeScripts'].map((type) => ({
      type,
    })),
    {
      type: 'ByteLevel',
      add_prefix_space: flag(tools),
      trim_offsets: flag(tools),
      use_regex: flag(tools),
    },
    {
      type: 'Metaspace',
      replacement: pick(['▁', ' ', 'a', '\ud83d\ude00', 'ab']),
      prepend_scheme: pick(['always', 'first', 'never']),
      split: flag(tools),
    },
    { type: 'CharDelimiterSplit', delimiter: pick([' ', 'a', '中', '']) },
    { type: 'Punctuation', behavior: pick(BEHAVIORS) },
    { type: 'Digits', individual_digits: flag(tools) },
    { type: 'FixedLength', length: pick([0, 1, 2, 5, ...NUMBERS]) },
    ...[1, 2, 3].map(() => ({
      type: 'Split',
      pattern: anyPattern(tools),
      behavior: pick(BEHAVIORS),
      invert: flag(tools),
    })),
  ]);
}

export function anyDecoder(tools) {
  const { pick } = tools;
  return pick([
    ...['Fuse', 'ByteFallback'].map((type) => ({ type })),
    { type: 'BPEDecoder', suffix: pick(['</w>', '', 'a']) },
    { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    { type: 'WordPiece', prefix: pick(['##', '', 'a']), cleanup: flag(tools) },
    { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    {
      type: 'CTC',
      pad_token: pick(['<pad>', '']),
      word_delimiter_token: pick(['|', '']),
      cleanup: flag(tools),
    },
    {
      type: 'Strip',
      content: pick([' ', 'a']),
      start: pick([0, 1, ...NUMBERS]),
      stop: pick([0, 0, 1, ...NUMBERS]),
    },
    { type: 'Replace', pattern: anyPattern(tools), content: pick(['', ' ', 'aaaaaaaa']) },
  ]);
}
