/**
 * Finds labels that mean one class to a person but are different texts: "True" and "TRUE", "café" in two encodings, "spam " with
 * a space at its end, "1" and "1.0".
 *
 * The rule: they stay different, exactly as they are written, and are reported with counts and lines.
 */

import { typeMistake } from '../core/errors.js';

/** One way in which a label is written. */
export interface LabelSpelling {
  readonly label: string;
  /** How often it occurs. */
  readonly count: number;
  /** Lines of its first occurrences, at most three; for rows in memory their indices. */
  readonly lines: readonly number[];
}

/**
 * Labels of a file that a person may take for one, the most frequent first. A group of one is a label that begins or ends with a
 * space, or holds invisible characters.
 */
export interface LabelVariants {
  /** The path as it was given; absent for rows in memory. */
  readonly file?: string;
  readonly spellings: readonly LabelSpelling[];
}

const SHOWN_LINES = 3;
const SHOWN_UNITS = 60;
const END_UNITS = 20;
/** Longer texts are not compared as numbers, which would take time. */
const MAX_NUMBER_UNITS = 400;
/** Characters that take no room on a screen; tabs and line breaks do. */
const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}]|(?![\t-\r\u0085])\p{Cc}/gu;
/** Joiners and variation selectors, which belong to emoji and to some scripts. */
const JOINERS = /\u200C|\u200D|\uFE0E|\uFE0F/g;
const SPACES = /[\s\p{Z}\u0085]+/gu;
/** Characters that a person cannot see or tell from similar ones; shown as escapes. */
const UNCLEAR = /[\p{C}\p{Default_Ignorable_Code_Point}]|(?! )\p{Z}|(?!-)\p{Pd}/gu;
const NOT_ASCII = /[^\x20-\x7E]/gu;
const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d{1,15}))?$/;

/** The key of a label: labels with the same key are variants of each other. */
export function labelKey(label: string): string {
  const seen = label
    .normalize('NFKC')
    .replace(INVISIBLE, '')
    .replace(SPACES, ' ')
    .trim()
    .replace(/\p{Pd}/gu, '-')
    .replace(/[‘’‚‛′`´]/gu, "'")
    .replace(/[“”„‟″]/gu, '"');
  // Upper case first: ß and SS, ς and σ are one letter.
  const folded = seen.toUpperCase().toLowerCase().normalize('NFKC');
  return (folded.length <= MAX_NUMBER_UNITS ? numberKey(folded) : null) ?? folded;
}

/** A decimal number as its digits and exponent, whatever its size: 1, 1.0, +1 and 10e-1 are one number. Else null. */
function numberKey(text: string): string | null {
  const [, sign, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(text) ?? [];
  const digits = whole + fraction;
  if (digits === '') return null;
  const significant = digits.replace(/^0+/, '').replace(/0+$/, '');
  if (significant === '') return '#0';
  const zeros = digits.length - digits.replace(/0+$/, '').length;
  return `#${sign === '-' ? '-' : ''}${significant}e${Number(exponent) - fraction.length + zeros}`;
}

/** The label of `known` that is another spelling of `label`; undefined where there is none. */
export function knownSpelling(label: string, known: Iterable<string>): string | undefined {
  const key = labelKey(label);
  for (const other of known) if (other !== label && labelKey(other) === key) return other;
  return undefined;
}

/** Counts each label, with its first lines. */
export class LabelCounts {
  private readonly counts = new Map<string, { count: number; lines: number[] }>();

  get size(): number {
    return this.counts.size;
  }

  has(label: string): boolean {
    return this.counts.has(label);
  }

  add(label: string, line: number): void {
    const known = this.counts.get(label);
    if (known === undefined) {
      this.counts.set(label, { count: 1, lines: [line] });
      return;
    }
    known.count += 1;
    const { lines } = known;
    if (lines.length < SHOWN_LINES && lines.at(-1) !== line) lines.push(line);
  }

  variants(file?: string): LabelVariants[] {
    const groups = new Map<string, LabelSpelling[]>();
    for (const [label, { count, lines }] of this.counts) {
      const key = labelKey(label);
      const group = groups.get(key);
      if (group) group.push({ label, count, lines });
      else groups.set(key, [{ label, count, lines }]);
    }
    return [...groups.values()]
      .filter((group) => group.length > 1 || group.some(({ label }) => hasUnseen(label)))
      .map((group) => ({
        ...(file !== undefined && { file }),
        spellings: group.sort((a, b) => b.count - a.count),
      }));
  }
}

/** Whether a label begins or ends with a space, or holds invisible characters. */
function hasUnseen(label: string): boolean {
  const withoutJoiners = label.replace(JOINERS, '');
  return label.trim() !== label || withoutJoiners.replace(INVISIBLE, '') !== withoutJoiners;
}

/** Labels of rows in memory that are written in several ways. Rows without a label are skipped. */
export function labelVariants(
  rows: Iterable<{ readonly label?: string | undefined; readonly line?: number }>,
): LabelVariants[] {
  const counts = new LabelCounts();
  let index = 0;
  for (const { label, line } of rows) {
    if (label !== undefined) {
      if (typeof label !== 'string') throw typeMistake(`rows[${index}].label`, 'a string', label);
      counts.add(label, line ?? index);
    }
    index += 1;
  }
  return counts.variants();
}

/** Labels for a message: quoted, clipped in their middle, with escapes where two would look alike. */
export function showLabels(labels: readonly string[]): string[] {
  const isOneText = new Set(labels.map((label) => label.normalize('NFC'))).size < labels.length;
  return labels.map((label) => showLabel(label, isOneText ? NOT_ASCII : UNCLEAR));
}

/** A label for a message, with unclear characters as escapes. */
export function showLabel(label: string, unclear = UNCLEAR): string {
  const short =
    label.length > SHOWN_UNITS
      ? `${label.slice(0, SHOWN_UNITS - END_UNITS - 3)}...${label.slice(-END_UNITS)}`
      : label;
  return JSON.stringify(short).replace(unclear, (char) =>
    Array.from({ length: char.length }, (_, i) => escapeOf(char.charCodeAt(i))).join(''),
  );
}

const escapeOf = (unit: number): string => `\\u${unit.toString(16).padStart(4, '0')}`;

/** A sentence about one group of variants. */
export function describeVariants({ file, spellings }: LabelVariants): string {
  const names = showLabels(spellings.map(({ label }) => label));
  const shown = spellings.slice(0, 6).map(({ count, lines }, i) => {
    const more = count > lines.length ? ' ...' : '';
    const where = `line${lines.length > 1 ? 's' : ''} ${lines.join(', ')}${more}`;
    return `${names[i]} (${count} time${count === 1 ? '' : 's'}, ${where})`;
  });
  const rest = spellings.length - shown.length;
  if (rest > 0) shown.push(`${rest} more`);
  const place = file === undefined ? '' : `${file}: `;
  if (spellings.length === 1) {
    return `${place}the label ${shown[0]} has spaces around it, or characters that cannot be seen`;
  }
  return `${place}labels that differ in spelling only count as different ones: ${shown.join(', ')}`;
}
