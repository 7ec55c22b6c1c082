/**
 * The values and weights that a node reads, found through the fields of its operation.
 *
 * Passes over graphs (export, quantize, print) use these functions instead of handling each operation.
 */

import { type Renaming, renamed, stacksIn, valuesIn } from './fields.js';
import { type GraphNode, OPS } from './ops.js';

/** Names of the values that the node reads, in the order of its fields. */
export function inputsOf(node: GraphNode): readonly string[] {
  return valuesIn(OPS[node.op].fields, node);
}

/** Names of the weights that the node uses, in the order in which it uses them. */
export function weightsOf(node: GraphNode): readonly string[] {
  return stacksOf(node).flat();
}

/** Names of the weights that the node uses. Weights that it reads as one matrix or vector are in one list. */
export function stacksOf(node: GraphNode): readonly (readonly string[])[] {
  return stacksIn(OPS[node.op].fields, node);
}

/** Names of the model's own weights in the node, without those that only say how others are stored. */
export function modelWeightsOf(node: GraphNode): readonly string[] {
  return stacksIn(OPS[node.op].fields, node, { storage: false }).flat();
}

/** The node with new names for the values and weights that it reads. Its output keeps its name. */
export function withNames(node: GraphNode, by: Renaming): GraphNode {
  return renamed(OPS[node.op].fields, node, by);
}
