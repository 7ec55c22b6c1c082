// One load in a process of its own: milliseconds, CPU time, the longest time that the thread of the event loop worked without a
// turn of the loop, and peak memory. argv: engine (sinter, onnxruntime), file, module of the package.
import { readFileSync } from 'node:fs';

const [, , what, file, dist] = process.argv;

/**
 * Milliseconds of CPU that this thread has used, so that a busy machine does not count; wall time where the system does not
 * tell.
 */
function worked() {
  try {
    const stat = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8');
    return Number(stat.split(' ')[0]) / 1e6;
  } catch {
    return performance.now();
  }
}

/** A function that loads the file. The package is imported here, before the clock starts. */
async function loader() {
  if (what === 'onnxruntime') {
    const { default: ort } = await import('onnxruntime-node');
    return () => ort.InferenceSession.create(file);
  }
  const { Encoder, OnnxModel } = await import(dist);
  return () => (file.endsWith('.onnx') ? OnnxModel.load(file) : Encoder.load(file));
}

const load = await loader();
let stall = 0;
let last = worked();
let running = true;
const tick = () => {
  stall = Math.max(stall, worked() - last);
  last = worked();
  if (running) setTimeout(tick, 1);
};
setTimeout(tick, 1);
await new Promise((resolve) => setTimeout(resolve, 20));
stall = 0;
const cpu = process.cpuUsage();
const start = performance.now();
const model = await load();
const ms = performance.now() - start;
const { user, system } = process.cpuUsage(cpu);
running = false;
stall = Math.max(stall, worked() - last);
const cached = model.report?.cached ?? false;
const peakMB = process.resourceUsage().maxRSS / 1024;
console.log(JSON.stringify({ ms, cpuMs: (user + system) / 1000, stallMs: stall, peakMB, cached }));
process.exit(0);
