/**
 * Lays out tables that fit a screen.
 *
 * The rule: numbers are never cut. Where a table is too wide, its texts are cut or wrapped, the widest column first.
 */
import { rangeMistake } from '../core/errors.js';
import { printable } from '../core/visible.js';
import { type Screen, type Style, styled } from './screen.js';
import { displayWidth, pad, truncate, truncateStart, wrapWords } from './width.js';

export interface TableColumn {
  readonly title: string;
  /** Default: left. Numbers belong right, and such a column is never cut. */
  readonly align?: 'left' | 'right';
  /** Longer cells are cut where the screen allows it. Default: no limit but the screen's. */
  readonly maxWidth?: number;
  /**
   * What happens to cells for which the screen is too narrow; `cut start` is for names whose end tells them apart. Default: `whole`
   * where aligned right, else `cut`.
   */
  readonly fit?: 'cut' | 'cut start' | 'wrap' | 'whole';
}

/** A cell: text, or text in a style. */
export type Cell = string | { readonly text: string; readonly style: Style };

export interface Table {
  readonly columns: readonly TableColumn[];
  readonly rows: readonly (readonly Cell[])[];
}

/** Columns that a text keeps, whatever the screen's width. */
const LEAST = 6;
const GAP = '  ';
const WHOLE: Screen = { columns: Number.POSITIVE_INFINITY, cuts: true, hasColours: false };

/** A table with a header and a rule under it, two spaces between columns, a line feed at the end. Default: no limit of width. */
export function formatTable({ columns, rows }: Table, screen: Screen = WHOLE): string {
  const bad = rows.findIndex((row) => row.length !== columns.length);
  if (bad >= 0) throw rangeMistake(`rows[${bad}]`, `${columns.length} cells`, rows[bad]?.length);
  const cells = rows.map((row) => row.map((cell) => printable(textOf(cell))));
  const widths = widthsFor(columns, cells, screen);
  const line = (row: readonly string[], styleOf: (column: number) => Style | undefined): string => {
    const last = row.findLastIndex((cell) => cell !== '');
    const parts = row.slice(0, last + 1).map((cell, i) => {
      const filled = pad(cell, widths[i] ?? 0, columns[i]?.align);
      const shown = i === last ? filled.trimEnd() : filled;
      return styled(shown, styleOf(i), screen);
    });
    return parts.join(GAP);
  };
  const fitted = (row: readonly string[]) =>
    linesOf(row.map((cell, i) => cellLines(cell, widths[i] ?? 0, columns[i])));
  const titles = fitted(columns.map(({ title }) => printable(title)));
  return [
    ...titles.map((row) => line(row, () => 'heading')),
    styled(widths.map((width) => '-'.repeat(width)).join(GAP), 'dim', screen),
    ...cells.flatMap((row, r) =>
      fitted(row).map((part) => line(part, (column) => styleIn(rows[r]?.[column]))),
    ),
    '',
  ].join('\n');
}

/** The lines of a cell in a column of `width`. */
function cellLines(cell: string, width: number, column: TableColumn | undefined): string[] {
  if (column?.fit === 'wrap') return wrapWords(cell, width, true);
  return [column?.fit === 'cut start' ? truncateStart(cell, width) : truncate(cell, width)];
}

/** The lines of a row whose cells have one or several lines each. */
function linesOf(cells: readonly (readonly string[])[]): string[][] {
  const count = Math.max(1, ...cells.map((lines) => lines.length));
  return Array.from({ length: count }, (_, i) => cells.map((lines) => lines[i] ?? ''));
}

const textOf = (cell: Cell): string => (typeof cell === 'string' ? cell : cell.text);
const styleIn = (cell: Cell | undefined): Style | undefined =>
  typeof cell === 'object' ? cell.style : undefined;

/** The width of each column: as wide as its cells, less where that is too much for the screen. */
function widthsFor(
  columns: readonly TableColumn[],
  cells: readonly (readonly string[])[],
  { columns: room, cuts }: Screen,
): number[] {
  const widths = columns.map(({ title, maxWidth = Number.POSITIVE_INFINITY }, i) => {
    const widest = cells.reduce((most, row) => Math.max(most, displayWidth(row[i] ?? '')), 0);
    return Math.max(cuts ? Math.min(widest, maxWidth) : widest, displayWidth(printable(title)));
  });
  if (!cuts) return widths;
  const texts = columns.flatMap(({ align, fit = align === 'right' ? 'whole' : 'cut' }, i) =>
    fit === 'whole' ? [] : [i],
  );
  const gaps = GAP.length * Math.max(0, columns.length - 1);
  let over = widths.reduce((sum, width) => sum + width, gaps) - room;
  while (over > 0) {
    const widest = texts.reduce(
      (best, i) => ((widths[i] ?? 0) > (widths[best] ?? 0) ? i : best),
      texts[0] ?? 0,
    );
    const width = widths[widest] ?? 0;
    if (texts.length === 0 || width <= LEAST) break;
    widths[widest] = width - 1;
    over -= 1;
  }
  return widths;
}
