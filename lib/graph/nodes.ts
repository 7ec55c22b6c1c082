/**
 * What a node reads: values and weights, as the row of its operation describes them.
 *
 * Passes over graphs (export, quantize, print) use these instead of asking each kind of node.
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

/** The same, those together that the node reads as one matrix or vector. */
export function stacksOf(node: GraphNode): readonly (readonly string[])[] {
  return stacksIn(OPS[node.op].fields, node);
}

/** The weights that the model computes with: without those that only say how others are stored. */
export function modelWeightsOf(node: GraphNode): readonly string[] {
  return stacksIn(OPS[node.op].fields, node, { storage: false }).flat();
}

/** The node with the names that it reads replaced; its output keeps its name. */
export function withNames(node: GraphNode, by: Renaming): GraphNode {
  return renamed(OPS[node.op].fields, node, by);
}
