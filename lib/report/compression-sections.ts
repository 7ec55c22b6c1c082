/**
 * The sections of a compression's report besides the gate: what was tried, why one was chosen, where it hurts, what is left.
 *
 * The rule: the content of every chart is also there as a table.
 */
import { formatBytes, formatDuration, formatNumber, formatPercent } from '../core/units.js';
import { calibrationError } from '../metrics/index.js';
import type {
  CompressionData,
  CompressionReportData,
  CompressionStage,
  CompressionVariant,
  HistogramPair,
  LayerSensitivity,
  LayerWidths,
  ProductRank,
} from './compression-types.js';
import { signedPoints } from './gate-section.js';
import { histogramSvg, sensitivitySvg, widthsSvg } from './layer-charts.js';
import { html } from './markup.js';
import { hasPareto, paretoSvg } from './pareto-chart.js';
import { inWords, reliabilitySvg } from './reliability-chart.js';
import { scoreFormat } from './summary.js';
import { type Column, figure, type Section, shown, table } from './tables.js';

const ROLES: Readonly<Record<CompressionVariant['role'], string>> = {
  ...{ original: 'original', chosen: 'chosen', candidate: 'tried', peer: 'another engine' },
};

export function paretoSection(variants: readonly CompressionVariant[], metric: string): Section {
  const format = scoreFormat(metric);
  const has = (of: (one: CompressionVariant) => unknown): boolean =>
    variants.some((one) => of(one) !== undefined);
  type Cell = Column & {
    readonly isShown: boolean;
    readonly of: (one: CompressionVariant) => string;
  };
  const number = (
    title: string,
    isShown: boolean,
    of: (one: CompressionVariant) => string,
  ): Cell => ({ title, isNumber: true, isShown, of });
  const cells: Cell[] = [
    { title: 'model', isShown: true, of: ({ name }) => name },
    { title: 'role', isShort: true, isShown: true, of: ({ role }) => ROLES[role] },
    {
      ...{ title: 'precision', isShort: true, isShown: has((one) => one.precision) },
      of: ({ precision }) => precision ?? '–',
    },
    number('size', true, ({ bytes }) => shown(bytes, formatBytes)),
    number(
      'tokens / s',
      has((one) => one.tokensPerSecond),
      ({ tokensPerSecond }) => shown(tokensPerSecond, (value) => formatNumber(value)),
    ),
    number(
      'one text, p50',
      has((one) => one.latencyMs),
      ({ latencyMs }) => shown(latencyMs?.p50, (value) => `${value.toFixed(2)} ms`),
    ),
    number(
      'p95',
      has((one) => one.latencyMs?.p95),
      ({ latencyMs }) => shown(latencyMs?.p95, (value) => `${value.toFixed(2)} ms`),
    ),
    number(metric, true, ({ score }) => shown(score, format)),
    number(
      'interval',
      has((one) => one.interval),
      ({ interval }) => (interval ? `${format(interval.low)} to ${format(interval.high)}` : '–'),
    ),
    number(
      'same answer',
      has((one) => one.agreement),
      ({ agreement }) => shown(agreement, (value) => formatPercent(value, 1)),
    ),
    {
      ...{ title: 'on the front', isShort: true, isShown: has((one) => one.isOnFront) },
      of: ({ isOnFront }) => (isOnFront ? 'yes' : ''),
    },
  ];
  const columns = cells.filter(({ isShown }) => isShown);
  const isMain = ({ role }: CompressionVariant): boolean => role !== 'candidate';
  const row = (one: CompressionVariant) => columns.map(({ of }) => of(one));
  const rest = variants.filter((one) => !isMain(one));
  const caption = 'Size, speed and quality of each model';
  const body = html`<p class="lead">To the right is faster, up is better, a larger dot is a larger model. Upright lines are confidence intervals; the dashed line joins the models that no other beats in speed and quality at once.</p>
${hasPareto(variants) ? figure(paretoSvg(variants, metric, { theme: 'page' })) : null}
${table(caption, columns, variants.filter(isMain).map(row))}
${rest.length > 0 ? html`<details><summary>${rest.length} more that were tried</summary>${table(caption, columns, rest.map(row))}</details>` : null}`;
  return { id: 'tried', title: 'Size, speed, quality', body };
}

export function choicesSection(choices: readonly string[]): Section {
  const body = html`${choices.map((text) => html`<p>${text}</p>\n`)}`;
  return { id: 'choices', title: 'What was chosen and why', body };
}

export function reliabilityChangeSection(
  reliability: NonNullable<CompressionReportData['reliability']>,
): Section {
  const { original, candidate } = reliability;
  const columns: Column[] = [
    { title: 'scores' },
    { title: 'rows before', isNumber: true },
    { title: 'right', isNumber: true },
    { title: 'rows after', isNumber: true },
    { title: 'right', isNumber: true },
  ];
  const ends = [...new Set([...original, ...candidate].map(({ to }) => to))].sort((a, b) => a - b);
  const rows = ends.map((end) => {
    const [was, is] = [original, candidate].map((bins) => bins.find(({ to }) => to === end));
    const from = was?.from ?? is?.from ?? 0;
    return [
      `${formatPercent(from, 1)} to ${formatPercent(end, 1)}`,
      ...[was, is].flatMap((bin) => [
        shown(bin?.count, (value) => formatNumber(value)),
        shown(bin?.share, (value) => formatPercent(value, 1)),
      ]),
    ];
  });
  const error = (bins: typeof original): string => formatPercent(calibrationError(bins));
  const body = html`<p class="lead">The calibration error (ECE, 15 bins) was ${error(original)} and is ${error(candidate)}. ${inWords(candidate)}</p>
${figure(reliabilitySvg(candidate, { theme: 'page' }, original))}
${table('Scores and how often they are right, before and after', columns, rows)}`;
  return { id: 'reliability', title: 'Reliability of scores', body };
}

export function sensitivitySection(layers: readonly LayerSensitivity[], metric: string): Section {
  const sorted = [...layers].sort((a, b) => b.drop - a.drop);
  const hasNoise = sorted.some(({ sqnrDb }) => sqnrDb !== undefined);
  const hasDecisions = sorted.some(({ decision }) => decision !== undefined);
  const columns: Column[] = [
    { title: 'layer' },
    { title: `${metric}, points`, isNumber: true },
    ...(hasNoise ? [{ title: 'signal to noise', isNumber: true }] : []),
    ...(hasDecisions ? [{ title: 'decision', isShort: true }] : []),
  ];
  const rows = sorted.map(({ name, drop, sqnrDb, decision }) => [
    ...[name, signedPoints(-drop)],
    ...(hasNoise ? [shown(sqnrDb, (value) => `${value.toFixed(1)} dB`)] : []),
    ...(hasDecisions ? [decision ?? ''] : []),
  ]);
  const most = 24;
  const some = sorted.length > most ? ` The ${most} that cost most are drawn.` : '';
  const body = html`<p class="lead">The score that is lost when one layer alone is compressed and all others stay as they were.${some}</p>
${figure(sensitivitySvg(sorted.slice(0, most), metric, { theme: 'page' }))}
<details><summary>All ${sorted.length} layers</summary>${table('Cost of each layer alone, the largest first', columns, rows)}</details>`;
  return { id: 'layers', title: 'Sensitivity of layers', body };
}

export function widthsSection(layers: readonly LayerWidths[]): Section {
  const kinds = (['heads', 'neurons'] as const).filter((kind) =>
    layers.some((layer) => layer[kind] !== undefined),
  );
  const columns: Column[] = [
    { title: 'layer' },
    ...kinds.flatMap((kind) => [
      { title: `${kind} before`, isNumber: true },
      { title: 'kept', isNumber: true },
    ]),
  ];
  const text = (value: number | undefined): string => shown(value, (x) => formatNumber(x));
  const rows = layers.map((layer) => [
    layer.name,
    ...kinds.flatMap((kind) => [text(layer[kind]?.original), text(layer[kind]?.kept)]),
  ]);
  const charts = kinds.map(
    (
      kind,
    ) => html`<h3>${kind === 'heads' ? 'Attention heads' : 'Neurons of the feed-forward layers'}</h3>
${figure(widthsSvg(layers, kind, { theme: 'page' }))}`,
  );
  const body = html`<p class="lead">What is left of each layer; the pale bar is the original.</p>
${charts}
${table('Widths of each layer before and after', columns, rows)}`;
  return { id: 'widths', title: 'Widths kept', body };
}

export function ranksSection(products: readonly ProductRank[]): Section {
  const columns: Column[] = [
    { title: 'product' },
    { title: 'size' },
    { title: 'rank', isNumber: true },
    { title: 'lost', isNumber: true },
    { title: 'cost as two', isNumber: true },
    { title: 'decision' },
  ];
  const rows = products.map(({ name, inputs, outputs, rank, lost, share, decision }) => [
    name,
    `${formatNumber(outputs)} x ${formatNumber(inputs)}`,
    shown(rank ?? undefined, (value) => formatNumber(value)),
    rank === null ? '' : formatPercent(lost),
    shown(share ?? undefined, formatPercent),
    decision,
  ]);
  const body = html`<p class="lead">A product of low rank is two thin ones in a row. "Lost" is the share of the squares of its outputs that its rank loses before any training; "cost as two" compares the two with the one, at the rank that was chosen, or the smallest one that was found.</p>
${table('Rank of each product', columns, rows)}`;
  return { id: 'ranks', title: 'Low rank', body };
}

export function histogramsSection(pairs: readonly HistogramPair[]): Section {
  const charts = pairs.map((pair, i) => {
    const svg = histogramSvg(pair, `histogram-${i + 1}`, { theme: 'page' });
    return html`<div><h3>${pair.name}: ${pair.kind}s</h3>
${figure(svg)}</div>\n`;
  });
  const columns: Column[] = [
    { title: 'numbers of' },
    { title: 'kind', isShort: true },
    { title: 'from', isNumber: true },
    { title: 'to', isNumber: true },
    { title: 'counted before', isNumber: true },
    { title: 'after', isNumber: true },
  ];
  const total = (counts: readonly number[]): string =>
    formatNumber(counts.reduce((sum, count) => sum + count, 0));
  const digits = (value: number): string => String(Number(value.toPrecision(4)));
  const rows = pairs.map(({ name, kind, low, high, before, after }) => [
    ...[name, kind, digits(low), digits(high), total(before), total(after)],
  ]);
  const body = html`<p class="lead">Numbers before (area) and after (line): the weights of the products of each layer, and what these products read on some texts. int8 numbers are widened. Counts are on a logarithmic scale, so that tails show.</p>
<div class="pairs">${charts}</div>
${table('Histograms before and after', columns, rows)}`;
  return { id: 'histograms', title: 'Weights and activations', body };
}

export function stagesSection(
  stages: readonly CompressionStage[],
  data: readonly CompressionData[],
): Section {
  const columns: Column[] = [
    { title: 'stage' },
    { title: 'time', isNumber: true },
    { title: 'what came of it' },
  ];
  const rows = stages.map(({ name, seconds, detail }) => [
    ...[name, formatDuration(seconds * 1000), detail ?? ''],
  ]);
  const all = stages.reduce((sum, { seconds }) => sum + seconds, 0);
  const used: Column[] = [
    { title: 'rows for' },
    { title: 'rows', isNumber: true },
    { title: 'source' },
    { title: 'SHA-256' },
  ];
  const sources = data.map(({ use, rows: count, source, sha256 }) => [
    ...[use, formatNumber(count), source ?? '–', sha256?.slice(0, 16) ?? '–'],
  ]);
  const total = ['together', formatDuration(all * 1000), ''];
  const body = html`${stages.length > 0 ? table('Stages and their time', columns, rows, stages.length > 1 ? [total] : []) : null}
${data.length > 0 ? html`<h3>Data</h3>${table('Rows that were used', used, sources)}` : null}`;
  return { id: 'stages', title: 'Stages and data', body };
}
