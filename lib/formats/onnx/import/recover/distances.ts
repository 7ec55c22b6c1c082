/**
 * Functions of a distance between two tokens that encoders know, fitted to what a graph does: windows and buckets.
 *
 * A fit must explain every distance that was seen. The formulas are those of the docstrings in `lib/graph/types.ts`.
 */

/** Largest `maxDistance` that is tried. */
const MAX_DISTANCE = 8192;
/** The usual ones first: where the probe is too short to tell two of them apart the first is taken. */
const USUAL = [128, 512, 256, 64];

/** T5's bucket of key - query, both directions. */
export function t5Bucket(distance: number, buckets: number, maxDistance: number): number {
  const half = buckets / 2;
  const exact = half / 2;
  const far = Math.abs(distance);
  const side = distance > 0 ? half : 0;
  if (far < exact) return side + far;
  const log = Math.fround(Math.log(far / exact) / Math.log(maxDistance / exact));
  return side + Math.min(half - 1, exact + Math.floor(Math.fround(log * (half - exact))));
}

/** DeBERTa's log bucket of query - key; without buckets the distance itself. */
export function logBucket(distance: number, buckets: number, maxDistance: number): number {
  if (buckets === 0) return distance;
  const mid = Math.floor(buckets / 2);
  const far = Math.abs(distance);
  if (far <= mid) return distance;
  const log = Math.log(Math.fround(far / mid)) / Math.log((maxDistance - 1) / mid);
  return Math.sign(distance) * (Math.ceil(Math.fround(Math.fround(log) * (mid - 1))) + mid);
}

/** maxDistance of T5 buckets for key - query -> row of the table; null when they are none. */
export function fitT5(seen: ReadonlyMap<number, number>, buckets: number): number | null {
  if (buckets % 4 !== 0) return null;
  return firstFit(buckets / 4 + 1, (maxDistance) =>
    every(seen, (distance, row) => t5Bucket(distance, buckets, maxDistance) === row),
  );
}

/**
 * Buckets and largest distance of a disentangled term: query - key -> row of its table of 2 * span rows. Seen from the key the
 * distance and the row's sign are both the other way round, so that the two terms are fitted alike.
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

/** Which keys a query sees, from key - query -> seen; a string says why that is no encoder's attention. */
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
