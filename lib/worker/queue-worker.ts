/**
 * A worker of a queue: takes jobs, does them, and ends in an orderly way.
 *
 * The rule: a job is done at least once. One that can never be done fails at once; one whose worker died, or that did not end in time,
 * goes back to the queue.
 */
import type { Job as QueuedJob, Worker } from 'bullmq';
import { SinterError, typeMistake } from '../core/errors.js';
import { type KnownOptions, readOptions } from '../core/options.js';
import { errnoOf } from '../files/index.js';
import { TextModel } from '../models/text-model.js';
import { checkRoot } from './job-files.js';
import type { RangeResult, TextsResult } from './jobs.js';
import { type ModelRunner, modelRunner } from './model-runner.js';
import {
  checkQueue,
  connect,
  loadPackages,
  type QueueOptions,
  type QueuePackages,
} from './packages.js';
import { runJob } from './run-job.js';

/** A job that has ended, or gone back to the queue. */
export interface FinishedJob {
  readonly id: string;
  /** `returned`: put back, because the worker ends. */
  readonly outcome: 'done' | 'failed' | 'returned';
  /** Rows that were computed. */
  readonly rows: number;
  readonly ms: number;
  /** What went wrong; null for a job that is done. */
  readonly problem: string | null;
  /** Whether a failed job is tried again. */
  readonly isRetried: boolean;
}

/** Options of `createQueueWorker`. */
export interface QueueWorkerOptions extends QueueOptions {
  /** Jobs at a time. Default: 2, so that one is read and written while the other computes. */
  readonly concurrency?: number;
  /** Folder that holds all files of jobs, which name them from there. Default: the working directory. */
  readonly root?: string;
  /** How long `close` waits for the jobs that run; then they go back to the queue. Default: 30. */
  readonly drainSeconds?: number;
  /** After how long without a sign of its worker a job is given to another one. Default: 30. */
  readonly stalledSeconds?: number;
  /** How often a job may lose its worker before it counts as failed: one that kills every worker must end. Default: 10. */
  readonly maxStalls?: number;
  /** Told of every job that ends here. */
  readonly onJob?: (job: FinishedJob) => void;
  /** Told of problems beside the jobs: a connection that was lost. It comes back by itself. */
  readonly onProblem?: (error: Error) => void;
  /** Ends the preparation; a worker that runs is ended by `close`. */
  readonly signal?: AbortSignal;
}

/** What a worker has done so far. */
export interface QueueWorkerCounts {
  readonly done: number;
  /** Attempts that failed. */
  readonly failed: number;
  readonly returned: number;
  readonly rows: number;
}

/** A worker that takes jobs until it is closed. */
export interface QueueWorker extends AsyncDisposable {
  /** `embedding`, or the kind of the model. */
  readonly task: string;
  /** The same for the same weights and settings. */
  readonly version: string;
  readonly counts: QueueWorkerCounts;
  /** Takes no more jobs, waits for those that run for at most `drainSeconds`, puts back the rest, and disconnects. */
  close(): Promise<void>;
}

const KNOWN: KnownOptions<QueueWorkerOptions> = {
  ...{ redis: true, queue: true, concurrency: true, root: true, drainSeconds: true },
  ...{ stalledSeconds: true, maxStalls: true, onJob: true, onProblem: true, signal: true },
};

interface Settings extends QueueOptions {
  readonly concurrency: number;
  readonly root: string;
  readonly drainMs: number;
  readonly stalledMs: number;
  readonly maxStalls: number;
  readonly onJob: (job: FinishedJob) => void;
  readonly onProblem: (error: Error) => void;
}

export async function makeQueueWorker(
  model: TextModel,
  options: QueueWorkerOptions,
): Promise<QueueWorker> {
  const where = 'createQueueWorker';
  if (!(model instanceof TextModel)) throw typeMistake(`${where}: model`, 'a loaded model', model);
  const settings = readSettings(where, options);
  await checkRoot(where, settings.root);
  const packages = await loadPackages();
  const runner = await modelRunner(where, model, options.signal);
  const connection = await connect(packages, settings.redis);
  return new RunningWorker(packages, connection, runner, settings);
}

function readSettings(where: string, options: QueueWorkerOptions): Settings {
  const read = readOptions<QueueWorkerOptions>(where, options, KNOWN);
  checkQueue(where, options);
  read.signal();
  const { redis, queue } = options;
  return {
    redis,
    queue,
    concurrency: read.count('concurrency', 2),
    root: read.text('root', undefined) ?? process.cwd(),
    drainMs: read.nonNegative('drainSeconds', 30) * 1000,
    stalledMs: read.number('stalledSeconds', 30, 'a number from 1', (value) => value >= 1) * 1000,
    maxStalls: read.count('maxStalls', 10),
    onJob: read.callback('onJob') ?? (() => {}),
    onProblem: read.callback('onProblem') ?? (() => {}),
  };
}

/** Why a job was given up when the worker's time for draining was over. */
class DrainOver extends Error {
  override readonly name = 'DrainOver';
}

class RunningWorker implements QueueWorker {
  readonly task: string;
  readonly version: string;
  private readonly ended = new AbortController();
  private readonly worker: Worker;
  private closing: Promise<void> | null = null;
  private tally = { done: 0, failed: 0, returned: 0, rows: 0 };

  constructor(
    private readonly packages: QueuePackages,
    private readonly connection: Awaited<ReturnType<typeof connect>>,
    private readonly runner: ModelRunner,
    private readonly settings: Settings,
  ) {
    this.task = runner.task;
    this.version = runner.version;
    const { queue, concurrency, stalledMs, maxStalls, onProblem } = settings;
    this.worker = new packages.bull.Worker(queue, (job, token) => this.work(job, token), {
      connection,
      concurrency,
      lockDuration: stalledMs,
      stalledInterval: stalledMs,
      maxStalledCount: maxStalls,
    });
    this.worker.on('error', onProblem);
  }

  get counts(): QueueWorkerCounts {
    return { ...this.tally };
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private async end(): Promise<void> {
    const timer = setTimeout(() => this.ended.abort(new DrainOver()), this.settings.drainMs);
    try {
      await this.worker.close();
    } finally {
      clearTimeout(timer);
      this.connection.disconnect();
    }
  }

  private async work(
    job: QueuedJob,
    token: string | undefined,
  ): Promise<TextsResult | RangeResult> {
    const began = performance.now();
    let rows = 0;
    const finish = (
      outcome: FinishedJob['outcome'],
      problem: string | null,
      isRetried: boolean,
    ) => {
      this.tally[outcome] += 1;
      this.tally.rows += rows;
      const ms = performance.now() - began;
      this.settings.onJob({ id: job.id ?? '', outcome, rows, ms, problem, isRetried });
    };
    try {
      const { runner, settings, ended } = this;
      const { root } = settings;
      const onRows = (more: number) => {
        rows += more;
      };
      const result = await runJob(job.data, { runner, root, signal: ended.signal, onRows });
      finish('done', null, false);
      return result;
    } catch (error) {
      if (this.ended.signal.aborted && isCancelled(error)) {
        finish('returned', 'the worker ended', true);
        await job.moveToWait(token);
        throw new this.packages.bull.WaitingError();
      }
      const problem = error instanceof Error ? error.message : String(error);
      const isHopeless = isMistake(error);
      const attempts = job.opts.attempts ?? 1;
      finish('failed', problem, !isHopeless && job.attemptsMade + 1 < attempts);
      throw isHopeless ? new this.packages.bull.UnrecoverableError(problem) : error;
    }
  }
}

const isCancelled = (error: unknown): boolean =>
  error instanceof SinterError && error.code === 'CANCELLED';

/** Failures of a job that no attempt can mend: it asks for what there is not. A full disk may come right. */
function isMistake(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError) return true;
  if (!(error instanceof SinterError)) return false;
  return ['INVALID_DATA', 'NOT_FOUND'].includes(error.code) || errnoOf(error) === 'ENOENT';
}
