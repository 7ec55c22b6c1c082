/**
 * Tells how a data file would be read: its encoding, its delimiter, its columns.
 */
import { checkOptions, openRecords } from './open-records.js';
import { dataProblem, RowProblem } from './problem.js';
import type { DataSource, ReadOptions } from './types.js';

/** How a file is read, and its column names from the first row. Throws INVALID_DATA as readRows does. */
export async function readColumns(
  path: string,
  options: ReadOptions = {},
): Promise<{ readonly source: DataSource; readonly columns: readonly string[] }> {
  const records = await openRecords(checkOptions(path, options));
  try {
    const { source, names } = records;
    if (names !== null) return { source, columns: names };
    for await (const parsed of records.read(null)) {
      if (!(parsed instanceof RowProblem)) return { source, columns: parsed.names };
    }
    throw dataProblem(path, 'no row can be read');
  } finally {
    await records.close();
  }
}
