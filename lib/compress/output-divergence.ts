/**
 * How far the outputs of a model are from those of its f32 form, text by text.
 *
 * Sums are doubles in the order of the texts, so the same texts give the same numbers.
 */

import type { Steps } from '../core/turns.js';
import type { ModelHead } from '../graph/checkpoint.js';

/**
 * How outputs are compared. `kl`: Kullback-Leibler divergence of the probabilities from those of f32, in nats, the mean over
 * texts (over tokens of a tagger, over a masked token of each text of a language model); of an answer the sum over start and
 * end, of labels that do not exclude each other the sum over labels. `cosine`: 1 - cosine of the vectors, the mean over texts.
 * `nmse`: sum of squared errors over the sum of squares, for regressions and scores of pairs.
 */
export type DivergenceMeasure = 'kl' | 'cosine' | 'nmse';

/** What a divergence is the quotient of: `sum / count`. */
export interface Sums {
  sum: number;
  count: number;
}

/** Adds one text, whose output has rows of `width` numbers. */
export type Comparison = (
  f32: Float32Array,
  other: Float32Array,
  width: number,
  sums: Sums,
) => Steps<void>;

/** The comparison that fits the head of a model. */
export function comparisonOf({
  task,
  labels,
  problem,
}: ModelHead): [DivergenceMeasure, Comparison] {
  if (task === 'embedding') return ['cosine', addCosine];
  if (task === 'question-answering') return ['kl', addSpans];
  if (problem === 'multi_label_classification') return ['kl', addLabels];
  if (problem === 'regression' || labels?.length === 1) return ['nmse', addSquares];
  return ['kl', addClasses];
}

function* addCosine(f32: Float32Array, other: Float32Array, _: number, sums: Sums): Steps<void> {
  let [product, own, theirs] = [0, 0, 0];
  for (const [i, a] of f32.entries()) {
    const b = other[i] ?? 0;
    product += a * b;
    own += a * a;
    theirs += b * b;
  }
  const length = Math.sqrt(own * theirs);
  // Two vectors of zeros are equal, one of zeros is unlike all others.
  sums.sum += length > 0 ? Math.max(0, 1 - product / length) : own === theirs ? 0 : 1;
  sums.count++;
  yield;
}

function* addSquares(f32: Float32Array, other: Float32Array, _: number, sums: Sums): Steps<void> {
  for (const [i, a] of f32.entries()) {
    sums.sum += (a - (other[i] ?? 0)) ** 2;
    sums.count += a * a;
  }
  yield;
}

/** Each row is a distribution. */
function* addClasses(
  f32: Float32Array,
  other: Float32Array,
  width: number,
  sums: Sums,
): Steps<void> {
  for (let row = 0; row < f32.length; row += width) {
    sums.sum += divergence(f32.subarray(row, row + width), other.subarray(row, row + width));
    sums.count++;
    yield;
  }
}

/** Each column is a distribution over the tokens of the text. */
function* addSpans(f32: Float32Array, other: Float32Array, width: number, sums: Sums): Steps<void> {
  const column = (values: Float32Array, c: number) => values.filter((_, i) => i % width === c);
  for (let c = 0; c < width; c++) sums.sum += divergence(column(f32, c), column(other, c));
  sums.count++;
  yield;
}

/** Each number is the logit of one label, yes or no. */
function* addLabels(
  f32: Float32Array,
  other: Float32Array,
  width: number,
  sums: Sums,
): Steps<void> {
  for (const [i, logit] of f32.entries()) {
    const pair = (x: number) => Float32Array.of(x, 0);
    sums.sum += divergence(pair(logit), pair(other[i] ?? 0));
  }
  sums.count += f32.length / width;
  yield;
}

/** Sum of p (log p - log q) over the softmaxes p and q of two rows of logits. */
function divergence(p: Float32Array, q: Float32Array): number {
  const [ofP, ofQ] = [logOfSum(p), logOfSum(q)];
  let sum = 0;
  for (const [i, logit] of p.entries()) {
    const log = logit - ofP;
    sum += Math.exp(log) * (log - ((q[i] ?? 0) - ofQ));
  }
  // Rounding may leave a little less than 0.
  return Math.max(0, sum);
}

function logOfSum(logits: Float32Array): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const logit of logits) most = Math.max(most, logit);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - most);
  return most + Math.log(sum);
}
