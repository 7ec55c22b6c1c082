/**
 * Fits windows and buckets of distances, as encoders define them, to the distances that a walk has seen.
 *
 * A fit must explain every distance that was seen. The formulas are those of the docstrings in `lib/graph/types.ts`.
 */

/** Largest value of `maxDistance` that is tried. */
const MAX_DISTANCE = 8192;
/** Values of `maxDistance` that are tried first, the commonest in front: on a short probe several values may fit alike. */
const USUAL = [128, 512, 256, 64];

/** T5's bucket of the distance key - query, for attention in both directions. */
export function t5Bucket(distance: number, buckets: number, maxDistance: number): number {
  const half = buckets / 2;
  const exact = half / 2;
  const far = Math.abs(distance);
  const side = distance > 0 ? half : 0;
  if (far < exact) return side + far;
  const log = Math.fround(Math.log(far / exact) / Math.log(maxDistance / exact));
  return side + Math.min(half - 1, exact + Math.floor(Math.fround(log * (half - exact))));
}

/** DeBERTa's log bucket of the distance query - key; with 0 buckets the distance itself. */
export function logBucket(distance: number, buckets: number, maxDistance: number): number {
  if (buckets === 0) return distance;
  const mid = Math.floor(buckets / 2);
  const far = Math.abs(distance);
  if (far <= mid) return distance;
  const log = Math.log(Math.fround(far / mid)) / Math.log((maxDistance - 1) / mid);
  return Math.sign(distance) * (Math.ceil(Math.fround(Math.fround(log) * (mid - 1))) + mid);
}

/** Finds the maxDistance of T5 buckets that map each distance key - query to the row that was seen; null when none does. */
export function fitT5(seen: ReadonlyMap<number, number>, buckets: number): number | null {
  if (buckets % 4 !== 0) return null;
  return firstFit(buckets / 4 + 1, (maxDistance) =>
    every(seen, (distance, row) => t5Bucket(distance, buckets, maxDistance) === row),
  );
}

/**
 * Finds buckets and largest distance of a disentangled term that map each distance query - key to its row in a table of 2 *
 * span rows. Both terms are fitted alike: seen from the key, both the distance and the sign of the row are reversed.
 */
export function fitLogBuckets(
  seen: ReadonlyMap<number, number>,
  rows: number,
): { buckets: number; maxDistance: number } | null {
  const span = rows / 2;
  const fits = (buckets: number, maxDistance: number) =>
    every(seen, (distance, row) => {
      const at = logBucket(distance, buckets, maxDistance) + span;
      return row === Math.min(2 * span - 1, Math.max(0, at));
    });
  if (fits(0, span)) return { buckets: 0, maxDistance: span };
  const maxDistance = firstFit(Math.floor(span / 2) + 2, (d) => fits(span, d));
  return maxDistance === null ? null : { buckets: span, maxDistance };
}

export type Reach = { readonly kind: 'all' } | { readonly kind: 'window'; readonly size: number };

/** Which keys a query attends to, from key - query -> seen. A string is the reason why no encoder's attention does this. */
export function reachOf(seen: ReadonlyMap<number, boolean>): Reach | string {
  const distances = [...seen.entries()];
  if (distances.every(([, visible]) => visible)) return { kind: 'all' };
  const hidden = distances.filter(([, visible]) => !visible).map(([d]) => d);
  const shown = distances.filter(([, visible]) => visible).map(([d]) => Math.abs(d));
  if (hidden.every((d) => d > 0) && shown.length > 0) return 'it hides later tokens (causal)';
  const size = Math.max(0, ...shown);
  const symmetric = hidden.every((d) => Math.abs(d) > size);
  return symmetric ? { kind: 'window', size } : 'it hides tokens by no rule that is known';
}

function firstFit(least: number, fits: (maxDistance: number) => boolean): number | null {
  for (const usual of USUAL) if (usual >= least && fits(usual)) return usual;
  for (let d = Math.max(2, Math.ceil(least)); d <= MAX_DISTANCE; d++) if (fits(d)) return d;
  return null;
}

function every<T>(seen: ReadonlyMap<number, T>, test: (distance: number, value: T) => boolean) {
  for (const [distance, value] of seen) if (!test(distance, value)) return false;
  return true;
}
