/**
 * What the sections of a report are made of: tables, figures, and texts that are cut.
 *
 * The rule: the first cell of a row is its header; every text is escaped by the template.
 */
import { html, type Insertable, type Markup, trusted } from './markup.js';
import type { SummaryCard } from './types.js';

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Markup;
}

/** A column of a table; numbers stand at its right. */
export interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
  /** Its words stay whole, because another column has the room. */
  readonly isShort?: boolean;
}

const MISSING = '–';

const classOf = ({ isNumber, isShort }: Partial<Column> = {}): Markup | null =>
  isNumber ? trusted(' class="number"') : isShort ? trusted(' class="short"') : null;

const cell = (column: Column | undefined, value: Insertable, isHead: boolean): Markup => {
  const kind = classOf(column);
  return isHead ? html`<th scope="row"${kind}>${value}</th>` : html`<td${kind}>${value}</td>`;
};

const tableRow = (columns: readonly Column[], row: readonly Insertable[]): Markup =>
  html`<tr>${row.map((value, i) => cell(columns[i], value, i === 0))}</tr>\n`;

/** A table; `rest` are rows at its end that are set apart, such as averages. The first cell of a row is its header. */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly Insertable[])[],
  rest: readonly (readonly Insertable[])[] = [],
): Markup {
  const heads = columns.map(({ title, isNumber }) => {
    const kind = classOf({ title, ...(isNumber && { isNumber }) });
    return html`<th scope="col"${kind}>${title}</th>`;
  });
  const end = rest.map((row) => tableRow(columns, row));
  return html`<div class="scroll"><table><caption>${caption}</caption>
<thead><tr>${heads}</tr></thead>
<tbody>
${rows.map((row) => tableRow(columns, row))}</tbody>${end.length > 0 ? html`<tbody class="rest">${end}</tbody>` : null}
</table></div>`;
}

export const figure = (svg: string): Markup => html`<figure>${trusted(svg)}</figure>`;

/** A number as text, or a dash where there is none. */
export const shown = (value: number | undefined, format: (value: number) => string): string =>
  value === undefined || !Number.isFinite(value) ? MISSING : format(value);

/** Of a text that a table shows. */
const MAX_TEXT = 300;

/** The text, or its beginning and "…". */
export function clipped(text: string): string {
  const chars = [...text.slice(0, 4 * MAX_TEXT)];
  return chars.length > MAX_TEXT ? `${chars.slice(0, MAX_TEXT - 1).join('')}…` : text;
}

/** Figures side by side, each with its name. */
export function summaryCards(cards: readonly SummaryCard[]): Markup {
  const items = cards.map(
    ({ label, value, detail }) => html`<li><span class="label">${label}</span>
<span class="value">${value}</span>${detail ? html`<span class="detail">${detail}</span>` : null}</li>\n`,
  );
  return html`<ul class="cards">${items}</ul>`;
}
