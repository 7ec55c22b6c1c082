/**
 * What a node reads: values and weights. The one place that knows it for every operation.
 *
 * Passes over graphs (export, quantize, print) use these instead of asking each kind of node.
 */

import type { GraphNode } from './types.js';

/** Names of the values that the node reads, in the order of its fields. */
export function inputsOf(node: GraphNode): readonly string[] {
  switch (node.op) {
    case 'embedding':
    case 'parameter':
      return [];
    case 'concat':
      return node.inputs;
    case 'add':
      return [node.input, node.residual];
    case 'norm':
      return node.residual === null ? [node.input] : [node.input, node.residual];
    case 'attention':
      return [node.input, node.disentangled?.keys, node.disentangled?.queries].filter(isName);
    default:
      return [node.input];
  }
}

/** Names of the weights that the node uses, in the order in which it uses them. */
export function weightsOf(node: GraphNode): readonly string[] {
  switch (node.op) {
    case 'embedding':
      return node.tables.map(({ weight }) => weight);
    case 'norm':
      return [node.weight, node.bias].filter(isName);
    case 'linear':
      return [...node.weights, ...node.biases, node.equalizer].filter(isName);
    case 'attention':
      return [node.relativeBias?.weight].filter(isName);
    case 'parameter':
      return [node.weight];
    default:
      return [];
  }
}

/** The node with every value that it reads renamed; its output keeps its name. */
export function withInputs(node: GraphNode, rename: (value: string) => string): GraphNode {
  switch (node.op) {
    case 'embedding':
    case 'parameter':
      return node;
    case 'concat':
      return { ...node, inputs: node.inputs.map(rename) };
    case 'add':
      return { ...node, input: rename(node.input), residual: rename(node.residual) };
    case 'norm': {
      const residual = node.residual === null ? null : rename(node.residual);
      return { ...node, input: rename(node.input), residual };
    }
    case 'attention': {
      const { disentangled: d, ...rest } = node;
      const plain = { ...rest, input: rename(node.input) };
      if (d === undefined) return plain;
      const keys = d.keys === null ? null : rename(d.keys);
      const queries = d.queries === null ? null : rename(d.queries);
      return { ...plain, disentangled: { ...d, keys, queries } };
    }
    default:
      return { ...node, input: rename(node.input) };
  }
}

function isName(name: string | null | undefined): name is string {
  return name !== null && name !== undefined;
}
