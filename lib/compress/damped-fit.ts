/**
 * Least squares for a product whose weights are held at their old values, as strongly as texts that the fit has not seen ask for.
 *
 * The rule: old weights stay where no fit is better than they are on those texts, so a fit on few texts does no harm. With several folds
 * a gain must be larger than its standard error over the folds, and of the fits that are as good as the best one within a standard
 * error the one with the most damping is taken (Breiman et al. 1984).
 */

import type { NativeGram } from '../native/compression.js';
import { runJob } from '../native/jobs.js';

/** Where the search begins, and the factor between two values. */
const FIRST = 1;
const FACTOR = 3;
/** Smallest and largest value that is tried. */
const LEAST = 0.003;
const MOST = 100;

/** An error of the old weights that is rounding, as a share of the squares of what the product should give. */
const EXACT = 1e-9;

/** The sums of a product's inputs and of what its output should be, of some texts each. */
export interface Fold {
  /** Of the texts to fit on. After the call that of the first fold has the others as well. */
  readonly fitted: NativeGram;
  /** Of the texts to choose by. */
  readonly held: NativeGram;
}

/** What was found. */
export interface DampedFit {
  readonly weight: Float32Array;
  /** null: the old weights stay. */
  readonly lambda: number | null;
}

/**
 * The weights for the best damping, fitted on all texts in the end. `folds` divide the same texts, each in another way. `prior`
 * [outputs, width]: the old weights with their biases behind them.
 */
export async function dampedFit(
  where: string,
  folds: readonly Fold[],
  prior: Float32Array,
  inputs: number,
  signal: AbortSignal | undefined,
): Promise<DampedFit> {
  const columns = Int32Array.from({ length: inputs }, (_, i) => i);
  const solve = ({ fitted }: Fold, { lambda, ownScale }: Damping) =>
    runJob(where, signal, (jobId) => fitted.solve({ lambda, ownScale, prior, columns }, jobId));
  const errorOf = ({ held }: Fold, weight: Float32Array) =>
    runJob(where, signal, (jobId) => held.error(weight, jobId));
  const ofFolds = async (weightOf: (fold: Fold) => Float32Array | Promise<Float32Array>) => {
    const errors: number[] = [];
    for (const fold of folds) errors.push(await errorOf(fold, await weightOf(fold)));
    return errors;
  };
  const kept = { weight: prior, lambda: null };
  const old = await ofFolds(() => prior);
  // Where nothing was cut there is nothing to fit.
  const nothing = new Float32Array(prior.length);
  if (sumOf(old) <= EXACT * sumOf(await ofFolds(() => nothing))) return kept;
  const tried: Tried[] = [];
  for (const ownScale of [false, true]) {
    const attempt = async (lambda: number) => {
      const errors = await ofFolds((fold) => solve(fold, { lambda, ownScale }));
      return { lambda, ownScale, errors, error: sumOf(errors) };
    };
    tried.push(...(await triedLambdas(attempt)));
  }
  const best = careful(tried);
  if (best === null || !isGain(old, best.errors)) return kept;
  const [first] = folds as readonly [Fold, ...Fold[]];
  await runJob(where, signal, (jobId) => first.fitted.merge(first.held, jobId));
  return { weight: await solve(first, best), lambda: best.lambda };
}

interface Damping {
  readonly lambda: number;
  /** Whether each input is damped by its own size, not by the mean of all. */
  readonly ownScale: boolean;
}

interface Tried extends Damping {
  /** On the held-out texts of each fold. */
  readonly errors: readonly number[];
  readonly error: number;
}

const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

/** Standard error of the sum of some values; 0 for a single one. */
function errorOfSum(values: readonly number[]): number {
  const count = values.length;
  if (count < 2) return 0;
  const mean = sumOf(values) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt((count * squares) / (count - 1));
}

/** The most damping of those that are no worse than the best one by more than a standard error; with one fold, the best one. */
function careful(tried: readonly Tried[]): Tried | null {
  const best = tried.toSorted((a, b) => a.error - b.error)[0];
  if (best === undefined) return null;
  const near = ({ ownScale, errors, lambda }: Tried) => {
    const more = errors.map((error, i) => error - (best.errors[i] ?? 0));
    return ownScale === best.ownScale && lambda >= best.lambda && sumOf(more) <= errorOfSum(more);
  };
  return tried.filter(near).toSorted((a, b) => b.lambda - a.lambda)[0] ?? best;
}

/** Whether errors became smaller by more than a standard error. */
function isGain(old: readonly number[], errors: readonly number[]): boolean {
  const gains = old.map((error, i) => error - (errors[i] ?? 0));
  return sumOf(gains) > errorOfSum(gains);
}

/** What is tried in search of the damping with the smallest error: downhill from the first one. */
async function triedLambdas(
  attempt: (lambda: number) => Promise<Tried>,
): Promise<readonly Tried[]> {
  let best = await attempt(FIRST);
  const all = [best];
  for (const factor of [1 / FACTOR, FACTOR]) {
    const before = best;
    for (;;) {
      const lambda = best.lambda * factor;
      if (lambda < LEAST || lambda > MOST) break;
      const next = await attempt(lambda);
      all.push(next);
      if (next.error >= best.error) break;
      best = next;
    }
    // What became better in one direction does not in the other.
    if (best !== before) break;
  }
  return all;
}
