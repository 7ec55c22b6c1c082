// Shared by the processes of the service bench: their options, the texts, and the model that they load.
import { readFileSync } from 'node:fs';

export const options = JSON.parse(process.argv[2]);

/** { texts, ids, offsets, segments, lengths, tokens } of the workload. */
export function readInput() {
  const { ids, offsets, ...rest } = JSON.parse(readFileSync(options.models.input, 'utf8'));
  const segments = new Int32Array(ids.length);
  return { ...rest, ids: Int32Array.from(ids), offsets: Int32Array.from(offsets), segments };
}

/**
 * Loads the model of the precision. f32 is the packaged model, with its length limit lifted to all positions unless
 * `asShipped`.
 */
export async function loadEncoder({ asShipped = false } = {}) {
  const { Encoder } = await import('../../dist/index.js');
  const lanes = options.threads;
  if (options.precision === 'int8') return Encoder.load(options.models.int8, { lanes });
  if (asShipped) return Encoder.load(undefined, { lanes });
  const { prepareFolder } = await import('../support/model.mjs');
  const { model, remove } = prepareFolder();
  try {
    return await Encoder.load(model, { lanes });
  } finally {
    remove();
  }
}

/** Sends the answer to the parent and lets the process end. */
export function answer(message) {
  process.send(message);
  process.disconnect();
}

/** The p-quantile of values, p from 0 to 1. */
export function quantile(values, p) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))];
}
