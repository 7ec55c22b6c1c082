/** Adds an adapter to the weights of its base: W + scale * B A, for DoRA with rows of new lengths, or W times the vectors of IA3. */

import { SinterError } from '../core/errors.js';
import { withFloats } from '../graph/rewrite/tables.js';
import type { EncoderGraph } from '../graph/types.js';
import type { NativeProgram, NativeStore } from '../native/program.js';
import type { Adapter, Ia3Adapter, LoraAdapter } from '../runtime/adapter.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { deriveProgram } from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';
import { biasBeside, magnitudeFactors, magnitudesOf } from './dora.js';
import { dataOf, sumWithProduct } from './low-rank-sum.js';
import { readFloats } from './read-floats.js';

/** The graph and program of a model with an adapter in its weights. Throws UNSUPPORTED_MODEL for one that is no change of weights. */
export async function mergeAdapter(
  { graph }: Pick<ModelParts, 'graph'>,
  { store }: NativeProgram,
  adapter: Adapter,
  options: { readonly where: string; readonly signal: AbortSignal | undefined },
): Promise<{ readonly graph: EncoderGraph; readonly program: SharedProgram }> {
  const { where } = options;
  if (adapter.kind === 'bottleneck') {
    const what =
      'bottleneck adapters are layers of their own and cannot be merged; use loadAdapter';
    throw new SinterError('UNSUPPORTED_MODEL', `${where}: ${what}`);
  }
  const written =
    adapter.kind === 'lora'
      ? await mergedLora(where, graph, store, adapter)
      : await mergedIa3(where, graph, store, adapter);
  for (const name of adapter.whole) written.set(name, dataOf(adapter.tensors, name));
  const merged = withFloats(graph, [...written.keys()]);
  const settings = { trainable: false, ...options };
  const program = await deriveProgram(merged, store, settings, { written });
  return { graph: merged, program: new SharedProgram(program) };
}

async function mergedLora(
  where: string,
  graph: EncoderGraph,
  store: NativeStore,
  adapter: LoraAdapter,
): Promise<Map<string, Float32Array>> {
  const written = new Map<string, Float32Array>();
  for (const matrix of adapter.matrices) {
    const sum = await sumWithProduct(where, graph, store, adapter.tensors, matrix);
    if (matrix.magnitude !== undefined)
      scaleRows(sum, magnitudeFactors(sum, magnitudesOf(adapter, matrix)));
    written.set(matrix.weight, sum);
  }
  return written;
}

async function mergedIa3(
  where: string,
  graph: EncoderGraph,
  store: NativeStore,
  { matrices, tensors }: Ia3Adapter,
): Promise<Map<string, Float32Array>> {
  const written = new Map<string, Float32Array>();
  for (const { weight, vector, side } of matrices) {
    const factors = dataOf(tensors, vector);
    const values = await readFloats(where, graph, store, weight);
    if (side === 'input') scaleColumns(values, factors);
    else scaleRows(values, factors);
    written.set(weight, values);
    const bias = side === 'input' ? undefined : biasBeside(graph, weight);
    if (bias === undefined) continue;
    const sums = await readFloats(where, graph, store, bias);
    written.set(
      bias,
      sums.map((value, i) => value * (factors[i] ?? 1)),
    );
  }
  return written;
}

/** Multiplies the rows of a matrix, one factor for each. */
function scaleRows(matrix: Float32Array, factors: ArrayLike<number>): void {
  const width = matrix.length / factors.length;
  for (let i = 0; i < matrix.length; i++)
    matrix[i] = (matrix[i] ?? 0) * (factors[Math.floor(i / width)] ?? 1);
}

function scaleColumns(matrix: Float32Array, factors: ArrayLike<number>): void {
  for (let i = 0; i < matrix.length; i++)
    matrix[i] = (matrix[i] ?? 0) * (factors[i % factors.length] ?? 1);
}
