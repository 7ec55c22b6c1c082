/**
 * ONNX files are imported in a worker thread: the event loop goes on, an abort ends it, errors keep their class and code, and the
 * process can end.
 */

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openOnnxFolder } from '../../../lib/checkpoint/onnx/open-onnx.js';
import { Encoder, OnnxModel, SinterError } from '../../../lib/index.js';
import { ONNX_FIXTURES, zooCases } from './zoo.js';

const SMALL = zooCases(join(ONNX_FIXTURES, 'zoo'))[0]?.model ?? '';
const DIST = new URL('../../../dist/index.js', import.meta.url).href;
const EMBEDDED = new URL('../../../models/all-MiniLM-L6-v2', import.meta.url).pathname;
let folder = '';
let large = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sinter-thread-'));
  await using encoder = await Encoder.load(EMBEDDED);
  large = join(folder, 'model.onnx');
  await encoder.exportOnnx(large);
}, 120_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

test('timers go on while a file is imported and verified', async () => {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  const begin = performance.now();
  await using model = await OnnxModel.load(large);
  const ms = performance.now() - begin;
  clearInterval(timer);
  expect(model.report.verification?.difference).toBeLessThan(2e-4);
  // A timer of 5 ms fires at most 200 times a second, on a busy machine perhaps a twentieth of that. With the import in this
  // thread it would fire a few times in all.
  expect(ticks).toBeGreaterThan(ms / 100);
}, 120_000);

test('an abort ends the import while it computes', async () => {
  const abort = new AbortController();
  const reason = new Error('enough');
  const loading = OnnxModel.load(large, { signal: abort.signal });
  setTimeout(() => abort.abort(reason), 150);
  const error = await loading.catch((caught) => caught);
  expect(error).toBeInstanceOf(SinterError);
  expect([error.code, error.cause]).toEqual(['CANCELLED', reason]);
}, 120_000);

test('a signal that is aborted already starts nothing', async () => {
  const loading = OnnxModel.load(large, { signal: AbortSignal.abort() });
  await expect(loading).rejects.toMatchObject({ code: 'CANCELLED' });
});

test('an error keeps its class, code and details', async () => {
  const bad = join(folder, 'bad.onnx');
  await writeFile(bad, 'no model');
  const error = await OnnxModel.load(bad).catch((caught) => caught);
  expect(error).toBeInstanceOf(SinterError);
  expect(error.code).toBe('CORRUPT_MODEL');
  expect(error.details).toMatchObject({ file: bad, category: 'parse' });
});

test('a folder that was closed answers no more', async () => {
  const opened = await openOnnxFolder(SMALL, { where: 'load', signal: undefined, widen: false });
  const [name = ''] = opened.tensors.keys();
  expect((await opened.weights.readFloats(name)).length).toBeGreaterThan(0);
  await opened.close();
  await opened.close();
  await expect(opened.weights.readFloats(name)).rejects.toMatchObject({ code: 'DISPOSED' });
});

test('a process ends by itself after a load, and after one that failed', async () => {
  const code = `
    import { OnnxModel } from ${JSON.stringify(DIST)};
    await OnnxModel.load(process.argv[1] + '.none.onnx').catch((error) => console.log(error.code));
    const model = await OnnxModel.load(process.argv[1]);
    console.log(model.report.task);
  `;
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', code, SMALL]);
  expect((await run).stdout.trim().split('\n')).toEqual(['CORRUPT_MODEL', expect.any(String)]);
}, 60_000);

test('a worker thread of the caller can load too', async () => {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.dist).then(async ({ OnnxModel }) => {
      const model = await OnnxModel.load(workerData.file);
      parentPort.postMessage(model.report.task);
      await model.dispose();
    });
  `;
  const worker = new Worker(code, { eval: true, workerData: { dist: DIST, file: SMALL } });
  const task = await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  expect(task).toEqual(expect.any(String));
  await worker.terminate();
}, 60_000);
