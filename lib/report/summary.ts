/**
 * The figures at the top of a report, computed from the measured variants.
 *
 * The rule: speeds are only compared between variants of the same precision, and only if both were measured.
 */
import { formatBytes, formatNumber, formatPercent } from '../core/units.js';
import type { SummaryCard, VariantResult } from './types.js';

/** A ratio as "1.84x": two decimals below ten, one above. */
export function formatRatio(ratio: number): string {
  return `${ratio.toFixed(ratio < 10 ? 2 : 1)}x`;
}

/** Scores that are written as numbers; all others are shares of rows, written as percentages. */
const AS_NUMBERS = /^(spearman|pearson|kendall|matthews|ndcg|mrr|map|cosine)/i;

/** How a score of this metric is written. */
export function scoreFormat(metric: string): (value: number) => string {
  return AS_NUMBERS.test(metric) ? (value) => value.toFixed(4) : (value) => formatPercent(value);
}

function accuracyCards(ours: readonly VariantResult[]): SummaryCard[] {
  const [base] = ours;
  return ours.flatMap((variant): SummaryCard[] => {
    if (variant.accuracy === undefined) return [];
    const label = `Accuracy, ${variant.precision}`;
    const value = formatPercent(variant.accuracy);
    if (variant === base || base?.accuracy === undefined) {
      return [{ label, value, detail: 'on held-out rows' }];
    }
    const points = (variant.accuracy - base.accuracy) * 100;
    const sign = points < 0 ? '−' : '+';
    const detail = `${sign}${Math.abs(points).toFixed(2)} points against ${base.precision}`;
    return [{ label, value, detail }];
  });
}

function sizeCard(ours: readonly VariantResult[]): SummaryCard[] {
  const sized = ours.filter((one) => one.bytes !== undefined);
  const [base] = sized;
  const small = sized.at(-1);
  if (small?.bytes === undefined || base?.bytes === undefined) return [];
  const label = `Size, ${small.precision}`;
  const value = formatBytes(small.bytes);
  if (small === base || small.bytes === 0) return [{ label, value }];
  const ratio = formatRatio(base.bytes / small.bytes);
  return [{ label, value, detail: `${ratio} smaller than ${base.precision}` }];
}

function speedCards(variants: readonly VariantResult[]): SummaryCard[] {
  const timed = variants.flatMap((one) =>
    one.tokensPerSecond !== undefined && one.tokensPerSecond > 0
      ? [{ ...one, speed: one.tokensPerSecond }]
      : [],
  );
  const fastest = (list: typeof timed) =>
    list.reduce<(typeof timed)[number] | undefined>(
      (best, one) => (best === undefined || one.speed > best.speed ? one : best),
      undefined,
    );
  const best = fastest(timed.filter((one) => !one.isPeer));
  if (best === undefined) return [];
  const cards = [
    {
      label: `Speed, ${best.precision}`,
      value: formatNumber(best.speed),
      detail: 'tokens per second',
    },
  ];
  const peer = fastest(timed.filter((one) => one.isPeer && one.precision === best.precision));
  if (peer === undefined) return cards;
  return [
    ...cards,
    {
      label: `Speed against ${peer.name}`,
      value: formatRatio(best.speed / peer.speed),
      detail: `${formatNumber(best.speed)} : ${formatNumber(peer.speed)} tokens per second`,
    },
  ];
}

/** Cards for accuracy, size, speed, and speed against the fastest peer of the same precision. */
export function summaryOf(variants: readonly VariantResult[]): SummaryCard[] {
  const ours = variants.filter((one) => !one.isPeer);
  return [...accuracyCards(ours), ...sizeCard(ours), ...speedCards(variants)];
}
