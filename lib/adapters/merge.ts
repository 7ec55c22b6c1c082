/** Adds an adapter to the weights of its base: W + scale * B A. */

import { SinterError } from '../core/errors.js';
import type { FloatTensor } from '../core/tensor.js';
import { Turn } from '../core/turns.js';
import type { LoraMatrix } from '../graph/rewrite/lora.js';
import { shapeOf, withFloats } from '../graph/rewrite/tables.js';
import type { EncoderGraph } from '../graph/types.js';
import type { NativeProgram } from '../native/native.js';
import type { Adapter } from '../runtime/adapter.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { deriveProgram, floatsOf, readWhole } from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';

/** The graph and program of a model with an adapter in its weights. */
export async function mergeAdapter(
  { graph }: Pick<ModelParts, 'graph'>,
  current: NativeProgram,
  { matrices, whole, tensors }: Pick<Adapter, 'matrices' | 'whole' | 'tensors'>,
  options: { readonly where: string; readonly signal: AbortSignal | undefined },
): Promise<{ readonly graph: EncoderGraph; readonly program: SharedProgram }> {
  const written = new Map<string, Float32Array>();
  const turn = new Turn();
  for (const matrix of matrices) {
    const spec = { name: matrix.weight, shape: shapeOf(graph, matrix.weight) };
    const [bytes] = await readWhole(options.where, current.store, spec, 'f32');
    const sum = floatsOf(bytes as Uint8Array);
    const [a, b] = [dataOf(tensors, matrix.a), dataOf(tensors, matrix.b)];
    await addProduct(sum, a, b, matrix, turn);
    written.set(matrix.weight, sum);
  }
  for (const name of whole) written.set(name, dataOf(tensors, name));
  const merged = withFloats(graph, [...written.keys()]);
  const settings = { trainable: false, ...options };
  const program = await deriveProgram(merged, current.store, settings, { written });
  return { graph: merged, program: new SharedProgram(program) };
}

/** sum += scale * B A, each element rounded once. */
async function addProduct(
  sum: Float32Array,
  a: Float32Array,
  b: Float32Array,
  { rank, scale }: LoraMatrix,
  turn: Turn,
): Promise<void> {
  const inputs = a.length / rank;
  const row = new Float64Array(inputs);
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
}

function dataOf(tensors: ReadonlyMap<string, FloatTensor>, name: string): Float32Array {
  const found = tensors.get(name);
  if (found !== undefined) return found.data;
  throw new SinterError('INTERNAL', `the adapter has no tensor ${name}`);
}
