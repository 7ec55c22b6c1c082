// A fresh process with one engine: its resident memory while it encodes the workload, after a first short pass.
import { readFileSync } from 'node:fs';
import { answer, loadEncoder, options, readInput } from './input.mjs';

const PASSES = 3;

function status(field) {
  const [, kilobytes] = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(
    readFileSync('/proc/self/status', 'utf8'),
  );
  return 1024 * Number(kilobytes);
}

/** The highest resident memory that a timer samples while `run` works. */
async function highest(run) {
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, status('VmRSS'));
  }, 5);
  for (let pass = 0; pass < PASSES; pass++) await run();
  clearInterval(timer);
  return Math.max(most, status('VmRSS'));
}

const { texts, ...batch } = readInput();
if (options.engine === 'sinter') {
  const encoder = await loadEncoder();
  const { residentBytes, storedBytes, parameters } = await encoder.info();
  // Bytes of the weights in this precision: for f32 4 per parameter, although tables that are kept in f16 take less.
  const weightBytes = options.precision === 'f32' ? 4 * parameters : storedBytes;
  await encoder.embed(texts.slice(0, 8));
  const encodingBytes = await highest(() => encoder.embed(texts));
  answer({ weightBytes, residentBytes, encodingBytes, peakBytes: status('VmHWM') });
} else {
  const { openSession, ortRunner } = await import('../support/onnx-runtime.mjs');
  const session = await openSession(options.models.onnx[options.precision], options.threads);
  const encodingBytes = await highest(ortRunner(session, batch, 384, 8));
  await session.release();
  answer({ encodingBytes, peakBytes: status('VmHWM') });
}
