/**
 * The order of rows in an epoch, and how it is cut into batches.
 *
 * Drawn from a seeded generator only, so that a run can be repeated exactly.
 */

import { type SeededRandom, shuffled } from '../core/random.js';

/** Rows that are sorted by length together when batches are grouped: enough to group well, few enough to stay mixed. */
const GROUPED_BATCHES = 50;

export interface BatchPlan {
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly groupByLength: boolean;
}

/** Row numbers of each batch of one epoch over `rows` rows. The last batch may be smaller. */
export function epochBatches(
  rows: number,
  plan: BatchPlan,
  random: SeededRandom,
  lengthOf: (row: number) => number,
): number[][] {
  const { batchSize, shuffle, groupByLength } = plan;
  const all = Array.from({ length: rows }, (_, row) => row);
  const order = shuffle ? shuffled(all, random) : all;
  if (!groupByLength) return cut(order, batchSize);
  const batches = cut(order, batchSize * GROUPED_BATCHES).flatMap((group) =>
    cut(
      group.sort((a, b) => lengthOf(b) - lengthOf(a) || a - b),
      batchSize,
    ),
  );
  return shuffle ? shuffled(batches, random) : batches;
}

function cut(rows: readonly number[], size: number): number[][] {
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, i) =>
    rows.slice(i * size, (i + 1) * size),
  );
}
