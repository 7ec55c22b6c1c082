/**
 * Guesses the encoding of bytes that are not UTF-8 by the characters that are frequent in texts of a language.
 *
 * The rule: each test requires what its own language always shows, and excludes the others; where no test passes, or more than
 * one, there is no guess.
 */
import { formatPercent } from '../core/units.js';
import { isLegacy } from './encodings.js';

export interface EncodingGuess {
  readonly name: string;
  readonly why: string;
}

/** Counts of two-byte characters as GB 2312, Big5 and the EUC encodings form them. */
interface PairCounts {
  total: number;
  /** First byte 0xA1 to 0xA3: punctuation, full-width letters. */
  signs: number;
  /** First byte 0xA4 or 0xA5, second from 0xA1: kana. */
  kana: number;
  /** First byte 0xB0 to 0xD7, second from 0xA1: the common characters of GB 2312, by their sound. */
  common: number;
  /** Of these, first byte from 0xC9: sounds from s to z. Korean syllables end before them. */
  late: number;
  /** First byte 0xA4 to 0xC6: the common characters of Big5. */
  big5: number;
  /** Second byte below 0xA1. */
  low: number;
}

/** Least share of common characters among all. */
const MOSTLY = 0.85;

/** The encoding of a sample of lines; null where it cannot be told. */
export function guessLegacy(sample: Uint8Array): EncodingGuess | null {
  const pairs = countPairs(sample);
  const guesses = [
    chinese(pairs),
    traditional(pairs),
    korean(pairs),
    japaneseEuc(pairs),
    japanese(sample),
    western(sample),
  ].filter((guess) => guess !== null);
  const fitting = guesses.filter(({ name }) => isLegacy(name, sample));
  const [only] = fitting;
  return fitting.length === 1 && only !== undefined ? only : null;
}

function countPairs(bytes: Uint8Array): PairCounts {
  const counts = { total: 0, signs: 0, kana: 0, common: 0, late: 0, big5: 0, low: 0 };
  for (let at = 0; at + 1 < bytes.length; at++) {
    const first = bytes[at] ?? 0;
    if (first < 0x81) continue;
    const second = bytes[++at] ?? 0;
    counts.total += 1;
    if (second >= 0x30 && second <= 0x39) at += 2;
    if (first >= 0xa4 && first <= 0xc6) counts.big5 += 1;
    if (second < 0xa1) {
      counts.low += 1;
      continue;
    }
    if (first >= 0xa1 && first <= 0xa3) counts.signs += 1;
    if (first === 0xa4 || first === 0xa5) counts.kana += 1;
    if (first >= 0xb0 && first <= 0xd7) counts.common += 1;
    if (first >= 0xc9 && first <= 0xd7) counts.late += 1;
  }
  return counts;
}

const share = (part: number, total: number): string => formatPercent(part / total, 0);

function chinese({ total, signs, kana, common, late }: PairCounts): EncodingGuess | null {
  if (total < 2 || common === 0 || signs + common < MOSTLY * total) return null;
  if (kana > 0.05 * total || late < 0.1 * common) return null;
  const why = `${share(signs + common, total)} of its characters are common Chinese ones`;
  return { name: 'gb18030', why };
}

function traditional({ total, big5, signs, low }: PairCounts): EncodingGuess | null {
  if (total < 4 || big5 + signs < MOSTLY * total || low < 0.15 * total) return null;
  return {
    name: 'big5',
    why: `${share(big5 + signs, total)} of its characters are common in Big5`,
  };
}

function korean({ total, signs, common, late, low }: PairCounts): EncodingGuess | null {
  const syllables = common - late;
  if (total < 6 || syllables + signs < MOSTLY * total) return null;
  if (late > 0.02 * total || low > 0) return null;
  return {
    name: 'euc-kr',
    why: `${share(syllables, total)} of its characters are Korean syllables`,
  };
}

function japaneseEuc({ total, kana, signs, common, low }: PairCounts): EncodingGuess | null {
  if (total < 4 || kana < 0.2 * total || low > 0) return null;
  if (kana + signs + common < MOSTLY * total) return null;
  return { name: 'euc-jp', why: `${share(kana, total)} of its characters are kana` };
}

/** Shift-JIS: pairs that begin with 0x81 to 0x9F and 0xE0 to 0xFC; half-width kana are single bytes. */
function japanese(bytes: Uint8Array): EncodingGuess | null {
  let [total, half, kana, common] = [0, 0, 0, 0];
  for (let at = 0; at < bytes.length; at++) {
    const first = bytes[at] ?? 0;
    if (first < 0x81) continue;
    total += 1;
    if (first >= 0xa1 && first <= 0xdf) {
      half += 1;
      continue;
    }
    const second = bytes[++at] ?? 0;
    const isKana =
      (first === 0x82 && second >= 0x9f && second <= 0xf1) ||
      (first === 0x83 && second >= 0x40 && second <= 0x96);
    if (isKana) kana += 1;
    // Punctuation, full-width letters, and the common characters of JIS.
    if (isKana || first <= 0x82 || (first >= 0x88 && first <= 0x97)) common += 1;
  }
  if (total < 3 || kana < 0.15 * total || half > 0.2 * total) return null;
  if (common + half < MOSTLY * total) return null;
  return { name: 'shift_jis', why: `${share(kana, total)} of its characters are kana` };
}

/** Letters beyond ASCII that a language has, in small letters. */
const WESTERN: Readonly<Record<string, string>> = {
  French: 'àâæçéèêëîïôœùûüÿ',
  German: 'äöüßé',
  Spanish: 'áéíñóúüªº',
  Portuguese: 'áâãàçéêíóôõúüªº',
  Italian: 'àèéìîòùªº',
  Dutch: 'éëïóöüèêäá',
  Danish: 'åæøéöä',
  Swedish: 'åäöéüà',
};
/** Letters of Windows-1252 by byte, in small letters; bytes that are missing are no letters. */
const LETTERS: ReadonlyMap<number, string> = new Map(
  [...'ŠŒŽšœžŸªº'].map((char, i) => [
    [0x8a, 0x8c, 0x8e, 0x9a, 0x9c, 0x9e, 0x9f, 0xaa, 0xba][i] ?? 0,
    char.toLowerCase(),
  ]),
);
/** Bytes of the quotes and dashes that word processors insert, the same in all Windows encodings. */
const QUOTES = new Set([0x85, 0x91, 0x92, 0x93, 0x94, 0x96, 0x97]);

function westernLetter(byte: number): string | undefined {
  if (byte < 0xc0 || byte === 0xd7 || byte === 0xf7) return LETTERS.get(byte);
  return String.fromCharCode(byte).toLowerCase();
}

const isAscii = (byte: number | undefined): boolean =>
  byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;

/** Windows-1252: few letters beyond ASCII, among ASCII ones, all of them of one language. */
function western(bytes: Uint8Array): EncodingGuess | null {
  const seen = new Set<string>();
  let [letters, plain, inWords, quotes, run] = [0, 0, 0, 0, 0];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (isAscii(byte)) plain += 1;
    if (QUOTES.has(byte)) quotes += 1;
    const letter = byte < 0x80 ? undefined : westernLetter(byte);
    run = letter === undefined ? 0 : run + 1;
    // A longer run of such letters is a word of another alphabet.
    if (run > 2) return null;
    if (letter === undefined) continue;
    seen.add(letter);
    letters += 1;
    if (isAscii(bytes[at - 1]) || isAscii(bytes[at + 1])) inWords += 1;
  }
  if (letters === 0) {
    if (quotes === 0 || plain === 0) return null;
    return { name: 'windows-1252', why: 'its quotes and dashes are those of Windows' };
  }
  if (letters > 0.3 * plain || inWords < 0.6 * letters) return null;
  const language = Object.entries(WESTERN).find(([, own]) =>
    [...seen].every((letter) => own.includes(letter)),
  );
  if (language === undefined) return null;
  const shown = [...seen].slice(0, 5).join(' ');
  return { name: 'windows-1252', why: `letters as ${language[0]} has them: ${shown}` };
}
