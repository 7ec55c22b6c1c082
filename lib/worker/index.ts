/**
 * Work through a queue of BullMQ in Redis, as users of the library meet it.
 *
 * The rule: bullmq and ioredis are the user's and are loaded by the first call, so that who has no queue needs neither.
 */
import type { TextModel } from '../models/text-model.js';
import type { CollectOptions, CollectReport } from './collect-parts.js';
import type { EnqueueOptions, EnqueueReport } from './enqueue-file.js';
import type { QueueWorker, QueueWorkerOptions } from './queue-worker.js';

export type { CollectOptions, CollectReport } from './collect-parts.js';
export type { EnqueueOptions, EnqueueReport } from './enqueue-file.js';
export type {
  FileSpan,
  JobReadOptions,
  JobSettings,
  RangeJob,
  RangeResult,
  TextsJob,
  TextsResult,
} from './jobs.js';
export type { QueueOptions } from './packages.js';
export type {
  FinishedJob,
  QueueWorker,
  QueueWorkerCounts,
  QueueWorkerOptions,
} from './queue-worker.js';

/**
 * Takes jobs from a queue until it is closed: texts in the job (`TextsJob`), or rows of a file (`RangeJob`). An encoder gives vectors, a
 * model with a head what `sinter predict` gives. The model stays the caller's. A job is done at least once, and doing it again leaves the
 * same bytes; one that can never be done fails at once. Throws TypeError or RangeError for a wrong option, UNAVAILABLE without the
 * packages bullmq and ioredis or where Redis does not answer.
 */
export async function createQueueWorker(
  model: TextModel,
  options: QueueWorkerOptions,
): Promise<QueueWorker> {
  const { makeQueueWorker } = await import('./queue-worker.js');
  return makeQueueWorker(model, options);
}

/**
 * Splits a data file (.csv, .tsv, .jsonl, .json, .parquet) into ranges of rows, and puts a job for each into the queue. The file is
 * read to its end first; INVALID_DATA lists the rows that cannot be used. The ids of jobs follow from the bytes and the options:
 * enqueueing twice adds nothing, after failures it adds what failed. RangeError for an `out` that holds another plan; UNAVAILABLE as
 * `createQueueWorker`.
 */
export async function enqueueFile(input: string, options: EnqueueOptions): Promise<EnqueueReport> {
  const { addFile } = await import('./enqueue-file.js');
  return addFile(input, options);
}

/**
 * Joins the results in a folder of `enqueueFile` into one file of JSON lines, `{"row":N,...}` with rows from 0 in the order of the
 * input, and proves that each is there exactly once. INVALID_DATA names the rows that are missing (`details.missing`), a damaged
 * file, or parts of several models.
 */
export async function collect(
  folder: string,
  out: string,
  options: CollectOptions = {},
): Promise<CollectReport> {
  const { joinParts } = await import('./collect-parts.js');
  return joinParts(folder, out, options);
}
