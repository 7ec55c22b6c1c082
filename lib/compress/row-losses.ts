/**
 * What is differentiated for each row when importances are measured: the loss with labels, the loss with labels drawn from
 * the model's own prediction, or random projections of the output.
 *
 * The gradient is always that of the row's own loss, whatever batch the row is in.
 */

import { SinterError } from '../core/errors.js';
import type { SeededRandom } from '../core/random.js';
import type { ValueKind } from '../graph/types.js';
import { LOSSES, type LossTerm } from '../native/losses.js';

/** Losses that can draw labels. cross_entropy also draws one label per token where the output is over tokens. */
export const DRAWN_LOSSES = ['cross_entropy', 'bce', 'span'] as const;
export type DrawnLoss = (typeof DRAWN_LOSSES)[number];

export type RowLoss =
  /** The term of rows [begin, end): a loss over rows that do not depend on each other, without class weights. */
  | { readonly kind: 'labels'; readonly term: (begin: number, end: number) => LossTerm }
  /**
   * Labels drawn from the model's own prediction, once for each row, so that the sum of squared gradients estimates the
   * Fisher matrix itself and not the empirical one (Kunstner et al. 2019).
   */
  | { readonly kind: 'drawn'; readonly loss: DrawnLoss; readonly seed: number }
  /**
   * v . output for `count` random vectors v of +1 and -1: the mean of the squared gradients estimates the diagonal of J^T J,
   * the Gauss-Newton matrix of half the squared distance to the present output. For vectors of length 1 that is the matrix
   * of 1 - cosine.
   */
  | { readonly kind: 'projections'; readonly count: number; readonly seed: number };

/** Rows [begin, end) as they go through the network. */
export interface RowBatch {
  readonly begin: number;
  readonly end: number;
  readonly offsets: Int32Array;
  /** Kind and width of the output. */
  readonly kind: ValueKind;
  readonly width: number;
}

/** A term, and what each row's gradient must be multiplied by to be that of the row's own loss. */
export interface RowTerm {
  readonly term: LossTerm;
  readonly factors: Float64Array;
}

/** Rows of the output that belong to row i: [from, to). */
function extent({ kind, offsets }: RowBatch, i: number): readonly [number, number] {
  return kind === 'token' ? [offsets[i] ?? 0, offsets[i + 1] ?? 0] : [i, i + 1];
}

/** The given term with the factors that undo its mean over the batch. */
export function labelledTerm(where: string, term: LossTerm, batch: RowBatch): RowTerm {
  const { targets, coupled } = LOSSES[term.kind];
  const counted = targets === 'classes' || targets === 'values' || targets === 'spans';
  if (
    !counted ||
    coupled ||
    term.settings?.classWeights !== undefined ||
    term.kind === 'external'
  ) {
    const what = `${where}: the loss ${term.kind}`;
    throw new SinterError('INTERNAL', `${what} has no gradient of a row's own`);
  }
  const rows = batch.end - batch.begin;
  const factors = new Float64Array(rows);
  const own = Array.from({ length: rows }, (_, i) => {
    const [from, to] = extent(batch, i);
    if (targets === 'spans') return Number((term.targets[2 * i] ?? -1) >= 0);
    if (targets === 'values') return to - from;
    return term.targets.slice(from, to).filter((label) => label >= 0).length;
  });
  const all = own.reduce((sum, count) => sum + count, 0);
  for (const [i, count] of own.entries()) factors[i] = count === 0 ? 0 : all / count;
  return { term, factors };
}

/** A random vector of +1 and -1 for each row of the output. */
export function projectedTerm(output: string, batch: RowBatch, random: SeededRandom): RowTerm {
  const rows = batch.end - batch.begin;
  const [, last] = extent(batch, rows - 1);
  const targets = Float32Array.from({ length: last * batch.width }, () =>
    random.below(2) === 0 ? -1 : 1,
  );
  return { term: external(output, targets), factors: new Float64Array(rows).fill(1) };
}

/** The gradient of the loss with labels drawn from the prediction `logits`. */
export function drawnTerm(
  output: string,
  loss: DrawnLoss,
  logits: Float32Array,
  batch: RowBatch,
  random: SeededRandom,
): RowTerm {
  const rows = batch.end - batch.begin;
  const targets = new Float32Array(logits.length);
  for (let i = 0; i < rows; i++) {
    const [from, to] = extent(batch, i);
    const part = { from, to, width: batch.width };
    if (loss === 'bce') drawSigmoids(logits, targets, part, random);
    else if (loss === 'span') drawSpan(logits, targets, part, random);
    else drawClasses(logits, targets, part, random);
  }
  return { term: external(output, targets), factors: new Float64Array(rows).fill(1) };
}

function external(output: string, targets: Float32Array): LossTerm {
  return { kind: 'external', output, weight: 1, targets };
}

/** Rows [from, to) of a matrix of `width` columns. */
interface Part {
  readonly from: number;
  readonly to: number;
  readonly width: number;
}

/** A number from 0 to below 1. */
const uniform = (random: SeededRandom) => random.next() / 2 ** 32;

/** Softmax over logits[first + k step], k < count; one index is drawn; targets += share * (p - one at the index). */
function drawSoftmax(
  logits: Float32Array,
  targets: Float32Array,
  at: { readonly first: number; readonly step: number; readonly count: number },
  share: number,
  random: SeededRandom,
): void {
  const place = (k: number) => at.first + k * at.step;
  let largest = -Infinity;
  for (let k = 0; k < at.count; k++) largest = Math.max(largest, logits[place(k)] ?? 0);
  const weights = Float64Array.from({ length: at.count }, (_, k) =>
    Math.exp((logits[place(k)] ?? 0) - largest),
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  let left = uniform(random) * sum;
  let drawn = at.count - 1;
  for (let k = 0; k < at.count; k++) {
    left -= weights[k] as number;
    if (left >= 0) continue;
    drawn = k;
    break;
  }
  for (let k = 0; k < at.count; k++) {
    targets[place(k)] = share * ((weights[k] as number) / sum - (k === drawn ? 1 : 0));
  }
}

/** A class per row; the loss is the mean over the rows. */
function drawClasses(
  logits: Float32Array,
  targets: Float32Array,
  { from, to, width }: Part,
  random: SeededRandom,
): void {
  for (let row = from; row < to; row++) {
    const at = { first: row * width, step: 1, count: width };
    drawSoftmax(logits, targets, at, 1 / (to - from), random);
  }
}

/** A start and an end among the tokens of the text; the loss is the mean of the two. */
function drawSpan(
  logits: Float32Array,
  targets: Float32Array,
  { from, to, width }: Part,
  random: SeededRandom,
): void {
  for (let column = 0; column < 2; column++) {
    const at = { first: from * width + column, step: width, count: to - from };
    drawSoftmax(logits, targets, at, 1 / 2, random);
  }
}

/** 0 or 1 for every number; the loss is the mean over them. */
function drawSigmoids(
  logits: Float32Array,
  targets: Float32Array,
  { from, to, width }: Part,
  random: SeededRandom,
): void {
  const share = 1 / ((to - from) * width);
  for (let i = from * width; i < to * width; i++) {
    const p = 1 / (1 + Math.exp(-(logits[i] ?? 0)));
    targets[i] = share * (p - (uniform(random) < p ? 1 : 0));
  }
}
