/**
 * The sections of a report as HTML, one function each.
 *
 * The rule: the content of every chart is also there as text or as a table.
 */
import { formatBytes, formatNumber, formatPercent } from '../core/units.js';
import type { ClassificationReport, ReliabilityBin, ReportRow } from '../metrics/index.js';
import { confusionSvg, mostConfused, shownLabels } from './confusion-chart.js';
import { learningRateSvg, ratedSteps } from './learning-rate-chart.js';
import { lossCurveSvg } from './loss-chart.js';
import { html, type Insertable, type Markup, trusted } from './markup.js';
import { inWords, reliabilitySvg } from './reliability-chart.js';
import type {
  ConfusionData,
  LossCurve,
  Mistake,
  NeighbourExample,
  ReportEnvironment,
  SummaryCard,
  VariantResult,
} from './types.js';
import { variantsSvg } from './variants-chart.js';

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Markup;
}

interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
}

const MISSING = '–';

const cell = (column: Column | undefined, value: Insertable, isHead: boolean): Markup => {
  const kind = column?.isNumber ? trusted(' class="number"') : null;
  return isHead ? html`<th scope="row"${kind}>${value}</th>` : html`<td${kind}>${value}</td>`;
};

const tableRow = (columns: readonly Column[], row: readonly Insertable[]): Markup =>
  html`<tr>${row.map((value, i) => cell(columns[i], value, i === 0))}</tr>\n`;

/** A table; `rest` are rows at its end that are set apart, such as averages. The first cell of a row is its header. */
function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly Insertable[])[],
  rest: readonly (readonly Insertable[])[] = [],
): Markup {
  const heads = columns.map(({ title, isNumber }) => {
    const kind = isNumber ? trusted(' class="number"') : null;
    return html`<th scope="col"${kind}>${title}</th>`;
  });
  const end = rest.map((row) => tableRow(columns, row));
  return html`<div class="scroll"><table><caption>${caption}</caption>
<thead><tr>${heads}</tr></thead>
<tbody>
${rows.map((row) => tableRow(columns, row))}</tbody>${end.length > 0 ? html`<tbody class="rest">${end}</tbody>` : null}
</table></div>`;
}

const figure = (svg: string): Markup => html`<figure>${trusted(svg)}</figure>`;

const shown = (value: number | undefined, format: (value: number) => string): string =>
  value === undefined || !Number.isFinite(value) ? MISSING : format(value);

export function summaryCards(cards: readonly SummaryCard[]): Markup {
  const items = cards.map(
    ({ label, value, detail }) => html`<li><span class="label">${label}</span>
<span class="value">${value}</span>${detail ? html`<span class="detail">${detail}</span>` : null}</li>\n`,
  );
  return html`<ul class="cards">${items}</ul>`;
}

export function variantsSection(variants: readonly VariantResult[]): Section {
  const hasLatency = variants.some((one) => one.latencyMs !== undefined);
  const columns: Column[] = [
    { title: 'variant' },
    { title: 'precision' },
    { title: 'size', isNumber: true },
    { title: 'tokens / s', isNumber: true },
    ...(hasLatency ? [{ title: 'one text, median', isNumber: true }] : []),
    { title: 'accuracy', isNumber: true },
  ];
  const rows = variants.map((one) => [
    one.name,
    one.precision,
    shown(one.bytes, formatBytes),
    shown(one.tokensPerSecond, (value) => formatNumber(value)),
    ...(hasLatency ? [shown(one.latencyMs, (value) => `${value.toFixed(2)} ms`)] : []),
    shown(one.accuracy, formatPercent),
  ]);
  const peers = variants.some((one) => one.isPeer)
    ? ' Gray bars are other engines, same machine.'
    : '';
  const body = html`<p class="lead">Smaller and faster, and what it costs in accuracy.${peers}</p>
${figure(variantsSvg(variants, { theme: 'page' }))}
${table('Size, speed and accuracy of each variant', columns, rows)}`;
  return { id: 'variants', title: 'Size, speed, accuracy', body };
}

export function lossSection(loss: LossCurve): Section {
  const evaluations = loss.evaluations ?? [];
  const columns: Column[] = [
    { title: 'epoch' },
    { title: 'step', isNumber: true },
    { title: 'loss, held-out rows', isNumber: true },
    { title: 'accuracy', isNumber: true },
  ];
  const rows = evaluations.map((one) => [
    one.epoch,
    formatNumber(one.step),
    shown(one.loss, (value) => value.toFixed(4)),
    shown(one.accuracy, formatPercent),
  ]);
  const rates = ratedSteps(loss.steps);
  const body = html`<p class="lead">Loss of ${formatNumber(loss.steps.length)} training steps${
    evaluations.length > 0 ? ', and how the model did on held-out rows along the way' : null
  }.</p>
${figure(lossCurveSvg(loss, { theme: 'page' }))}
${rates.length > 0 ? [html`<h3>Learning rate</h3>`, figure(learningRateSvg(loss.steps, { theme: 'page' }))] : null}
${rows.length > 0 ? table('Evaluations during training', columns, rows) : null}`;
  return { id: 'training', title: 'Training', body };
}

export function confusionSection(confusion: ConfusionData): Section {
  const top = mostConfused(confusion, 15);
  const total = confusion.values.flat().reduce((a, b) => a + b, 0);
  const wrong = mostConfused(confusion).reduce((sum, one) => sum + one.count, 0);
  const few = shownLabels(confusion).length;
  const all = confusion.labels.length;
  const which = few < all ? ` Shown are the ${few} labels confused most, of ${all}.` : '';
  const columns: Column[] = [
    { title: 'true label' },
    { title: 'predicted' },
    { title: 'rows', isNumber: true },
    { title: 'of this label', isNumber: true },
  ];
  const rows = top.map((one) => [one.truth, one.predicted, one.count, formatPercent(one.share, 0)]);
  const body = html`<p class="lead">${formatNumber(wrong)} of ${formatNumber(total)} rows got a wrong label.${which}</p>
${few > 0 ? figure(confusionSvg(confusion, { theme: 'page' })) : null}
${rows.length > 0 ? [html`<h3>Most frequent confusions</h3>`, table('Most frequent confusions', columns, rows)] : null}`;
  return { id: 'confusions', title: 'Confusions', body };
}

export function reliabilitySection(bins: readonly ReliabilityBin[]): Section {
  const columns: Column[] = [
    { title: 'scores' },
    { title: 'predictions', isNumber: true },
    { title: 'mean score', isNumber: true },
    { title: 'share that is right', isNumber: true },
  ];
  const rows = bins.map(({ from, to, count, probability, share }) => [
    `${formatPercent(from, 1)} to ${formatPercent(to, 1)}`,
    formatNumber(count),
    formatPercent(probability, 1),
    formatPercent(share, 1),
  ]);
  const body = html`<p class="lead">${inWords(bins)}</p>
${figure(reliabilitySvg(bins, { theme: 'page' }))}
${table('Scores and how often they are right', columns, rows)}`;
  return { id: 'reliability', title: 'Reliability', body };
}

export function classificationSection(report: ClassificationReport): Section {
  const columns: Column[] = [
    { title: 'label' },
    { title: 'precision', isNumber: true },
    { title: 'recall', isNumber: true },
    { title: 'F1', isNumber: true },
    { title: 'rows', isNumber: true },
  ];
  const score = (value: number) => shown(value, (one) => one.toFixed(3));
  const line = (row: ReportRow) => [
    row.name,
    score(row.precision),
    score(row.recall),
    score(row.f1),
    formatNumber(row.support),
  ];
  const support = report.averages[0]?.support ?? 0;
  const averages = [
    ...(report.accuracy === undefined
      ? []
      : [['accuracy', '', '', score(report.accuracy), formatNumber(support)]]),
    ...report.averages.map(line),
  ];
  const labels = report.rows.map(line);
  const caption = 'Precision, recall and F1 of each label';
  const isLong = labels.length > 20;
  const full = table(caption, columns, labels, isLong ? [] : averages);
  const body = isLong
    ? html`${table('Averages over labels', columns, averages)}
<details><summary>All ${labels.length} labels</summary>${full}</details>`
    : full;
  return { id: 'labels', title: 'Scores per label', body };
}

export function mistakesSection(mistakes: readonly Mistake[]): Section {
  const columns: Column[] = [
    { title: 'text' },
    { title: 'true label' },
    { title: 'predicted' },
    { title: 'its probability', isNumber: true },
  ];
  const rows = mistakes.map(({ text, truth, predicted, score }) => [
    clipped(text),
    truth,
    predicted,
    shown(score, (value) => value.toFixed(3)),
  ]);
  const body = html`<p class="lead">Wrong labels of which the model was most certain. Here a label of the data may be wrong itself.</p>
${table('Wrong labels, the most certain first', columns, rows)}`;
  return { id: 'mistakes', title: 'Most certain mistakes', body };
}

/** Of a text that a table shows. */
const MAX_TEXT = 300;

function clipped(text: string): string {
  const chars = [...text.slice(0, 4 * MAX_TEXT)];
  return chars.length > MAX_TEXT ? `${chars.slice(0, MAX_TEXT - 1).join('')}…` : text;
}

export function neighboursSection(examples: readonly NeighbourExample[]): Section {
  const blocks = examples.map(({ query, neighbours }) => {
    const items = neighbours.map(({ text, similarity }) => {
      const width = Math.round(Math.max(0, Math.min(1, similarity)) * 100) || 0;
      return html`<li><span class="similarity">${shown(similarity, (value) => value.toFixed(3))}</span><span class="bar" aria-hidden="true"><i style="width:${width}%"></i></span><span class="text">${text}</span></li>\n`;
    });
    return html`<blockquote>${query}</blockquote><ol class="neighbours">${items}</ol>\n`;
  });
  const body = html`<p class="lead">Texts that the encoder places closest to a query, with their cosine similarity.</p>
${blocks}`;
  return { id: 'neighbours', title: 'Nearest neighbours', body };
}

export function environmentSection(environment: ReportEnvironment): Section {
  const { cpu, isa, threads, memoryBytes, versions = {}, command, seed, date } = environment;
  const facts: [string, Insertable | undefined][] = [
    ['CPU', cpu],
    ['Instruction set', isa],
    ['Threads', threads],
    ['Memory', memoryBytes === undefined ? undefined : formatBytes(memoryBytes)],
    ...Object.entries(versions),
    ['Seed', seed],
    ['Date', date],
    ['Command', command === undefined ? undefined : html`<code>${command}</code>`],
  ];
  const items = facts.flatMap(([name, value]) =>
    value === undefined ? [] : [html`<dt>${name}</dt><dd>${value}</dd>\n`],
  );
  return { id: 'environment', title: 'Environment', body: html`<dl>${items}</dl>` };
}

export function notesSection(notes: readonly string[]): Section {
  const items = notes.map((note) => html`<li>${note}</li>\n`);
  return { id: 'notes', title: 'Notes', body: html`<ul class="notes">${items}</ul>` };
}
