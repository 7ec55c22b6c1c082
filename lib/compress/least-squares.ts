/** Small least squares problems whose unknowns must not be negative. */

/** Sweeps over the unknowns: the problems have some tens of them. */
const SWEEPS = 20_000;
/** Sweeps end when no unknown changes by more than this share of the largest. */
const TOLERANCE = 1e-12;

/**
 * The x >= 0 that minimises ||A x - b||, by coordinate descent from 0, which converges because the problem is convex. Where
 * several x are equally good, it is the one that this path ends in. `rows` are the rows of A.
 */
export function nonNegativeLeastSquares(
  rows: readonly (readonly number[])[],
  b: readonly number[],
): Float64Array {
  const unknowns = rows[0]?.length ?? 0;
  const x = new Float64Array(unknowns);
  const left = Float64Array.from(b);
  const squares = x.map((_, j) => rows.reduce((sum, row) => sum + (row[j] ?? 0) ** 2, 0));
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let largest = 0;
    for (let j = 0; j < unknowns; j++) {
      const square = squares[j] as number;
      if (square === 0) continue;
      const slope = rows.reduce((sum, row, i) => sum + (row[j] ?? 0) * (left[i] as number), 0);
      const before = x[j] as number;
      const after = Math.max(0, before + slope / square);
      if (after === before) continue;
      x[j] = after;
      for (const [i, row] of rows.entries()) {
        left[i] = (left[i] as number) - (row[j] ?? 0) * (after - before);
      }
      largest = Math.max(largest, Math.abs(after - before));
    }
    if (largest <= TOLERANCE * Math.max(...x)) break;
  }
  return x;
}
