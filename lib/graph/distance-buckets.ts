/**
 * Rows of position tables for distances: the buckets of T5 and of DeBERTa.
 *
 * Both compute logarithms in f32 as PyTorch does, so that a distance at the edge of two buckets gets the same bucket as in
 * training.
 */

/**
 * The T5 bucket of key - query (Raffel et al. 2020): keys to the right use the upper half, and far keys share the last
 * bucket of their half.
 */
export function relativeBucket(distance: number, buckets: number, maxDistance: number): number {
  const half = buckets / 2;
  const side = distance > 0 ? half : 0;
  const far = Math.abs(distance);
  const exact = half / 2;
  if (far < exact) return side + far;
  const ratio = logRatio(Math.fround(far / exact), Math.fround(Math.log(maxDistance / exact)));
  const bucket = exact + Math.trunc(Math.fround(ratio * (half - exact)));
  return side + Math.min(bucket, half - 1);
}

/**
 * Row p = clamp(bucket(query - key) + span) of disentangled attention (He et al. 2021). With 0 buckets, every distance is
 * its own bucket.
 */
export function disentangledRow(distance: number, buckets: number, maxDistance: number): number {
  const span = buckets === 0 ? maxDistance : buckets;
  const bucket = buckets === 0 ? distance : logBucket(distance, buckets, maxDistance);
  return Math.min(Math.max(bucket + span, 0), 2 * span - 1);
}

/** Distances up to half of the buckets have buckets of their own; beyond, buckets grow with the logarithm, rounded up. */
function logBucket(distance: number, buckets: number, maxDistance: number): number {
  const middle = Math.floor(buckets / 2);
  const far = Math.abs(distance);
  if (far <= middle) return distance;
  const last = Math.fround(Math.log(Math.fround((maxDistance - 1) / middle)));
  const ratio = logRatio(Math.fround(far / middle), last);
  return Math.sign(distance) * (Math.ceil(Math.fround(ratio * (middle - 1))) + middle);
}

function logRatio(value: number, divisor: number): number {
  return Math.fround(Math.fround(Math.log(value)) / divisor);
}

/** Rows of the distances from -reach to reach. */
export interface DistanceRows {
  readonly reach: number;
  readonly rows: readonly number[];
}

/** Bucket of every distance key - query in texts of up to `maxTokens`. Distances beyond `reach` have the bucket of `reach`. */
export function relativeBuckets(
  buckets: number,
  maxDistance: number,
  maxTokens: number,
): DistanceRows {
  const row = (distance: number): number => relativeBucket(distance, buckets, maxDistance);
  return rowsWithin(Math.min(maxDistance, maxTokens), row);
}

/** Row of every distance query - key in texts of up to `maxTokens`. Distances beyond `reach` have the row of `reach`. */
export function disentangledRows(
  buckets: number,
  maxDistance: number,
  maxTokens: number,
): DistanceRows {
  const row = (distance: number): number => disentangledRow(distance, buckets, maxDistance);
  let reach = Math.min(maxDistance, maxTokens);
  while (reach < maxTokens && row(-reach) > 0) reach++;
  return rowsWithin(reach, row);
}

function rowsWithin(reach: number, row: (distance: number) => number): DistanceRows {
  return { reach, rows: Array.from({ length: 2 * reach + 1 }, (_, i) => row(i - reach)) };
}
