/**
 * Ranges whose quantized histogram is nearest to the full one, by the Kullback-Leibler divergence: TensorRT's scheme for
 * magnitudes, and ONNX Runtime's for numbers of both signs.
 *
 * The rule: both give what their originals give for the same counts; neither looks at what the model makes of the error.
 */

import type { Steps } from '../../core/turns.js';

/** The chosen number of bins, and the divergence there. */
export interface EntropyChoice {
  readonly bins: number;
  readonly divergence: number;
}

const sums = (counts: Float64Array, of: (count: number) => number): Float64Array => {
  const total = new Float64Array(counts.length + 1);
  counts.forEach((count, i) => {
    total[i + 1] = (total[i] ?? 0) + of(count);
  });
  return total;
};

const between = (totals: Float64Array, begin: number, end: number): number =>
  (totals[end] ?? 0) - (totals[begin] ?? 0);

/**
 * TensorRT's scheme (Migacz 2017) on counts of magnitudes in bins of one width from 0. Of every number of bins from `levels`
 * on, the reference is the first bins with all others added to the last of them; the candidate has `levels` levels, bin j in
 * level floor(j levels / bins), and a level's count is spread over its bins that are not empty. Without smoothing: a divergence
 * is infinite where the candidate is 0 and the reference is not. The threshold is the upper edge of bin `bins` - 1.
 */
export function* entropyOfMagnitudes(counts: Float64Array, levels: number): Steps<EntropyChoice> {
  const [totals, filled] = [sums(counts, (x) => x), sums(counts, (x) => Number(x > 0))];
  const all = totals.at(-1) ?? 0;
  let best: EntropyChoice = { bins: counts.length, divergence: Number.POSITIVE_INFINITY };
  for (let bins = Math.min(levels, counts.length); bins <= counts.length; bins++) {
    const outside = all - (totals[bins] ?? 0);
    const inside = totals[bins] ?? 0;
    let divergence = 0;
    for (let level = 0, begin = 0; level < levels; level++) {
      const end = Math.min(bins, Math.ceil(((level + 1) * bins) / levels));
      const each = between(totals, begin, end) / between(filled, begin, end);
      for (let j = begin; j < end; j++) {
        const reference = ((counts[j] ?? 0) + (j === bins - 1 ? outside : 0)) / all;
        if (reference === 0) continue;
        const candidate = (counts[j] ?? 0) > 0 ? each / inside : 0;
        divergence += reference * Math.log(reference / candidate);
      }
      begin = end;
    }
    if (divergence < best.divergence) best = { bins, divergence };
    yield;
  }
  return best;
}

/** What takes the place of a bin without counts. */
const SMOOTHING = 1e-4;

/**
 * ONNX Runtime's scheme on counts of numbers in bins of one width over a symmetric range. For every half width from levels / 2
 * to half of all bins, the bins inside (one more on the right) are merged into levels of whole counts and spread again; zeros
 * of both are smoothed. `bins` is the half width: the range is [-bins, bins + 1] widths, where there are so many.
 */
export function* entropyOfNumbers(counts: Float64Array, levels: number): Steps<EntropyChoice> {
  const zero = counts.length >> 1;
  const [totals, filled] = [sums(counts, (x) => x), sums(counts, (x) => Number(x > 0))];
  const spread = new Float64Array(counts.length);
  let best: EntropyChoice = { bins: zero, divergence: Number.POSITIVE_INFINITY };
  for (let half = levels >> 1; half <= zero; half++) {
    const begin = zero - half;
    const end = Math.min(zero + half + 1, counts.length);
    const reference = counts.slice(begin, end);
    const last = reference.length - 1;
    reference[0] = (reference[0] ?? 0) + between(totals, 0, begin);
    reference[last] = (reference[last] ?? 0) + between(totals, end, counts.length);
    spreadLevels(spread.fill(0), { totals, filled, reference, begin, end, levels });
    const divergence = smoothedDivergence(reference, spread.subarray(0, end - begin));
    if (divergence < best.divergence) best = { bins: half, divergence };
    yield;
  }
  return best;
}

interface Inside {
  readonly totals: Float64Array;
  readonly filled: Float64Array;
  readonly reference: Float64Array;
  readonly begin: number;
  readonly end: number;
  readonly levels: number;
}

/** Writes each level's whole count over all of its bins, divided by the number of those that are not empty in the reference. */
function spreadLevels(spread: Float64Array, inside: Inside): void {
  const { totals, filled, reference, begin, end, levels } = inside;
  const each = Math.floor((end - begin) / levels);
  for (let level = 0; level < levels; level++) {
    const from = level * each;
    const isLast = level === levels - 1;
    const count = between(totals, begin + from, isLast ? end : begin + from + each);
    let full = between(filled, begin + from, begin + from + each);
    // Outliers may have filled an empty bin at either end.
    if (level === 0 && counted(inside, 0) === 0 && (reference[0] ?? 0) > 0) full++;
    const tail = end - begin - 1;
    const hasTail = from <= tail && tail < from + each;
    if (hasTail && counted(inside, tail) === 0 && (reference[tail] ?? 0) > 0) full++;
    if (full > 0) spread.fill(Math.floor(count / full), from, from + each);
  }
}

const counted = ({ totals, begin }: Inside, bin: number): number =>
  between(totals, begin + bin, begin + bin + 1);

function smoothedDivergence(reference: Float64Array, candidate: Float64Array): number {
  const [p, q] = [smoothing(reference), smoothing(candidate)];
  if (p === null || q === null) return Number.POSITIVE_INFINITY;
  let divergence = 0;
  for (let i = 0; i < reference.length; i++) {
    const a = p(reference[i] ?? 0);
    divergence += a * Math.log(a / q(candidate[i] ?? 0));
  }
  return divergence;
}

/** Gives each count a share of all: empty bins have a little, which the others lose; null where all are empty. */
function smoothing(counts: Float64Array): ((count: number) => number) | null {
  let [zeros, total] = [0, 0];
  for (const count of counts) {
    if (count === 0) zeros++;
    total += count;
  }
  const others = counts.length - zeros;
  if (others === 0) return null;
  const less = (SMOOTHING * zeros) / others;
  return (count) => (count === 0 ? SMOOTHING : count - less) / total;
}
