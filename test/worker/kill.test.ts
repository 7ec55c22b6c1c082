// Workers that are killed while they work lose nothing: the collected file has the bytes of an undisturbed run.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { collect, enqueueFile } from '../../lib/index.js';
import { until } from '../server/support.js';
import { hasRedis, OwnRedis } from './redis.js';

vi.setConfig({ testTimeout: 600_000 });

const MAIN = fileURLToPath(new URL('../../dist/bundle/main.js', import.meta.url));
const MODEL = fileURLToPath(new URL('../fixtures/encoders/bert-seqcls', import.meta.url));
const ROWS = 40_000;
const KILLS = 20;
const redis = new OwnRedis();
let root = '';

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'sinter-kill-'));
  const words = ['film', 'story', 'good', 'bad', 'the', 'number', 'one'];
  const text = (i: number) => `${words[i % 7]} ${words[(i * 3 + 1) % 7]} ${i % 911}`;
  const lines = Array.from({ length: ROWS }, (_, i) => `${JSON.stringify({ text: text(i) })}\n`);
  await writeFile(join(root, 'texts.jsonl'), lines.join(''));
});

afterAll(() => rm(root, { recursive: true, force: true }));

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  readonly isReady: () => boolean;
  readonly text: () => string;
}

/** `sinter worker` over the queue. */
function startWorker(queue: string): Started {
  const own = ['--redis', redis.url, '--queue', queue, '--root', root];
  const rest = ['--stalled-seconds', '1', '--max-stalls', '100', '--threads', '1'];
  const child = spawn(process.execPath, [MAIN, 'worker', MODEL, ...own, ...rest]);
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (some: string) => {
      text += some;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, ended, isReady: () => text.includes('waiting for jobs'), text: () => text };
}

/** Runs a worker until the queue is empty, ends it by SIGTERM, and collects. */
async function finish(name: string, queue: Queue): Promise<Buffer> {
  const { child, ended, text } = startWorker(name);
  await until(async () => {
    const { waiting, active, delayed, failed } = await queue.getJobCounts();
    expect(failed, text()).toBe(0);
    return waiting === 0 && active === 0 && delayed === 0;
  }, 300_000);
  child.kill('SIGTERM');
  expect(await ended, text()).toBe(0);
  const report = await collect(join(root, name), join(root, `${name}.out`));
  expect(report.rows).toBe(ROWS);
  return readFile(join(root, `${name}.out`));
}

describe.skipIf(!hasRedis)('a worker', () => {
  it(`that is killed ${KILLS} times loses and doubles no row`, async () => {
    const enqueue = async (name: string) => {
      const queue = new Queue(name, { connection: { url: redis.url } });
      onTestFinished(() => queue.close());
      const where = { redis: redis.url, queue: name, root, out: name, rowsPerJob: 250 };
      expect(await enqueueFile('texts.jsonl', where)).toMatchObject({ rows: ROWS, added: 160 });
      return queue;
    };
    const disturbed = await enqueue('killed');
    for (let kill = 0; kill < KILLS; kill++) {
      const { child, ended, isReady, text } = startWorker('killed');
      await until(() => isReady() || child.exitCode !== null, 60_000);
      expect(child.exitCode, text()).toBe(null);
      // Before the first job, within jobs, and between them.
      await new Promise((resolve) => setTimeout(resolve, (kill * 61) % 320));
      child.kill('SIGKILL');
      await ended;
    }
    const { completed = 0 } = await disturbed.getJobCounts('completed');
    expect(completed).toBeLessThan(160);
    const bytes = await finish('killed', disturbed);
    const jobs = await disturbed.getCompleted();
    expect(jobs).toHaveLength(160);
    // Jobs that lost a worker were begun again.
    const again = jobs.filter(({ attemptsStarted }) => attemptsStarted > 1).length;
    expect(again).toBeGreaterThan(0);
    const undisturbed = await finish('calm', await enqueue('calm'));
    expect(bytes.equals(undisturbed)).toBe(true);
    const lines = bytes.toString('utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).row)).toEqual(
      Array.from({ length: ROWS }, (_, i) => i),
    );
  });

  it('that ends puts back what it has not done in time, and another one does it', async () => {
    const queue = new Queue('drained', { connection: { url: redis.url } });
    onTestFinished(() => queue.close());
    const where = { redis: redis.url, queue: 'drained', root, out: 'drained', rowsPerJob: ROWS };
    await enqueueFile('texts.jsonl', where);
    const own = ['--redis', redis.url, '--queue', 'drained', '--root', root, '--threads', '1'];
    const child = spawn(process.execPath, [
      MAIN,
      'worker',
      MODEL,
      ...own,
      '--drain-seconds',
      '0.1',
    ]);
    onTestFinished(() => void child.kill('SIGKILL'));
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (some: string) => {
      text += some;
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    await until(async () => (await queue.getActiveCount()) === 1, 60_000);
    child.kill('SIGTERM');
    expect(await ended, text).toBe(0);
    expect(text).toMatch(/put back, because the worker ends/);
    // At once, not after the time of a stalled job, and without a failed attempt.
    expect(await queue.getJobCounts('waiting', 'active', 'failed')).toEqual({
      ...{ waiting: 1, active: 0, failed: 0 },
    });
    await finish('drained', queue);
  });
});
