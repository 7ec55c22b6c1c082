// What BERT's normalizer and pre-tokenizer of the `tokenizers` package do to each code point. The package has Unicode tables of its own
// version, which neither Node's nor a C++ library's need to equal, so it is asked.
import { createRequire } from 'node:module';

const { bertNormalizer, bertPreTokenizer, Tokenizer } = createRequire(import.meta.url)(
  'tokenizers',
);

const OFF = { cleanText: false, handleChineseChars: false, stripAccents: false, lowercase: false };
const clean = bertNormalizer({ ...OFF, cleanText: true });
const spaced = bertNormalizer({ ...OFF, handleChineseChars: true });
const stripped = bertNormalizer({ ...OFF, stripAccents: true });
const lowered = bertNormalizer({ ...OFF, lowercase: true });
const splitter = bertPreTokenizer();

const HANGUL = [0xac00, 0xd7a3];
const between = (normalizer, text) => normalizer.normalizeString(`a${text}b`).slice(1, -1);
const points = (text) => [...text].map((character) => character.codePointAt(0));

/** Whether canonical order may move a mark past others, so that what it becomes depends on its neighbours. */
const isMoved = (character) =>
  ['\u0334', '\u0345'].some((mark) =>
    [character + mark, mark + character].some((pair) => pair.normalize('NFD') !== pair),
  );

/** 'space' for what divides words and is dropped, 'mark' for what is a word of its own, else 'letter'. */
function kindOf(character) {
  const words = splitter.preTokenizeString(`a${character}b`).map(([word]) => word);
  if (words.length === 1) return 'letter';
  return words.length === 2 ? 'space' : 'mark';
}

/** Whether a pattern of the package's regular expressions finds a character between two that it does not find. */
function finder(pattern, other) {
  const splitter = Tokenizer.fromString(
    JSON.stringify({
      version: '1.0',
      added_tokens: [],
      pre_tokenizer: {
        type: 'Split',
        ...{ pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
      },
      model: { type: 'WordLevel', vocab: { a: 0 }, unk_token: 'a' },
    }),
  ).getPreTokenizer();
  return (character) => splitter.preTokenizeString(`${other}${character}${other}`).length > 1;
}

/** Code points of the classes of GPT-2's pattern: { letter, number, white }. */
export function probeClasses() {
  const finders = [
    ['letter', finder('\\p{L}', '1')],
    ['number', finder('\\p{N}', 'a')],
    ['white', finder('\\s', 'a')],
  ];
  const found = { letter: [], number: [], white: [] };
  for (let point = 0; point <= 0x10ffff; point++) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    const character = String.fromCodePoint(point);
    for (const [name, finds] of finders) if (finds(character)) found[name].push(point);
  }
  return found;
}

/**
 * Code points by property, and what others become: { removed, blank, ideograph, space, mark, moved } are sets of code points,
 * `stripped` and `lowered` are maps to lists of code points. Hangul syllables are left out of `stripped`: their letters follow by arithmetic.
 */
export function probeCharacters() {
  const found = {
    ...{ removed: [], blank: [], ideograph: [], space: [], mark: [], moved: [] },
    ...{ stripped: new Map(), lowered: new Map() },
  };
  for (let point = 0; point <= 0x10ffff; point++) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    const character = String.fromCodePoint(point);
    const cleaned = between(clean, character);
    if (cleaned === '') found.removed.push(point);
    else if (cleaned === ' ') found.blank.push(point);
    if (between(spaced, character) === ` ${character} `) found.ideograph.push(point);
    const kind = kindOf(character);
    if (kind !== 'letter') found[kind].push(point);
    const letters = between(stripped, character);
    const isHangul = point >= HANGUL[0] && point <= HANGUL[1];
    if (letters !== character && !isHangul) found.stripped.set(point, points(letters));
    const lower = between(lowered, character);
    if (lower !== character) found.lowered.set(point, points(lower));
    if ([...letters].some(isMoved)) found.moved.push(point);
  }
  return found;
}
