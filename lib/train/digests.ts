/** Digests of what a training depends on, so that a checkpoint goes on with the same model and rows only. */

import { createHash, type Hash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { EncoderGraph } from '../graph/types.js';
import { runJob } from '../native/jobs.js';
import type { NativeStore } from '../native/native.js';
import type { Corpus } from './corpus.js';

/** Bytes that are hashed in one turn. */
const PIECE = 1 << 20;

export async function digestOfCorpus(corpus: Corpus): Promise<string> {
  const hash = createHash('sha256');
  if (corpus.size === 0) return hash.digest('hex');
  const { tokens, targets } = corpus.slice(0, corpus.size);
  hash.update(JSON.stringify([corpus.size, corpus.tokenCount, targets.unit, targets.width]));
  const { ids, offsets, segments } = tokens;
  for (const array of [ids, offsets, segments, targets.values])
    if (array !== null) await add(hash, array);
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
