/**
 * Makes a model with float weights of a quantized one.
 *
 * The rule: a product's input was multiplied by its equalizer, channel by channel, before it became codes; the float weights have
 * that factor instead, so the numbers are those of the codes without the rounding of activations.
 */

import { equalizersOf } from '../../graph/rewrite/equalize.js';
import { isQuantized } from '../../graph/rewrite/quantize.js';
import type { GraphNode, WeightSpec } from '../../graph/types.js';
import type { NativeStore } from '../../native/program.js';
import type { ModelParts } from '../../runtime/model-parts.js';
import { deriveProgram } from '../../runtime/program.js';
import { SharedProgram } from '../../runtime/shared-program.js';

/** The same model with float weights, the caller's to free; itself where it has no others. */
export async function widened(
  where: string,
  parts: ModelParts,
  signal: AbortSignal | undefined,
): Promise<ModelParts> {
  if (!isQuantized(parts.graph)) return parts;
  const equalizers = equalizersOf(parts.graph);
  const weights = parts.graph.weights
    .filter(({ name }) => !equalizers.has(name))
    .map((weight): WeightSpec => ({ ...weight, dtype: 'f32' }));
  const graph = { ...parts.graph, weights, nodes: parts.graph.nodes.map(floatNode) };
  const program = await parts.program.use(where, ({ store }) => {
    const divisors = new Map(parts.graph.nodes.flatMap((node) => divisorsOf(node, store)));
    const build = { trainable: false, where, signal };
    return deriveProgram(graph, store, build, { divisors });
  });
  return { ...parts, graph, program: new SharedProgram(program) };
}

function floatNode(node: GraphNode): GraphNode {
  if (node.op !== 'linear') return node;
  const { equalizer: _, ...rest } = node;
  return { ...rest, activationBits: 8 };
}

/** What the columns of a product's weights are divided by, for each of them. */
function divisorsOf(node: GraphNode, store: NativeStore): [string, Float32Array][] {
  if (node.op !== 'linear' || node.equalizer === undefined) return [];
  const divisor = store.readWeight(node.equalizer).map((factor) => 1 / factor);
  return node.weights.map((name) => [name, divisor]);
}
