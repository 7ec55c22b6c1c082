/**
 * The worker thread behind a Parquet file: it holds the rows of one group at a time, and hands them out in parts.
 */
import { parentPort } from 'node:worker_threads';
import { SinterError } from '../core/errors.js';
import { type Port, ThreadPort } from '../core/thread.js';
import type { PartMessage } from './parquet.js';
import { ParquetFile } from './parquet-file.js';

if (parentPort === null) throw new Error('parquet-worker: must run as a worker thread');
let file: ParquetFile | null = null;
let held: {
  readonly group: number;
  readonly rows: Awaited<ReturnType<ParquetFile['group']>>;
} | null = null;

new ThreadPort(parentPort as Port, {
  open: async (path: string) => {
    file = await ParquetFile.open(path);
    return file.facts;
  },
  part: async ({ group, columns, begin, end }: PartMessage) => {
    if (file === null) throw new SinterError('INTERNAL', 'no Parquet file is open');
    if (held?.group !== group) {
      held = null;
      held = { group, rows: await file.group(group, columns) };
    }
    return held.rows.slice(begin, end);
  },
});
