/**
 * Finds weights that the file multiplies as integers: those of products whose other operand is quantized to 8 bits.
 */

import type { OnnxGraph, OnnxNode } from '../model.js';
import { MOVES } from './moves.js';
import type { PlainModel } from './plain-model.js';

/**
 * Names of initializers that only lookups and products read, where all products have the other operand quantized to 8 bits.
 */
export function int8Operands({ graph, activations }: PlainModel): ReadonlySet<string> {
  const producers = producersOf(graph);
  const quantized = (value: string): boolean => {
    for (let name = value; ; ) {
      const note = activations.get(name);
      if (note !== undefined) return note.bits === 8;
      const node = producers.get(name);
      if (node === undefined || node.domain !== '' || !MOVES.has(node.op)) return false;
      name = node.inputs[0] ?? '';
    }
  };
  const found = new Set<string>();
  const others = new Set<string>();
  for (const node of graph.nodes) {
    for (const [index, name] of node.inputs.entries()) {
      if (!graph.initializers.has(name) || (node.op === 'Gather' && index === 0)) continue;
      const isInt8 = node.op === 'MatMul' && quantized(node.inputs[1 - index] ?? '');
      (isInt8 ? found : others).add(name);
    }
  }
  return new Set([...found].filter((name) => !others.has(name)));
}

function producersOf(graph: OnnxGraph): ReadonlyMap<string, OnnxNode> {
  return new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node])));
}
