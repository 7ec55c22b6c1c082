/**
 * A name for what a model computes: the start of a hash over its graph, weights, tokenizer and settings.
 *
 * The rule: two loads of the same files have the same version, wherever the files lie.
 */
import { createHash, type Hash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { digestOfModel } from '../train/digests.js';
import { insideOf, type TextModel } from './text-model.js';

/** Hexadecimal digits of a version: 64 bits. */
const DIGITS = 16;

/** Reads all weights on the lanes, a piece at a time, so it is for once a load. */
export async function modelVersion(
  model: TextModel,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { parts, use } = insideOf(model);
  const { graph, tokenizer, sentence, head } = parts;
  const weights = await use('load', ({ store }) => digestOfModel(graph, store, signal));
  const hash = createHash('sha256')
    .update(weights)
    .update(JSON.stringify([sentence, head]));
  for (const [name, text] of [...tokenizer.files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(JSON.stringify([name, text.length]));
    await addText(hash, text);
  }
  return hash.digest('hex').slice(0, DIGITS);
}

/** Units that are hashed in one turn: a tokenizer.json may have tens of megabytes. */
const PIECE = 1 << 19;

async function addText(hash: Hash, text: string): Promise<void> {
  for (let begin = 0; begin < text.length; begin += PIECE) {
    hash.update(text.slice(begin, begin + PIECE));
    await turn();
  }
}

/** `float32`, `float16`, `int8` ...: how most numbers of the weights are stored. */
export function modelDtype(model: TextModel): string {
  const { graph } = insideOf(model).parts;
  const counts = new Map<string, number>();
  for (const { shape, dtype } of graph.weights) {
    const numbers = shape.reduce((a, b) => a * b, 1);
    counts.set(dtype, (counts.get(dtype) ?? 0) + numbers);
  }
  const [most = 'f32'] = [...counts].sort(([, a], [, b]) => b - a)[0] ?? [];
  return DTYPES[most] ?? most;
}

const DTYPES: Readonly<Record<string, string>> = {
  f32: 'float32',
  f16: 'float16',
  bf16: 'bfloat16',
  s8: 'int8',
  s4: 'int4',
};
