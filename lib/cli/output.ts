/**
 * Formats what commands print: aligned tables, numbers with units, and JSON for programs.
 *
 * The rule: text from files never reaches the terminal raw; control characters are shown, not obeyed.
 */
import { rangeMistake } from '../core/errors.js';
import { printable, printableJson } from '../core/visible.js';

export { formatBytes, formatDuration, formatNumber, formatPercent } from '../core/units.js';
export { printable, printableLines } from '../core/visible.js';

/** Where text goes: process.stdout, process.stderr, or a collector in tests. */
export interface TextSink {
  write(text: string): unknown;
  /** Whether the stream is a terminal. */
  readonly isTTY?: boolean;
}

/** Characters two columns wide: East Asian wide and fullwidth forms, and emoji. */
const WIDE =
  /[\u1100-\u115F\u2E80-\u303E\u3041-\u33FF\u3400-\u4DBF\u4E00-\u9FFF\uA000-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{17000}-\u{18CFF}\u{1B000}-\u{1B2FF}\u{20000}-\u{3FFFD}]|\p{Emoji_Presentation}|\uFE0F/u;
/** Characters of no width: marks that join the character before, and invisible format characters. */
const NOTHING = /^[\p{Mn}\p{Me}\p{Cf}]*$/u;
const ASCII = /^[\x20-\x7E]*$/;
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** How many terminal columns a text takes. */
export function displayWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) {
    if (!NOTHING.test(segment)) width += WIDE.test(segment) ? 2 : 1;
  }
  return width;
}

/** Most UTF-16 units per grapheme: a longer text is shortened to so many per column before it is measured. */
const MAX_GRAPHEME_UNITS = 64;

/** Cuts a text to at most `width` columns, ending in "…" where something was cut. */
export function truncate(whole: string, width: number): string {
  const text = whole.slice(0, (width + 1) * MAX_GRAPHEME_UNITS);
  if (text.length === whole.length && displayWidth(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    used += displayWidth(segment);
    if (used > width - 1) break;
    kept += segment;
  }
  return width > 0 ? `${kept}…` : '';
}

/** Fills a text with spaces to `width` columns. */
export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const fill = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'left' ? text + fill : fill + text;
}

export interface TableColumn {
  readonly title: string;
  /** Default: left. Numbers belong right. */
  readonly align?: 'left' | 'right';
  /** Longer cells are cut. Default: no limit. */
  readonly maxWidth?: number;
}

/** A table with a header and a rule under it, two spaces between columns, a line feed at the end. */
export function formatTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
): string {
  const bad = rows.findIndex((row) => row.length !== columns.length);
  if (bad >= 0) throw rangeMistake(`rows[${bad}]`, `${columns.length} cells`, rows[bad]?.length);
  const cells = rows.map((row) =>
    row.map((cell, i) => truncate(printable(cell), columns[i]?.maxWidth ?? Infinity)),
  );
  const widths = columns.map((column, i) =>
    cells.reduce(
      (most, row) => Math.max(most, displayWidth(row[i] ?? '')),
      displayWidth(column.title),
    ),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => pad(cell, widths[i] ?? 0, columns[i]?.align))
      .join('  ')
      .trimEnd();
  return [
    line(columns.map((column) => column.title)),
    widths.map((width) => '-'.repeat(width)).join('  '),
    ...cells.map(line),
    '',
  ].join('\n');
}

/** One JSON document on one line: typed arrays as arrays, bigints as numbers, NaN and infinities as null. */
export function writeJson(sink: TextSink, value: unknown): void {
  const text = JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === 'bigint') return Number(item);
    if (ArrayBuffer.isView(item) && !(item instanceof DataView)) {
      return Array.from(item as Uint8Array, Number);
    }
    return item;
  });
  sink.write(`${printableJson(text ?? 'null')}\n`);
}
