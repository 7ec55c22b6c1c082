/**
 * Runs a base with an adapter beside it.
 *
 * The program shares the weights of its base: only the adapter's own tensors and its head are new memory.
 */

import { withBottlenecks } from '../graph/rewrite/bottleneck.js';
import { withLora } from '../graph/rewrite/lora.js';
import { withScales } from '../graph/rewrite/scales.js';
import { withFloats } from '../graph/rewrite/tables.js';
import type { EncoderGraph } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import type { NativeProgram } from '../native/program.js';
import type { Adapter } from '../runtime/adapter.js';
import { deriveProgram } from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';
import { doraVectors, withDora } from './dora.js';

/** The graph of a base with an adapter beside its products. `dropout`: for the inputs of low-rank adapters, in training. */
export function graphBeside(graph: EncoderGraph, adapter: Adapter, dropout = 0): EncoderGraph {
  return withHeads(withAdapter(graph, adapter, dropout), adapter);
}

function withAdapter(graph: EncoderGraph, adapter: Adapter, dropout: number): EncoderGraph {
  switch (adapter.kind) {
    case 'lora':
      return withDora(withLora(graph, adapter.matrices, dropout), adapter);
    case 'ia3':
      return withScales(graph, adapter.matrices);
    case 'bottleneck':
      return withBottlenecks(graph, adapter.settings);
  }
}

/** The head's weights as f32, with the adapter's own shapes: it may have another number of labels. */
function withHeads(graph: EncoderGraph, { whole, tensors }: Adapter): EncoderGraph {
  const floats = withFloats(graph, whole);
  const shapes = new Map(whole.map((name) => [name, tensors.get(name)?.shape]));
  const weights = floats.weights.map((weight) => {
    const shape = shapes.get(weight.name);
    return shape === undefined ? weight : { ...weight, shape };
  });
  return { ...floats, weights };
}

/** Graph and program of a base with an adapter beside it. Throws CORRUPT_MODEL where its tensors do not fit the base. */
export async function runBeside(
  base: EncoderGraph,
  { store }: NativeProgram,
  adapter: Adapter,
  options: { readonly where: string; readonly signal: AbortSignal | undefined },
): Promise<{ readonly graph: EncoderGraph; readonly program: SharedProgram }> {
  const graph = graphBeside(base, adapter);
  validateGraph(graph);
  const written = new Map([...adapter.tensors].map(([name, { data }]) => [name, data]));
  if (adapter.kind === 'lora') {
    const vectors = await doraVectors(options.where, base, store, adapter);
    for (const [name, data] of vectors) written.set(name, data);
    // The program reads the factors instead.
    for (const { magnitude } of adapter.matrices) written.delete(magnitude ?? '');
  }
  const settings = { trainable: false, ...options };
  const program = await deriveProgram(graph, store, settings, { written });
  return { graph, program: new SharedProgram(program) };
}
