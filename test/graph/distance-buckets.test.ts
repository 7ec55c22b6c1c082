/**
 * Buckets of distances against PyTorch's, edges included: one bucket off and a model is subtly wrong.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  disentangledRow,
  disentangledRows,
  relativeBucket,
  relativeBuckets,
} from '../../lib/graph/distance-buckets.js';

interface Case {
  readonly buckets: number;
  readonly maxDistance: number;
  readonly from: number;
  readonly to: number;
  readonly changes: readonly (readonly [number, number])[];
}

const golden = JSON.parse(
  readFileSync('test/fixtures/distance-buckets/golden.json', 'utf8'),
) as Record<'relative' | 'disentangled', readonly Case[]>;

/** [distance, bucket] of every distance of a case. */
function* expand({ from, to, changes }: Case): Generator<readonly [number, number]> {
  let next = 0;
  let bucket = 0;
  for (let distance = from; distance <= to; distance++) {
    const change = changes[next];
    if (change?.[0] === distance) {
      bucket = change[1];
      next++;
    }
    yield [distance, bucket];
  }
}

describe('distance buckets are those of PyTorch', () => {
  it.each(golden.relative)('relative: $buckets buckets up to $maxDistance', (case_) => {
    const { buckets, maxDistance } = case_;
    for (const [distance, bucket] of expand(case_)) {
      expect(relativeBucket(distance, buckets, maxDistance), `${distance}`).toBe(bucket);
    }
  });

  it.each(golden.disentangled)('disentangled: $buckets buckets up to $maxDistance', (case_) => {
    const { buckets, maxDistance } = case_;
    for (const [distance, bucket] of expand(case_)) {
      const row = Math.min(Math.max(bucket + buckets, 0), 2 * buckets - 1);
      expect(disentangledRow(distance, buckets, maxDistance), `${distance}`).toBe(row);
    }
  });

  it('without buckets every distance has its own row, clamped', () => {
    const rows = [-9, -4, -1, 0, 3, 4, 9].map((distance) => disentangledRow(distance, 0, 4));
    expect(rows).toEqual([0, 0, 3, 4, 7, 7, 7]);
  });

  it('a table reaches as far as rows change, and no further than a text', () => {
    for (const { buckets, maxDistance } of golden.disentangled) {
      const { reach, rows } = disentangledRows(buckets, maxDistance, 1200);
      expect([rows[0], rows.at(-1)]).toEqual([0, 2 * buckets - 1]);
      for (const far of [reach + 1, 1200]) {
        expect(disentangledRow(far, buckets, maxDistance)).toBe(rows.at(-1));
        expect(disentangledRow(-far, buckets, maxDistance)).toBe(rows[0]);
      }
    }
    expect(disentangledRows(256, 2 ** 30, 64).rows.length).toBe(129);
    expect(relativeBuckets(32, 2 ** 30, 64).rows.length).toBe(129);
    expect(relativeBuckets(32, 128, 512).reach).toBe(128);
  });
});
