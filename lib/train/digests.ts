/** Digests of what a training depends on, so that a checkpoint goes on with the same model and rows only. */

import { createHash, type Hash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { EncoderGraph } from '../graph/types.js';
import { runJob } from '../native/jobs.js';
import type { NativeStore } from '../native/program.js';
import type { Examples } from './corpus.js';

/** Bytes that are hashed in one turn. */
const PIECE = 1 << 20;
/** Examples that are copied to be hashed. */
const PIECE_EXAMPLES = 4096;

/** A digest of all texts and targets, in their order. */
export async function digestOfExamples(examples: Examples): Promise<string> {
  const { size, tokenCount } = examples;
  const hash = createHash('sha256').update(JSON.stringify([size, tokenCount]));
  for (let begin = 0; begin < size; begin += PIECE_EXAMPLES) {
    const count = Math.min(PIECE_EXAMPLES, size - begin);
    const { tokens, targets, lists } = examples.gather(
      Array.from({ length: count }, (_, i) => begin + i),
    );
    const { ids, offsets, segments, features = null } = tokens;
    const arrays = [ids, offsets, segments, features, targets.values];
    if (lists !== undefined) arrays.push(lists.lengths);
    const lengths = arrays.map((array) => array?.length ?? null);
    hash.update(JSON.stringify([targets.unit, targets.width, lengths]));
    for (const array of arrays) if (array !== null) await add(hash, array);
  }
  return hash.digest('hex');
}

/** A digest of the graph and of all of its weights, as f32. */
export async function digestOfModel(
  graph: EncoderGraph,
  store: NativeStore,
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(graph));
  for (const { name, shape } of graph.weights) {
    const [rows = 1, ...rest] = shape;
    const width = rest.reduce((a, b) => a * b, 1);
    const piece = Math.max(1, Math.floor(PIECE / 4 / width));
    for (let begin = 0; begin < rows; begin += piece) {
      const end = Math.min(rows, begin + piece);
      const parts = await runJob('train', signal, (jobId) =>
        store.readRows(name, begin, end, 'f32', jobId),
      );
      for (const part of parts) hash.update(part);
    }
  }
  return hash.digest('hex');
}

async function add(hash: Hash, { buffer, byteOffset, byteLength }: ArrayBufferView): Promise<void> {
  for (let begin = 0; begin < byteLength; begin += PIECE) {
    const size = Math.min(PIECE, byteLength - begin);
    hash.update(new Uint8Array(buffer, byteOffset + begin, size));
    await turn();
  }
}
