/**
 * Least squares for a product whose weights are held at their old values, as strongly as texts that the fit has not seen ask for.
 *
 * The rule: old weights stay where no fit is better than they are on those texts, so a fit on few texts does no harm.
 */

import { runJob } from '../native/jobs.js';
import type { NativeGram } from '../native/native.js';

/** Where the search begins, and the factor between two values. */
const FIRST = 1;
const FACTOR = 3;
/** Smallest and largest value that is tried. */
const LEAST = 0.003;
const MOST = 100;

/** An error of the old weights that is rounding, as a share of the squares of what the product should give. */
const EXACT = 1e-9;

/** The sums of a product's inputs and of what its output should be, of some texts each. */
export interface FitSums {
  /** Of the texts to fit on. After the call it has those of the others as well. */
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
 * The weights for the best damping, fitted on all texts in the end. `prior` [outputs, width]: the old weights with their biases
 * behind them.
 */
export async function dampedFit(
  where: string,
  { fitted, held }: FitSums,
  prior: Float32Array,
  inputs: number,
  signal: AbortSignal | undefined,
): Promise<DampedFit> {
  const columns = Int32Array.from({ length: inputs }, (_, i) => i);
  const solve = (ownScale: boolean, lambda: number) =>
    runJob(where, signal, (jobId) => fitted.solve({ lambda, ownScale, prior, columns }, jobId));
  const errorOf = (weight: Float32Array) =>
    runJob(where, signal, (jobId) => held.error(weight, jobId));
  const old = await errorOf(prior);
  // Where nothing was cut there is nothing to fit.
  if (old <= EXACT * (await errorOf(new Float32Array(prior.length))))
    return { weight: prior, lambda: null };
  const searched = (ownScale: boolean) =>
    bestLambda(async (lambda) => errorOf(await solve(ownScale, lambda)));
  const [mean, own] = [await searched(false), await searched(true)];
  const ownScale = own.error < mean.error;
  const { lambda, error } = ownScale ? own : mean;
  if (error >= old) return { weight: prior, lambda: null };
  await runJob(where, signal, (jobId) => fitted.merge(held, jobId));
  return { weight: await solve(ownScale, lambda), lambda };
}

interface Tried {
  readonly lambda: number;
  readonly error: number;
}

/** The damping with the smallest error, downhill from the first one. */
async function bestLambda(errorOf: (lambda: number) => Promise<number>): Promise<Tried> {
  const tried = async (lambda: number) => ({ lambda, error: await errorOf(lambda) });
  let best = await tried(FIRST);
  for (const factor of [1 / FACTOR, FACTOR]) {
    const before = best;
    for (;;) {
      const lambda = best.lambda * factor;
      if (lambda < LEAST || lambda > MOST) break;
      const next = await tried(lambda);
      if (next.error >= best.error) break;
      best = next;
    }
    // What became better in one direction does not in the other.
    if (best !== before) break;
  }
  return best;
}
