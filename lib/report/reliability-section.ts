/**
 * How far scores can be believed, and what a temperature changed about it.
 */
import { formatNumber, formatPercent } from '../core/units.js';
import { calibrationError, type ReliabilityBin } from '../metrics/index.js';
import { html } from './markup.js';
import { inWords, reliabilitySvg } from './reliability-chart.js';
import { type Column, figure, type Section, table } from './tables.js';
import type { CalibrationData } from './types.js';

const columns: Column[] = [
  { title: 'scores' },
  { title: 'predictions', isNumber: true },
  { title: 'mean score', isNumber: true },
  { title: 'share that is right', isNumber: true },
];

function binTable(caption: string, bins: readonly ReliabilityBin[]) {
  const rows = bins.map(({ from, to, count, probability, share }) => [
    `${formatPercent(from, 1)} to ${formatPercent(to, 1)}`,
    formatNumber(count),
    formatPercent(probability, 1),
    formatPercent(share, 1),
  ]);
  return table(caption, columns, rows);
}

export function reliabilitySection(bins: readonly ReliabilityBin[]): Section {
  const body = html`<p class="lead">${inWords(bins)}</p>
${figure(reliabilitySvg(bins, { theme: 'page' }))}
${binTable('Scores and how often they are right', bins)}`;
  return { id: 'reliability', title: 'Reliability', body };
}

/** Before and after temperature scaling. */
export function calibrationSection({ temperature, before, after }: CalibrationData): Section {
  const was = formatPercent(calibrationError(before));
  const is = formatPercent(calibrationError(after));
  const body = html`<p class="lead">All logits are divided by a temperature of ${temperature.toFixed(3)}, which was fitted on the held-out rows. It changes the calibration error (ECE, 15 bins) from ${was} to ${is}; labels stay the same.</p>
${figure(reliabilitySvg(after, { theme: 'page' }, before))}
<h3>After</h3>
${binTable('Scores and how often they are right, after temperature scaling', after)}
<details><summary>Before temperature scaling</summary>${binTable('Scores and how often they are right, before temperature scaling', before)}</details>`;
  return { id: 'reliability', title: 'Reliability', body };
}
