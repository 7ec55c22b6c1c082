/**
 * Splits a data file into ranges of rows and puts a job for each into the queue.
 *
 * The rule: the file is read to its end first, so a mistake in its last row costs nothing; enqueueing again adds only what is neither
 * waiting nor done.
 */

import { mkdir, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Queue } from 'bullmq';
import { throwIfAborted } from '../core/errors.js';
import { type KnownOptions, readOptions } from '../core/options.js';
import { type ChosenColumns, type DataSource, readRows } from '../data/index.js';
import { aboutFile } from '../files/index.js';
import { checkRoot, insideRoot, relativeTo } from './job-files.js';
import type { FileSpan, JobReadOptions, JobSettings, RangeJob } from './jobs.js';
import { checkQueue, connect, loadPackages, type QueueOptions } from './packages.js';
import { jobIdOf, keepPlan, makePlan, type Plan, partName, rangesOf } from './plan.js';
import { scanFile } from './spans.js';

/** Options of `enqueueFile`. */
export interface EnqueueOptions extends QueueOptions {
  /** Folder of the results, made if it is missing; it holds plan.json and a file for each range. */
  readonly out: string;
  /** Rows of one job. Default: 10,000. */
  readonly rowsPerJob?: number;
  /** Folder that holds input and results, as the option of the workers. Default: the working directory. */
  readonly root?: string;
  /** How the file is read. Default: as `readRows` finds. */
  readonly read?: JobReadOptions;
  /** What is asked of the model. */
  readonly settings?: JobSettings;
  /** Attempts for a job that fails by what may come right, such as a full disk. Default: 5, each after twice the time of the one before. */
  readonly attempts?: number;
  readonly signal?: AbortSignal;
}

/** What `enqueueFile` did. */
export interface EnqueueReport {
  /** Name of the plan: the same for the same bytes and options. */
  readonly plan: string;
  readonly rows: number;
  /** Ranges, each of which has one job. */
  readonly jobs: number;
  /** Jobs that are new in the queue. */
  readonly added: number;
  /** Jobs that were in the queue already. */
  readonly waiting: number;
  /** Jobs whose result is there. */
  readonly done: number;
}

const KNOWN: KnownOptions<EnqueueOptions> = {
  ...{ redis: true, queue: true, out: true, rowsPerJob: true, root: true, read: true },
  ...{ settings: true, attempts: true, signal: true },
};
/** Jobs that go to Redis in one call. */
const CHUNK_JOBS = 500;
/** Finished jobs that Redis keeps: what is done is in the files. */
const KEPT_JOBS = 1000;
const FIRST_RETRY_MS = 1000;

export async function addFile(input: string, options: EnqueueOptions): Promise<EnqueueReport> {
  const where = 'enqueueFile';
  const read = readOptions<EnqueueOptions>(where, options, KNOWN);
  checkQueue(where, options);
  const signal = read.signal();
  const root = read.text('root', undefined) ?? process.cwd();
  const attempts = read.count('attempts', 5);
  await checkRoot(where, root);
  const folder = relativeTo(`${where}: out`, root, options.out);
  const planned = await planFile(where, input, options, root, folder);
  const { plan, spans } = planned;
  const packages = await loadPackages();
  const connection = await connect(packages, options.redis);
  const queue = new packages.bull.Queue(options.queue, { connection });
  queue.on('error', () => {});
  try {
    await aboutFile(folder, () => mkdir(resolve(root, folder), { recursive: true }));
    await keepPlan(where, resolve(root, folder), plan);
    return await addJobs(queue, plan, { root, folder, spans, attempts, signal });
  } finally {
    await queue.close();
    connection.disconnect();
  }
}

interface Planned {
  readonly plan: Plan;
  /** Null where ranges are found by reading the file from its beginning. */
  readonly spans: readonly FileSpan[] | null;
}

/** Reads the file to its end: all rows are good, and counted. */
async function planFile(
  where: string,
  input: string,
  options: EnqueueOptions,
  root: string,
  folder: string,
): Promise<Planned> {
  const { read = {}, settings = {}, signal } = options;
  const rowsPerJob = options.rowsPerJob ?? 10_000;
  readOptions(where, { rowsPerJob }, { rowsPerJob: true }).count('rowsPerJob', undefined);
  const path = insideRoot(`${where}: input`, root, input);
  const lines: number[] = [];
  const found: { source?: DataSource; read: JobReadOptions } = { read };
  let rows = 0;
  for await (const { line } of readRows(path, {
    ...{ ...read, labels: 'none', ...(signal && { signal }) },
    onSource: (source) => {
      found.source = source;
      found.read = { ...found.read, ...statedSource(source) };
    },
    onColumns: (columns) => {
      found.read = { ...found.read, ...statedColumns(read, columns) };
    },
  })) {
    if (rows % rowsPerJob === 0) lines.push(line);
    rows += 1;
  }
  const { starts, ...bytes } = await scanFile(path, lines, signal);
  const facts = { ...bytes, rows, rowsPerJob, read: found.read, settings };
  const plan = makePlan({ input: relativeTo(`${where}: input`, root, input), ...facts }, folder);
  return { plan, spans: hasSpans(found.source) ? spansOf(starts, plan.bytes) : null };
}

/** What was found in the file, so that a part of it is read as the whole is. */
function statedSource(source: DataSource): JobReadOptions {
  const { encoding, delimiter } = source;
  const isStated = delimiter === null || delimiter.found === 'stated';
  return {
    format: source.format,
    ...(encoding !== null && { encoding: encoding.name }),
    ...(!isStated && { delimiter: delimiter.character }),
  };
}

function statedColumns({ header }: JobReadOptions, { text, pair }: ChosenColumns): JobReadOptions {
  // Without a header columns are called by their numbers.
  const ref = (name: string) => (header === false ? Number(name) : name);
  return { textColumn: ref(text.name), ...(pair && { pairColumn: ref(pair.name) }) };
}

/** Whether the bytes of some rows can be read alone: line feeds are single bytes, and only line ends. */
function hasSpans(source: DataSource | undefined): boolean {
  const isByLine = ['csv', 'tsv', 'jsonl'].includes(source?.format ?? '');
  return isByLine && !source?.encoding?.name.startsWith('utf-16');
}

function spansOf(starts: readonly number[] | null, bytes: number): readonly FileSpan[] | null {
  const [head = 0] = starts ?? [];
  return starts === null
    ? null
    : starts.map((from, i) => ({ head, from, to: starts[i + 1] ?? bytes }));
}

interface JobsToAdd {
  readonly root: string;
  readonly folder: string;
  readonly spans: readonly FileSpan[] | null;
  readonly attempts: number;
  readonly signal: AbortSignal | undefined;
}

async function addJobs(queue: Queue, plan: Plan, options: JobsToAdd): Promise<EnqueueReport> {
  const counts = { jobs: 0, added: 0, waiting: 0, done: 0 };
  let chunk: RangeJob[] = [];
  const flush = async () => {
    const missing = await notInQueue(queue, plan, chunk);
    counts.waiting += chunk.length - missing.length;
    counts.added += missing.length;
    await queue.addBulk(missing.map((data) => jobOf(plan, data, options.attempts)));
    chunk = [];
  };
  for (const rows of rangesOf(plan)) {
    throwIfAborted(options.signal, 'enqueueFile');
    const data = rangeJob(plan, rows, counts.jobs, options);
    counts.jobs += 1;
    if (await isThere(resolve(options.root, data.out))) counts.done += 1;
    else chunk.push(data);
    if (chunk.length === CHUNK_JOBS) await flush();
  }
  await flush();
  return { plan: plan.name, rows: plan.rows, ...counts };
}

function rangeJob(
  plan: Plan,
  rows: readonly [number, number],
  index: number,
  { folder, spans }: JobsToAdd,
): RangeJob {
  const { input, bytes, read, settings, name } = plan;
  const span = spans?.[index];
  const out = `${folder}/${partName(rows)}`;
  return { input, rows, out, read, settings, bytes, plan: name, ...(span && { span }) };
}

const jobOf = (plan: Plan, data: RangeJob, attempts: number) => ({
  name: 'range',
  data,
  opts: {
    jobId: jobIdOf(plan, data.rows),
    attempts,
    backoff: { type: 'exponential', delay: FIRST_RETRY_MS },
    removeOnComplete: { count: KEPT_JOBS },
  },
});

/** Those of the ranges that no job waits for. Jobs that have ended without a result are removed, so that they can be added anew. */
async function notInQueue(
  queue: Queue,
  plan: Plan,
  ranges: readonly RangeJob[],
): Promise<readonly RangeJob[]> {
  const states = await Promise.all(
    ranges.map(({ rows }) => queue.getJobState(jobIdOf(plan, rows))),
  );
  const isOver = (i: number) => ['failed', 'completed'].includes(states[i] ?? '');
  await Promise.all(
    ranges.filter((_, i) => isOver(i)).map(({ rows }) => queue.remove(jobIdOf(plan, rows))),
  );
  return ranges.filter((_, i) => states[i] === 'unknown' || isOver(i));
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
