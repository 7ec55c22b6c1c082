/**
 * The sections of a report as HTML, one function each.
 *
 * The rule: the content of every chart is also there as text or as a table.
 */
import { formatBytes, formatNumber, formatPercent } from '../core/units.js';
import type { ClassificationReport, ReportRow } from '../metrics/index.js';
import { confusionSvg, mostConfused, shownLabels } from './confusion-chart.js';
import { html, type Insertable } from './markup.js';
import { type Column, clipped, figure, type Section, shown, table } from './tables.js';
import type {
  ConfusionData,
  Mistake,
  NeighbourExample,
  ReportEnvironment,
  VariantResult,
} from './types.js';
import { variantsSvg } from './variants-chart.js';

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
