/** The matrix that a low-rank adapter makes of its base. */

import { SinterError } from '../core/errors.js';
import type { FloatTensor } from '../core/tensor.js';
import { Turn } from '../core/turns.js';
import { shapeOf } from '../graph/rewrite/tables.js';
import type { EncoderGraph } from '../graph/types.js';
import type { NativeStore } from '../native/program.js';
import type { AdaptedMatrix } from '../runtime/adapter.js';
import { readFloats } from './read-floats.js';

/** W + scale * B A, summed in double precision, each element rounded once. */
export async function sumWithProduct(
  where: string,
  graph: EncoderGraph,
  store: NativeStore,
  tensors: ReadonlyMap<string, FloatTensor>,
  { weight, a: nameOfA, b: nameOfB, rank, scale }: AdaptedMatrix,
): Promise<Float32Array> {
  const sum = await readFloats(where, graph, store, weight);
  const [a, b] = [dataOf(tensors, nameOfA), dataOf(tensors, nameOfB)];
  const [, inputs = 1] = shapeOf(graph, weight);
  const row = new Float64Array(inputs);
  const turn = new Turn();
  for (let o = 0; o * inputs < sum.length; o++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const factor = b[o * rank + r] ?? 0;
      for (let i = 0; i < inputs; i++) row[i] = (row[i] ?? 0) + factor * (a[r * inputs + i] ?? 0);
    }
    const at = o * inputs;
    for (let i = 0; i < inputs; i++) sum[at + i] = (sum[at + i] ?? 0) + scale * (row[i] ?? 0);
    if (turn.isOver) await turn.end();
  }
  return sum;
}

/** The numbers of a tensor of an adapter. */
export function dataOf(tensors: ReadonlyMap<string, FloatTensor>, name: string): Float32Array {
  const found = tensors.get(name);
  if (found !== undefined) return found.data;
  throw new SinterError('INTERNAL', `the adapter has no tensor ${name}`);
}
