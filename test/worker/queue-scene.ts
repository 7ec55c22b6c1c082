/** What tests of queues work with: a Redis of their own, a folder for files, queues, and workers in this process. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue, QueueEvents } from 'bullmq';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import {
  createQueueWorker,
  type FinishedJob,
  type QueueWorkerOptions,
  type TextModel,
} from '../../lib/index.js';
import { OwnRedis } from './redis.js';

export const WORDS = ['film', 'story', 'good', 'bad', 'the', 'a', 'number', 'one'];

/** The text of row `i` of `textsFile`. */
export const textOf = (i: number) => `${WORDS[i % 8]} ${WORDS[(i * 5 + 3) % 8]} ${i}`;

export class QueueScene {
  readonly redis = new OwnRedis();
  /** The folder of the files; there from the first test on. */
  root = '';
  private names = 0;

  constructor() {
    beforeAll(async () => {
      this.root = await mkdtemp(join(tmpdir(), 'sinter-worker-'));
    });
    afterAll(() => rm(this.root, { recursive: true, force: true }));
  }

  /** JSON lines of `count` texts, whose path from `root` is given. */
  readonly textsFile = async (name: string, count: number): Promise<string> => {
    const line = (i: number) => `${JSON.stringify({ text: textOf(i) })}\n`;
    await writeFile(
      join(this.root, name),
      Array.from({ length: count }, (_, i) => line(i)).join(''),
    );
    return name;
  };

  /** A queue of its own, and a way to run a job through it to its end. */
  readonly ownQueue = () => {
    const name = `queue-${this.names++}`;
    const connection = { url: this.redis.url };
    const queue = new Queue(name, { connection });
    const events = new QueueEvents(name, { connection });
    onTestFinished(async () => {
      await events.close();
      await queue.close();
    });
    const where = { redis: this.redis.url, queue: name };
    const run = async (data: unknown) => {
      await events.waitUntilReady();
      const job = await queue.add('job', data, { attempts: 3 });
      return job.waitUntilFinished(events, 20_000);
    };
    return { queue, where, run };
  };

  readonly startWorker = async (
    model: TextModel,
    options: QueueWorkerOptions,
  ): Promise<{ readonly jobs: FinishedJob[]; close(): Promise<void> }> => {
    const jobs: FinishedJob[] = [];
    const worker = await createQueueWorker(model, {
      ...{ root: this.root, onJob: (job: FinishedJob) => void jobs.push(job) },
      ...options,
    });
    onTestFinished(() => worker.close());
    return { jobs, close: () => worker.close() };
  };
}
