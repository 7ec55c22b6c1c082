/** The numbers and the segments that a graph with masks on its units needs (graph/rewrite/unit-masks.ts). */

import type { MaskedGraph } from '../graph/rewrite/unit-masks.js';
import type { NativeStore, TokenBatch } from '../native/program.js';

/** Masks of ones, and the segment tables in `store` once for each of `texts` texts: the new weights of a masked graph. */
export function maskWeights(
  { masks, repeated }: MaskedGraph,
  texts: number,
  types: number,
  store: NativeStore,
): Map<string, Float32Array> {
  const written = new Map<string, Float32Array>();
  for (const { weight, columns } of masks) {
    written.set(weight, new Float32Array(texts * types * columns).fill(1));
  }
  for (const [name, from] of repeated) {
    const rows = store.readWeight(from, 0, types);
    const all = new Float32Array(texts * rows.length);
    for (let text = 0; text < texts; text++) all.set(rows, text * rows.length);
    written.set(name, all);
  }
  return written;
}

/** The segments of a batch that a graph uses: 1 + the largest. */
export function segmentTypes({ segments }: TokenBatch): number {
  return 1 + (segments?.reduce((most, segment) => Math.max(most, segment), 0) ?? 0);
}

/** The batch with segments that also name the text of each token. */
export function withTextSegments(batch: TokenBatch, types: number): TokenBatch {
  const segments = Int32Array.from(batch.segments ?? new Int32Array(batch.ids.length));
  for (let text = 0; text + 1 < batch.offsets.length; text++) {
    for (let t = batch.offsets[text] ?? 0; t < (batch.offsets[text + 1] ?? 0); t++) {
      segments[t] = (segments[t] ?? 0) + text * types;
    }
  }
  return { ...batch, segments };
}
