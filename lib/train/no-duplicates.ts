/**
 * Batches in which no text occurs twice, as losses with in-batch negatives need: a second example with the same text would
 * count as a negative of the first.
 *
 * The number of batches depends on the rows only, never on their order, so that a schedule knows the number of steps.
 */

/** Batches of an epoch: enough for all rows, and for the most frequent text to be in each at most once. */
export function batchesNeeded(
  rows: number,
  batchSize: number,
  textsOf: (row: number) => Int32Array,
): number {
  const counts = countTexts(
    Array.from({ length: rows }, (_, row) => row),
    textsOf,
  );
  let most = 0;
  for (const count of counts.values()) most = Math.max(most, count);
  return Math.max(Math.ceil(rows / batchSize), most);
}

/**
 * Cuts the rows `order` into batches. Rows with frequent texts are placed first, each into the next batch in turn that has
 * room and none of its texts. A row for which there is none is left out.
 */
export function withoutDuplicates(
  order: readonly number[],
  batchSize: number,
  textsOf: (row: number) => Int32Array,
): number[][] {
  const counts = countTexts(order, textsOf);
  const count = batchesNeeded(order.length, batchSize, textsOf);
  const batches = Array.from({ length: count }, () => ({
    rows: [] as number[],
    texts: new Set<number>(),
  }));
  const open = batches.map((_, i) => i);
  const frequency = (row: number) =>
    textsOf(row).reduce((most, text) => Math.max(most, counts.get(text) ?? 0), 0);
  const byFrequency = order.map((row) => ({ row, most: frequency(row) }));
  byFrequency.sort((a, b) => b.most - a.most);
  let next = 0;
  for (const { row } of byFrequency) {
    const texts = textsOf(row);
    for (let tried = 0; tried < open.length; tried++) {
      const at = (next + tried) % open.length;
      const batch = batches[open[at] ?? 0];
      if (batch === undefined || texts.some((text) => batch.texts.has(text))) continue;
      batch.rows.push(row);
      for (const text of texts) batch.texts.add(text);
      next = at + 1;
      if (batch.rows.length === batchSize) {
        open.splice(at, 1);
        next = at;
      }
      break;
    }
  }
  return batches.map(({ rows }) => rows).filter(({ length }) => length > 0);
}

/** In how many rows each text occurs. */
function countTexts(
  rows: readonly number[],
  textsOf: (row: number) => Int32Array,
): Map<number, number> {
  const counts = new Map<number, number>();
  for (const row of rows) {
    for (const text of new Set(textsOf(row))) counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return counts;
}
