/**
 * Chooses settings from measured speeds, and says why.
 *
 * The rule: the smallest setting that is nearly as fast as the best one, and int8 only where its results agree with f32.
 */
import { median } from '../core/median.js';
import { formatPercent } from '../core/units.js';
import type { BatchSpeed, LaneSpeed, Precision } from './settings.js';

/** How well the results of int8 and f32 agree on the texts. */
export interface Fidelity {
  readonly meanCosine: number;
  readonly lowestCosine: number;
  /** Share of texts whose largest value is at the same index: for a classifier, the same label. */
  readonly sameTop: number;
}

export interface Advice {
  readonly precision: Precision;
  readonly lanes: number;
  /** For `model.batch({ maxBatchTokens })`; absent until batch sizes were measured. */
  readonly maxBatchTokens?: number;
  /** One sentence for each setting. */
  readonly reasons: readonly string[];
  /** Largest spread between the rounds of one setting, over their median. A large one means that other programs had the CPU. */
  readonly spread: number;
}

/** Spread from which the figures say little. */
export const NOISY = 0.25;
/** Share of the best speed from which the smaller setting wins: the difference is noise. */
const NEARLY = 0.95;
/** int8 must be this many times faster, to pay for its rounding. */
const WORTH = 1.1;
/** Mean and lowest cosine that int8 vectors must reach, and the share of equal labels for a classifier. */
const VECTORS = { meanCosine: 0.995, lowestCosine: 0.97 } as const;
const SAME_LABELS = 0.99;

export function advise(
  kind: 'classifier' | 'encoder',
  speeds: readonly LaneSpeed[],
  fidelity: Fidelity | null,
): Advice {
  const { precision, reason } = choosePrecision(kind, speeds, fidelity);
  const own = speeds.filter((one) => one.precision === precision);
  const best = fastest(own);
  const chosen = [...own]
    .sort((a, b) => a.lanes - b.lanes)
    .find(({ tokensPerSecond }) => tokensPerSecond >= NEARLY * best);
  const lanes = chosen?.lanes ?? 1;
  return { precision, lanes, reasons: [reason, laneReason(own, lanes)], spread: spreadOf(speeds) };
}

/** The advice with a batch size added. */
export function adviseBatches(advice: Advice, speeds: readonly BatchSpeed[]): Advice {
  const best = fastest(speeds);
  const chosen = speeds.find(({ tokensPerSecond }) => tokensPerSecond >= NEARLY * best);
  if (chosen === undefined) return advice;
  const { maxBatchTokens, tokensPerSecond, batchMs } = chosen;
  const share = tokensPerSecond / best;
  const how = share === 1 ? 'the fastest' : `${formatPercent(share, 0)} of the best speed`;
  const reason = `maxBatchTokens ${maxBatchTokens}: ${how}; a full batch takes ${batchMs.toFixed(1)} ms`;
  const spread = Math.max(advice.spread, spreadOf(speeds));
  return { ...advice, maxBatchTokens, reasons: [...advice.reasons, reason], spread };
}

function choosePrecision(
  kind: 'classifier' | 'encoder',
  speeds: readonly LaneSpeed[],
  fidelity: Fidelity | null,
): { precision: Precision; reason: string } {
  const of = (precision: Precision) => speeds.filter((one) => one.precision === precision);
  if (fidelity === null || of('int8').length === 0 || of('f32').length === 0) {
    const precision = of('int8').length > 0 ? 'int8' : 'f32';
    return { precision, reason: `${precision}: the only precision that was measured` };
  }
  const gain = fastest(of('int8')) / fastest(of('f32'));
  const { meanCosine, lowestCosine, sameTop } = fidelity;
  const agrees =
    kind === 'encoder'
      ? meanCosine >= VECTORS.meanCosine && lowestCosine >= VECTORS.lowestCosine
      : sameTop >= SAME_LABELS;
  const likeness =
    kind === 'encoder'
      ? `cosine ${meanCosine.toFixed(4)} to f32 (lowest ${lowestCosine.toFixed(4)})`
      : `the label of f32 for ${formatPercent(sameTop, 1)} of the texts`;
  if (gain >= WORTH && agrees) {
    return { precision: 'int8', reason: `int8: ${gain.toFixed(2)}x as fast as f32, ${likeness}` };
  }
  const reason = `f32: int8 is ${gain.toFixed(2)}x as fast, with ${likeness}`;
  return { precision: 'f32', reason };
}

function laneReason(own: readonly LaneSpeed[], lanes: number): string {
  const chosen = own.find((one) => one.lanes === lanes);
  const one = own.find((speed) => speed.lanes === 1);
  if (own.length === 1) return `lanes ${lanes}: no other number was tried`;
  if (lanes === 1) return `lanes 1: more are not faster here`;
  const gain = (chosen?.tokensPerSecond ?? 0) / (one?.tokensPerSecond ?? Number.NaN);
  return (
    `lanes ${lanes}: ${gain.toFixed(2)}x as fast as one; ` +
    `one text takes ${chosen?.oneTextMs.toFixed(2)} ms (${one?.oneTextMs.toFixed(2)} ms on one lane)`
  );
}

function fastest(speeds: readonly { readonly tokensPerSecond: number }[]): number {
  return Math.max(...speeds.map(({ tokensPerSecond }) => tokensPerSecond));
}

function spreadOf(speeds: readonly { readonly rounds: readonly number[] }[]): number {
  const spreads = speeds.map(
    ({ rounds }) => (Math.max(...rounds) - Math.min(...rounds)) / median(rounds),
  );
  return Math.max(0, ...spreads);
}
