/** Bounds of the histograms. The rule: they never change with the data, so that series of different servers can be added. */

/** Digits that bounds are shown with. */
const DIGITS = 6;

function steps(first: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Number((first * factor ** i).toPrecision(DIGITS)));
}

/** Seconds, as text-embeddings-inference has them: 35 steps of 1e-5 x 1.5^n, from 15 microseconds to 14.6 seconds. */
export const TEI_SECONDS: readonly number[] = steps(1e-5 * 1.5, 1.5, 35);

/** Seconds: 0.5 ms to 10 s in steps of 1, 2.5 and 5. */
export const SECONDS: readonly number[] = [
  ...[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05],
  ...[0.1, 0.25, 0.5, 1, 2.5, 5, 10],
];

/** Powers of two from 1 to 2^`last`. */
export function powersOfTwo(last: number): readonly number[] {
  return steps(1, 2, last + 1);
}
