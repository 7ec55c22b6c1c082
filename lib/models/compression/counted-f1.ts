/** F1 over counts of rows, so that it can be computed again for any sample of the rows. */

/** For each row: what was found and is right, all that was found, all that is true. */
export type RowCounts = readonly [hits: number, found: number, truth: number];

/** Micro F1 of the rows, or of a sample of their indices; 0 where nothing was found and nothing is true. */
export function countedF1(counts: readonly RowCounts[]): (sample?: Int32Array) => number {
  const [hits, both] = [
    Float64Array.from(counts, ([hit]) => hit),
    Float64Array.from(counts, ([, found, truth]) => found + truth),
  ];
  return (sample) => {
    let [right, all] = [0, 0];
    const add = (row: number) => {
      right += hits[row] ?? 0;
      all += both[row] ?? 0;
    };
    if (sample === undefined) for (let row = 0; row < counts.length; row++) add(row);
    else for (const row of sample) add(row);
    return all === 0 ? 0 : (2 * right) / all;
  };
}
