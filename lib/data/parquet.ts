/**
 * Parquet files as records, read by a worker thread: the event loop stays free, and a file that asks for too much memory is
 * an error instead of the end of the process.
 */
import { SinterError } from '../core/errors.js';
import { WorkerThread } from '../core/worker-thread.js';
import type { ParquetFacts } from './parquet-file.js';
import { dataProblem } from './problem.js';
import type { RawRecord, Records } from './types.js';

type Row = Readonly<Record<string, unknown>>;

/** Rows that one message from the worker carries. */
const PART_ROWS = 2048;

/** Some rows of one row group. */
export interface PartMessage {
  readonly group: number;
  readonly columns: readonly string[] | null;
  readonly begin: number;
  readonly end: number;
}

/** Opens a Parquet file. A record's line is the number of its row. */
export async function openParquet(
  file: string,
  { signal }: { readonly signal: AbortSignal | undefined },
): Promise<Records> {
  const where = `reading ${file}`;
  const thread = new WorkerThread('parquet-worker', { where, signal });
  const call = <T>(name: string, argument: unknown): Promise<T> =>
    thread.call<T>(name, argument).catch((error: unknown) => {
      throw tooMuch(file, error);
    });
  try {
    const { names, groupRows, classNames } = await call<ParquetFacts>('open', file);
    return {
      source: { file, format: 'parquet', encoding: null, delimiter: null },
      names,
      classNames: (column) => (Object.hasOwn(classNames, column) ? classNames[column] : undefined),
      async *read(columns) {
        let line = 1;
        for (const [group, count] of groupRows.entries()) {
          for (let begin = 0; begin < count; begin += PART_ROWS) {
            const message: PartMessage = { group, columns, begin, end: begin + PART_ROWS };
            const rows = await call<readonly Row[]>('part', message);
            for (const row of rows) yield recordOf(line++, names, row);
          }
        }
      },
      close: () => thread.close(),
    };
  } catch (error) {
    await thread.close();
    throw error;
  }
}

function recordOf(line: number, names: readonly string[], row: Row): RawRecord {
  return {
    line,
    names,
    get: (name) => (Object.hasOwn(row, name) ? (row[name] ?? undefined) : undefined),
    source: () => undefined,
  };
}

function tooMuch(file: string, error: unknown): unknown {
  if (!(error instanceof SinterError) || error.code !== 'OUT_OF_MEMORY') return error;
  return dataProblem(file, 'a row group takes too much memory; write it in smaller row groups', {
    cause: error,
  });
}
