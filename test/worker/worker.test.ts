// Workers over a Redis of their own: jobs with texts and with ranges of files, mistakes, the end, and what collect proves.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Classifier,
  collect,
  createQueueWorker,
  Encoder,
  enqueueFile,
  QuestionAnswerer,
} from '../../lib/index.js';
import { sinter } from '../cli/support.js';
import { QueueScene, textOf, WORDS } from './queue-scene.js';
import { hasRedis } from './redis.js';

const fixture = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const scene = new QueueScene();
const { textsFile, ownQueue, startWorker } = scene;
let root = '';
let encoder: Encoder;
let classifier: Classifier;

beforeAll(async () => {
  ({ root } = scene);
  encoder = await Encoder.load(fixture('encoders/bert'), { pooling: 'mean' });
  classifier = await Classifier.load(fixture('encoders/bert-seqcls'));
});

afterAll(async () => {
  await encoder.dispose();
  await classifier.dispose();
});

/** Resolves when the queue has nothing left to do. */
async function drained(queue: Queue): Promise<void> {
  for (;;) {
    const { waiting, active, delayed } = await queue.getJobCounts('waiting', 'active', 'delayed');
    if (waiting === 0 && active === 0 && delayed === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const linesOf = async (path: string) =>
  (await readFile(join(root, path), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe.skipIf(!hasRedis)('jobs with texts', () => {
  it('of an encoder return the vectors that embed gives, and their settings count', async () => {
    const { where, run } = ownQueue();
    await startWorker(encoder, where);
    const texts = ['a good film', 'a story'];
    const vectors = await encoder.embed(texts);
    const result = await run({ texts });
    expect(result).toMatchObject({ task: 'embedding', version: expect.stringMatching(/^\w{16}$/) });
    const found = (result.results as number[][]).map((one) => Float32Array.from(one));
    expect(found).toEqual([vectors.row(0), vectors.row(1)]);
    const short = await run({ texts, settings: { dimensions: 4 } });
    expect(short.results.map((one: number[]) => one.length)).toEqual([4, 4]);
  });

  it('of a classifier return labels, of pairs too', async () => {
    const { where, run } = ownQueue();
    await startWorker(classifier, where);
    const texts = ['a good film', ['a story', 'good']] as const;
    const [first, second] = await classifier.predict(texts);
    const { task, results } = await run({ texts });
    expect(task).toBe('classification');
    expect(results).toMatchObject([{ label: first?.label }, { label: second?.label }]);
    expect(Math.fround(results[0].score)).toBe(Math.fround(first?.score ?? 0));
  });

  it('that are wrong fail at once, without another attempt, and the worker goes on', async () => {
    const { where, run, queue } = ownQueue();
    const { jobs } = await startWorker(encoder, where);
    const wrong: readonly [unknown, RegExp][] = [
      [{ texts: [] }, /^job: texts must be an array of 1 to 4096 texts, got an array of 0/],
      [{ texts: ['a', 5] }, /^job: texts\[1\] must be a text or a pair of texts, got 5/],
      [{ texts: ['a'], more: 1 }, /^job: unknown option "more"/],
      [{ texts: ['a'], settings: { topK: 2 } }, /^job: settings: unknown option "topK"/],
      [{ rows: [0, 1], out: 'x.jsonl' }, /^job: input must be the path of a file/],
      [{ input: 'x.jsonl', out: 'y', rows: [3, 3] }, /^job: rows must be two whole numbers/],
      [{ input: '../x.jsonl', out: 'y', rows: [0, 1] }, /^job: input must be within the folder/],
      [{ input: 'x.jsonl', out: '/etc/y', rows: [0, 1] }, /^job: out must be within the folder/],
      [{ input: 'no.jsonl', out: 'y.jsonl', rows: [0, 1] }, /^no\.jsonl: no such file or folder/],
    ];
    for (const [data, message] of wrong) await expect(run(data)).rejects.toThrow(message);
    expect(jobs.map(({ outcome, isRetried }) => `${outcome} ${isRetried}`)).toEqual(
      wrong.map(() => 'failed false'),
    );
    const failed = await queue.getFailed();
    expect(failed.map(({ attemptsMade }) => attemptsMade)).toEqual(wrong.map(() => 1));
    expect((await run({ texts: ['a'] })).results).toHaveLength(1);
  });

  it('of a model for pairs say which text is none', async () => {
    const { where, run } = ownQueue();
    await using answerer = await QuestionAnswerer.load(fixture('heads/bert-qa'));
    const worker = await createQueueWorker(answerer, where);
    await expect(run({ texts: [['who', 'a film'], 'who'] })).rejects.toThrow(
      /^job: texts 1 must be a pair of texts, got "who"/,
    );
    expect((await run({ texts: [['who', 'a film']] })).results[0]).toHaveProperty('answer');
    await worker.close();
  });
});

describe.skipIf(!hasRedis)('a file', () => {
  it('is split, computed and collected in its order; enqueueing again adds nothing', async () => {
    const { where, queue } = ownQueue();
    const input = await textsFile('all.jsonl', 95);
    const options = { ...where, root, out: 'all', rowsPerJob: 10 };
    const first = await enqueueFile(input, options);
    expect(first).toMatchObject({ rows: 95, jobs: 10, added: 10, waiting: 0, done: 0 });
    expect(await enqueueFile(input, options)).toEqual({ ...first, added: 0, waiting: 10 });
    expect(await queue.getWaitingCount()).toBe(10);
    await expect(collect(join(root, 'all'), join(root, 'all.out'))).rejects.toMatchObject({
      code: 'INVALID_DATA',
      message: expect.stringMatching(/95 of 95 rows are missing: rows 0 to 9, 10 to 19/),
    });
    const { jobs } = await startWorker(encoder, where);
    await drained(queue);
    expect(jobs.reduce((sum, { rows }) => sum + rows, 0)).toBe(95);
    const report = await collect(join(root, 'all'), join(root, 'all.out'));
    expect(report).toMatchObject({ rows: 95, parts: 10, task: 'embedding' });
    const lines = await linesOf('all.out');
    expect(lines.map(({ row }) => row)).toEqual(Array.from({ length: 95 }, (_, i) => i));
    const vectors = await encoder.embed(Array.from({ length: 95 }, (_, i) => textOf(i)));
    const same = lines.every(({ embedding }, i) =>
      vectors.row(i).every((value, at) => Math.fround(embedding[at]) === value),
    );
    expect(same).toBe(true);
    expect(await enqueueFile(input, options)).toMatchObject({ added: 0, waiting: 0, done: 10 });
    expect((await readdir(join(root, 'all'))).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('collect names what is missing, damaged or of another model, and writes nothing then', async () => {
    const { where, queue } = ownQueue();
    const input = await textsFile('some.jsonl', 30);
    const options = { ...where, root, out: 'some', rowsPerJob: 10 };
    await enqueueFile(input, options);
    const { close } = await startWorker(encoder, where);
    await drained(queue);
    await close();
    const part = join(root, 'some', 'part-000000000000010-000000000000020.jsonl');
    const target = join(root, 'some.out');
    const whole = await readFile(part, 'utf8');
    const fails = (message: RegExp) =>
      expect(collect(join(root, 'some'), target)).rejects.toThrow(message);
    await rm(part);
    await fails(/10 of 30 rows are missing: rows 10 to 19;/);
    expect(await enqueueFile(input, options)).toMatchObject({ added: 1, done: 2 });
    const lines = whole.split('\n');
    await writeFile(part, lines.toSpliced(4, 1).join('\n'));
    await fails(/the line of row 13 is missing or another one/);
    await writeFile(part, lines.toSpliced(4, 0, lines[4] ?? '').join('\n'));
    await fails(/the line of row 14 is missing or another one/);
    await writeFile(part, whole.slice(0, -40));
    await fails(/the line of row 19 is missing or another one/);
    await writeFile(part, whole.replace(/"version":"\w+"/, '"version":"0123"'));
    await fails(/parts of several models: .* rows 10 to 19 of 0123/);
    expect(await readdir(root)).not.toContain('some.out');
    await writeFile(part, whole);
    expect(await collect(join(root, 'some'), target)).toMatchObject({ rows: 30 });
  });

  it('another file, or other options, are refused for the same folder', async () => {
    const { where } = ownQueue();
    const options = { ...where, root, out: 'taken', rowsPerJob: 10 };
    const input = await textsFile('one.jsonl', 12);
    await enqueueFile(input, options);
    await expect(enqueueFile(input, { ...options, rowsPerJob: 5 })).rejects.toThrow(
      /out must be an empty folder or that of the same input/,
    );
    await textsFile('one.jsonl', 13);
    await expect(enqueueFile(input, options)).rejects.toThrow(RangeError);
  });

  it('that has changed since, or has too few rows, fails its jobs at once', async () => {
    const { where, run } = ownQueue();
    const input = await textsFile('few.jsonl', 5);
    await startWorker(encoder, where);
    const job = { input, out: 'few.out', rows: [3, 9] };
    await expect(run(job)).rejects.toThrow(/^few\.jsonl: has only 5 rows, and the job asks for 3/);
    await expect(run({ ...job, rows: [0, 5], bytes: 7 })).rejects.toThrow(/had 7 when the job/);
    expect(await readdir(root)).not.toContain('few.out');
  });

  it('with a bad row is refused before any job is made', async () => {
    const { where, queue } = ownQueue();
    await writeFile(join(root, 'bad.jsonl'), '{"text":"a"}\n{"text":""}\n');
    const refused = enqueueFile('bad.jsonl', { ...where, root, out: 'bad' });
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_DATA' });
    expect(await queue.getWaitingCount()).toBe(0);
  });
});

it.skipIf(!hasRedis)('an answer with separators of lines stays one line', async () => {
  const { where, queue } = ownQueue();
  await using answerer = await QuestionAnswerer.load(fixture('heads/bert-qa'));
  const rows = WORDS.map((word, i) => ({
    question: `who is ${word}`,
    context: [...WORDS.slice(i), ...WORDS.slice(0, i)].join('\u2028'),
  }));
  const lines = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  await writeFile(join(root, 'qa.jsonl'), lines);
  const read = { textColumn: 'question', pairColumn: 'context' };
  await enqueueFile('qa.jsonl', { ...where, root, out: 'qa', rowsPerJob: 3, read });
  const { close } = await startWorker(answerer, where);
  await drained(queue);
  await close();
  const report = await collect(join(root, 'qa'), join(root, 'qa.out'));
  expect(report).toMatchObject({ rows: rows.length, task: 'answers' });
  const answers = (await linesOf('qa.out')).map(({ answer }) => answer as string);
  const own = await Promise.all(
    rows.map(
      async ({ question, context }) => (await answerer.answer(question, context))[0]?.answer,
    ),
  );
  expect(answers).toEqual(own);
  expect(answers.some((answer) => answer.includes('\u2028'))).toBe(true);
});

describe.skipIf(!hasRedis)('the rows of ranges', () => {
  const cell = (i: number) => (i % 3 === 0 ? `"${textOf(i)}\nin two ""lines"""` : textOf(i));
  const csv = (sep: string, end: string) =>
    [`id${sep}text`, ...Array.from({ length: 23 }, (_, i) => `${i}${sep}${cell(i)}`), ''].join(end);
  const files: Readonly<Record<string, string | Buffer>> = {
    'lf.csv': csv(',', '\n'),
    'crlf.csv': csv(',', '\r\n'),
    'cr.csv': csv(',', '\r'),
    'semicolon.csv': csv(';', '\n'),
    'sep.csv': `sep=;\n${csv(';', '\n')}`,
    'mark.csv': `\uFEFF${csv(',', '\n')}`,
    'wide.csv': Buffer.from(`\uFEFF${csv(',', '\n')}`, 'utf16le'),
    'blank.jsonl': Array.from(
      { length: 23 },
      (_, i) => `{"text":"${textOf(i)}","n":${i}}\n\n`,
    ).join(''),
    'array.json': JSON.stringify(Array.from({ length: 23 }, (_, i) => ({ text: textOf(i) }))),
  };

  it.each(Object.keys(files))('of %s are those of the whole file', async (name) => {
    const { where, queue } = ownQueue();
    const folder = `rows-${name}`;
    await writeFile(join(root, name), files[name] ?? '');
    const hasSpans = !['cr.csv', 'wide.csv', 'array.json'].includes(name);
    for (const [rowsPerJob, out] of [
      [4, `${folder}-4`],
      [100, `${folder}-100`],
    ] as const) {
      await mkdir(join(root, out), { recursive: true });
      const report = await enqueueFile(name, { ...where, root, out, rowsPerJob });
      expect(report.rows).toBe(23);
      const waiting = await queue.getWaiting();
      expect(waiting.map(({ data }) => 'span' in data)).toEqual(waiting.map(() => hasSpans));
      const { close } = await startWorker(encoder, where);
      await drained(queue);
      await close();
      await collect(join(root, out), join(root, `${out}.out`));
    }
    const [small, whole] = await Promise.all(
      ['4', '100'].map((size) => readFile(join(root, `${folder}-${size}.out`))),
    );
    expect(small?.equals(whole ?? Buffer.alloc(0))).toBe(true);
  });
});

describe('without a queue', () => {
  const options = { redis: 'redis://127.0.0.1:1', queue: 'none' };

  it('options are checked, and a Redis that does not answer is UNAVAILABLE without its password', async () => {
    const make = (more: object) => createQueueWorker(encoder, { ...options, ...more });
    await expect(make({ redis: 'http://x' })).rejects.toThrow(/redis must be a URL of redis:/);
    await expect(make({ queue: 'a:b' })).rejects.toThrow(/queue must be a name without a colon/);
    await expect(make({ concurrency: 0 })).rejects.toThrow(/concurrency must be a whole number/);
    await expect(make({ tasks: 1 })).rejects.toThrow(/unknown option "tasks"/);
    await expect(createQueueWorker({} as never, options)).rejects.toThrow(/a loaded model/);
    const refused = make({ redis: 'redis://me:secret@127.0.0.1:1' });
    await expect(refused).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(refused).rejects.not.toThrow(/secret/);
    await expect(refused).rejects.toThrow(/^Redis at 127\.0\.0\.1:1: .*ECONNREFUSED/);
  });

  it('sinter worker ends with code 6, and with 2 for a mistake in its options', async () => {
    const silent = await sinter(['worker', '--redis', options.redis]);
    expect(silent.code).toBe(6);
    expect(silent.stderr).toMatch(/^error: Redis at 127\.0\.0\.1:1: .*ECONNREFUSED/);
    const wrong = await sinter(['worker', '--redis', 'localhost']);
    expect(`${wrong.code} ${wrong.stderr}`).toMatch(/^2 error: .*redis must be a URL of redis:/);
    const task = await sinter(['worker', '--task', 'tags']);
    expect(`${task.code} ${task.stderr}`).toMatch(/^2 error: --task tags means nothing to an enc/);
  });

  it('sinter enqueue and collect end with code 2 without --out, and with 6 without Redis', async () => {
    for (const [command, what] of [
      ['enqueue', 'the folder for the results'],
      ['collect', 'a file of JSON lines'],
    ] as const) {
      const { code, stderr } = await sinter([command, 'x']);
      expect(`${code} ${stderr}`).toContain(`2 error: give --out `);
      expect(stderr).toContain(what);
    }
    const input = await textsFile('unsent.jsonl', 3);
    const args = ['--redis', options.redis, '--root', root, '--out', 'unsent'];
    const silent = await sinter(['enqueue', input, ...args]);
    expect(`${silent.code} ${silent.stderr}`).toMatch(/^6 error: Redis at 127\.0\.0\.1:1: /);
  });

  it('collect asks for a folder with a plan', async () => {
    await expect(collect(root, join(root, 'x'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await writeFile(join(root, 'plan.json'), '{}');
    await expect(collect(root, join(root, 'x'))).rejects.toMatchObject({ code: 'INVALID_DATA' });
  });
});
