/**
 * Runs a base with an adapter beside it.
 *
 * The program shares the weights of its base: only the adapter's own tensors and its head are new memory.
 */

import { SinterError } from '../core/errors.js';
import { withLora } from '../graph/rewrite/lora.js';
import { withFloats } from '../graph/rewrite/tables.js';
import type { EncoderGraph } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import type { NativeProgram } from '../native/native.js';
import type { Adapter } from '../runtime/adapter.js';
import { deriveProgram } from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';

/** The graph of a base with an adapter beside its products. `dropout`: for the inputs of low-rank adapters, in training. */
export function graphBeside(graph: EncoderGraph, adapter: Adapter, dropout = 0): EncoderGraph {
  return withHeads(withLora(graph, adapter.matrices, dropout), adapter);
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
  const unused = [...written.keys()].find((name) => graph.weights.every((w) => w.name !== name));
  if (unused !== undefined)
    throw new SinterError('INTERNAL', `${options.where}: nothing reads ${unused}`);
  const settings = { trainable: false, ...options };
  const program = await deriveProgram(graph, store, settings, { written });
  return { graph, program: new SharedProgram(program) };
}
