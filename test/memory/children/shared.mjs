// The embedded model in the main thread, in four worker threads at once, twice, and as int8: prints the bytes of
// weights in the process after each step, and resident memory.
import { readFileSync } from 'node:fs';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { Encoder } from '../../../dist/index.js';
import { native } from '../../../dist/native/native.js';

const memory = (key) => {
  const text = readFileSync('/proc/self/status', 'utf8');
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) * 1024;
};

async function main() {
  const encoder = await Encoder.load(undefined, { lanes: 1 });
  await encoder.embed(['a red car']);
  const one = native().weightBytes();
  globalThis.gc();
  const first = memory('VmRSS');
  const twin = await Encoder.load();
  await twin.embed(['a red car']);
  globalThis.gc();
  const second = memory('VmRSS');
  const peak = memory('VmHWM');
  const again = native().weightBytes();
  const workers = Array.from({ length: 4 }, () => new Worker(new URL(import.meta.url)));
  const ready = workers.map((worker) => new Promise((resolve) => worker.once('message', resolve)));
  await Promise.all(ready);
  const withWorkers = native().weightBytes();
  const ends = workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
  for (const worker of workers) worker.postMessage('end');
  await Promise.all(ends);
  const afterWorkers = native().weightBytes();
  const small = await encoder.quantize();
  const quantized = native().weightBytes();
  for (const model of [encoder, twin, small]) await model.dispose();
  const end = native().weightBytes();
  const rss = { first, second, peak };
  console.log(JSON.stringify({ one, again, withWorkers, afterWorkers, quantized, end, rss }));
}

/** Ends without disposing: the thread's end must let go of the weights. */
async function work() {
  const encoder = await Encoder.load(undefined, { lanes: 1 });
  await encoder.embed(['a red car']);
  parentPort.once('message', () => parentPort.close());
  parentPort.postMessage('loaded');
}

await (isMainThread ? main() : work());
