// `sinter enqueue` and `sinter collect`, with a real Redis and a worker: a file goes through a queue without a program.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Classifier, collect } from '../../lib/index.js';
import { sinter } from '../cli/support.js';
import { until } from '../server/support.js';
import { QueueScene, textOf } from './queue-scene.js';
import { hasRedis } from './redis.js';

const scene = new QueueScene();
const { ownQueue, startWorker, textsFile } = scene;
let root = '';
let classifier: Classifier;

beforeAll(async () => {
  ({ root } = scene);
  const folder = new URL('../fixtures/encoders/bert-seqcls', import.meta.url);
  classifier = await Classifier.load(fileURLToPath(folder));
});

afterAll(() => classifier.dispose());

describe.skipIf(!hasRedis)('the commands', () => {
  it('split a file, do its jobs and join them as the library does', async () => {
    const { where } = ownQueue();
    const input = await textsFile('by-command.jsonl', 250);
    const out = join(root, 'by-command.out');
    const flags = ['--redis', where.redis, '--queue', where.queue, '--root', root];
    const split = [input, '--out', 'by-command', '--rows-per-job', '100', '--top-k', '2'];
    const enqueue = () => sinter(['enqueue', ...split, ...flags]);

    expect((await enqueue()).stdout).toBe('250 rows in 3 jobs: 3 added\n');
    expect((await enqueue()).stdout).toBe('250 rows in 3 jobs: 0 added, 3 in the queue before\n');
    const early = await sinter(['collect', join(root, 'by-command'), '--out', out]);
    expect(`${early.code} ${early.stderr}`).toMatch(/^3 error: .*250 of 250 rows are missing/);

    // The wait begins before any worker does.
    const waits = sinter(['collect', join(root, 'by-command'), '--out', out, '--wait', '--json']);
    await startWorker(classifier, where);
    const { code, stdout, stderr } = await waits;
    expect(`${code} ${stderr}`).toBe('0 ');
    expect(JSON.parse(stdout)).toMatchObject({ out, rows: 250, parts: 3, task: 'classification' });
    const lines = (await readFile(out, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ row }) => row)).toEqual(Array.from({ length: 250 }, (_, i) => i));
    const [first] = await classifier.predict([textOf(0)]);
    expect(lines[0].label).toBe(first?.label);
    expect(lines.every(({ top }) => top.length === 2)).toBe(true);
    expect((await enqueue()).stdout).toBe('250 rows in 3 jobs: 0 added, 3 done\n');
  });

  it('read a file as their flags say, and a setting that the model lacks fails the job', async () => {
    const { where, queue } = ownQueue();
    await writeFile(join(root, 'flags.txt'), '1;a film;7\n2;a story;8\n');
    const flags = ['--redis', where.redis, '--queue', where.queue, '--root', root];
    const read = ['--data-format', 'csv', '--no-header', '--text-column', '2', '--delimiter', ';'];
    const split = (out: string, ...more: string[]) =>
      sinter(['enqueue', 'flags.txt', '--out', out, ...read, ...flags, ...more]);
    expect((await split('flags')).stdout).toBe('2 rows in 1 job: 1 added\n');
    expect((await split('odd', '--dimensions', '4', '--json')).code).toBe(0);
    const { jobs } = await startWorker(classifier, where);
    await until(async () => (await queue.getFailedCount()) === 1 && jobs.length === 2);
    expect(jobs.find(({ outcome }) => outcome === 'failed')?.problem).toMatch(
      /settings: unknown option "dimensions"/,
    );
    const all = await collect(join(root, 'flags'), join(root, 'flags.out'));
    expect(all.rows).toBe(2);
    const lines = (await readFile(join(root, 'flags.out'), 'utf8')).trimEnd().split('\n');
    const expected = await classifier.predict(['a film', 'a story']);
    expect(lines.map((line) => JSON.parse(line).label)).toEqual(expected.map(({ label }) => label));
  });
});
