/**
 * The border to the native core: what compression measures and computes.
 */

import type { NativeStore } from './program.js';

export interface GramShape {
  readonly inputs: number;
  /** 0: there is no Y. */
  readonly outputs: number;
  /** Every row of X gets a 1 behind its inputs, so that a bias is fitted too: `width` is inputs + 1 then, else inputs. */
  readonly intercept: boolean;
  /**
   * Every row of X and of Y - minus is divided by the root mean square of its `y`, as a norm behind the sum would do; a row of
   * zeros is not. Default: false.
   */
  readonly normalizeRows?: boolean;
}

/** What `NativeGram.remove` finds. */
export interface NativeRemoval {
  /** The groups in the order of their removal. */
  readonly order: Int32Array;
  /** By how much ||X D||^2 + damping ||D||^2 grew at each removal; D is the change of W. */
  readonly scores: Float64Array;
  /** ||X D||^2 after each removal. */
  readonly errors: Float64Array;
  /** Scores of all groups before the first removal. */
  readonly firstScores: Float64Array;
  /** W [outputs, width] for each of the `counts`; the columns of removed groups are 0. */
  readonly weights: readonly Float32Array[];
}

export interface NativeLowRank {
  readonly a: Float32Array;
  readonly b: Float32Array;
  /** All min(outputs, inputs), largest first. The squared error of rank r is the sum of their squares from r on. */
  readonly singularValues: Float64Array;
}

/**
 * X^T X and X^T Y over rows, in f64: each element is one chain of fma in the order of the rows, so the bits do not depend on
 * the lanes, the instruction set or the batches. Calls run in their order. A failed or cancelled `add` leaves the sums unusable.
 */
export interface NativeGram {
  /**
   * Adds the rows x [rows, inputs] and y - minus [rows, outputs]. All are copied on this thread: about a millisecond for a
   * million numbers. INVALID_DATA for a number that is not finite.
   */
  add(
    x: Float32Array,
    y: Float32Array | null,
    minus: Float32Array | null,
    jobId?: number,
  ): Promise<void>;
  /** Adds the sums of another one of the same shape. */
  merge(other: NativeGram, jobId?: number): Promise<void>;
  /** Copies: X^T X [width, width], X^T Y [width, outputs], the sum of all y^2. */
  sums(jobId?: number): Promise<{
    readonly products: Float64Array;
    readonly targets: Float64Array;
    readonly targetSquares: number;
    readonly rows: number;
  }>;
  /** ||X W^T - Y||^2 for W [outputs, width]. */
  error(weight: Float32Array, jobId?: number): Promise<number>;
  /**
   * W [outputs, columns (+ 1 for the intercept)] that minimises ||X W^T - Y||^2 + lambda mean(diag X^T X) ||W - prior||^2, if
   * only the inputs `columns` (rising) are kept. `prior` is [outputs, width]; null: zeros. An input that is always 0 keeps its
   * prior weight. With `ownScale` (default: false) each input's own element of the diagonal stands for the mean, so that inputs
   * of any size are damped alike. INVALID_DATA for dependent inputs without damping.
   */
  solve(
    options: {
      readonly lambda: number;
      readonly ownScale?: boolean;
      readonly prior: Float32Array | null;
      readonly columns: Int32Array;
    },
    jobId?: number,
  ): Promise<Float32Array>;
  /**
   * Removes groups of `groupColumns` neighbouring inputs from W [any outputs, width], each time the one whose removal costs
   * least, and adapts the others (the removal step of ZipLM, Kurtic et al. 2023). `counts` (rising) says after how many
   * removals W is wanted. Damping is lambda mean(diag X^T X). INVALID_DATA for dependent inputs without damping.
   */
  remove(
    weight: Float32Array,
    options: {
      readonly groupColumns: number;
      readonly removals: number;
      readonly lambda: number;
      readonly counts: Int32Array;
    },
    jobId?: number,
  ): Promise<NativeRemoval>;
  dispose(): void;
}

/** What a `NativeHistogram` has counted. */
export interface NativeCounts {
  /** A power of two: bin i of a sign has the magnitudes in [i width, (i + 1) width). 0 as long as there are nothing but zeros. */
  readonly width: number;
  readonly negative: Float64Array;
  readonly positive: Float64Array;
  readonly zeros: number;
  /** Smallest and largest number; 0 if there is none. */
  readonly min: number;
  readonly max: number;
}

/**
 * Counts of numbers in 4,096 bins for each sign, whose width doubles when a number does not fit: no range has to be known, and
 * the counts do not depend on the order of the numbers. Calls run in their order.
 */
export interface NativeHistogram {
  /**
   * Counts `values`, copied on this thread; with `factors` they are rows with a factor for each column. INVALID_DATA for a
   * number that is not finite; then none of them is counted.
   */
  add(values: Float32Array, factors: Float32Array | null, jobId?: number): Promise<void>;
  /** Counts a weight of a store in whatever storage it is, column by column times `factors`. */
  addWeight(
    store: NativeStore,
    name: string,
    factors: Float32Array | null,
    jobId?: number,
  ): Promise<void>;
  counts(jobId?: number): Promise<NativeCounts>;
  dispose(): void;
}
