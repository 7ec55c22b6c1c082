/**
 * Counts of durations in buckets that grow by 15 %, for percentiles in constant memory.
 *
 * The rule: a percentile is off by at most half a bucket, 7 %; counts of several spans of time can be added.
 */

/** Milliseconds at the upper end of the first bucket. */
const FIRST_MS = 0.05;
const GROWTH = 1.15;
/** The last bucket ends at two minutes and takes what is longer. */
export const LATENCY_BUCKETS = 106;

/** The bucket of a duration in milliseconds. */
export function latencyBucket(ms: number): number {
  if (!(ms > FIRST_MS)) return 0;
  const bucket = Math.ceil(Math.log(ms / FIRST_MS) / Math.log(GROWTH));
  return Math.min(bucket, LATENCY_BUCKETS - 1);
}

/** The duration in milliseconds that `share` of the counted ones do not exceed; null without any. */
export function percentileOf(counts: ArrayLike<number>, share: number): number | null {
  let total = 0;
  for (let i = 0; i < LATENCY_BUCKETS; i++) total += counts[i] ?? 0;
  if (total === 0) return null;
  const wanted = Math.max(1, Math.ceil(share * total));
  let below = 0;
  for (let i = 0; i < LATENCY_BUCKETS; i++) {
    below += counts[i] ?? 0;
    // The geometric middle of the bucket.
    if (below >= wanted) return FIRST_MS * GROWTH ** (i - 0.5);
  }
  return null;
}
