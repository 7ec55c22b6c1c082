/**
 * Times several ways to do the same work so that they can be compared: interleaved rounds, medians.
 *
 * The rule: every candidate runs once in every round, so that a change of the machine's speed meets all of them.
 */
import { throwIfAborted } from '../core/errors.js';
import { median } from '../core/median.js';

/** One way to do the work; `run` does all of it once. */
export interface Candidate {
  readonly name: string;
  run(): Promise<void>;
}

export interface Timing {
  readonly name: string;
  readonly medianMs: number;
  /** Milliseconds of each round, in their order. */
  readonly rounds: readonly number[];
}

export interface MeasureOptions {
  readonly rounds: number;
  /** Rounds before those that count. Default: 1. */
  readonly warmup?: number;
  readonly signal?: AbortSignal;
  /** Called after each run, warm-up included. */
  readonly onRun?: () => void;
}

/** Times of all candidates, in their order. An error of a candidate ends the measurement. */
export async function measure(
  candidates: readonly Candidate[],
  options: MeasureOptions,
): Promise<Timing[]> {
  const { rounds, warmup = 1, signal, onRun } = options;
  const times = candidates.map((): number[] => []);
  for (let round = -warmup; round < rounds; round++) {
    for (const [i, candidate] of candidates.entries()) {
      throwIfAborted(signal, 'measure');
      const start = performance.now();
      await candidate.run();
      const took = performance.now() - start;
      if (round >= 0) times[i]?.push(took);
      onRun?.();
    }
  }
  return candidates.map(({ name }, i) => {
    const all = times[i] ?? [];
    return { name, medianMs: median(all), rounds: all };
  });
}
