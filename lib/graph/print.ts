/**
 * Prints a graph as a table for people: one line per node, then totals. Used by `sinter inspect`.
 *
 * The text is for reading; programs use the graph itself.
 */

import { weightsOf } from './nodes.js';

import { rowOf } from './ops.js';
import { bytesOfWeight } from './storages.js';
import type { EncoderGraph } from './types.js';

import { describeShape, validateGraph } from './validate.js';

/** Number of weights of the whole graph, counting each once. */
export function countParameters(graph: EncoderGraph): number {
  return graph.weights.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

/** The table as text. Throws as validateGraph does. */
export function printGraph(graph: EncoderGraph): string {
  const shapes = validateGraph(graph);
  const specs = new Map(graph.weights.map((weight) => [weight.name, weight]));
  const rows = graph.nodes.map((node, i) => {
    const shape = shapes.get(node.output);
    const parts = weightsOf(node).map((name) => specs.get(name)?.shape ?? []);
    const count = parts.reduce((sum, part) => sum + part.reduce((a, b) => a * b, 1), 0);
    return [
      String(i),
      node.op,
      rowOf(node.op)?.detail?.(node, specs.get(weightsOf(node)[0] ?? '')?.dtype ?? 'f32') ?? '',
      node.output,
      shape ? describeShape(shape) : '',
      count === 0 ? '' : count.toLocaleString('en-US'),
    ];
  });
  const table = layOut([['', 'operation', 'detail', 'value', 'shape', 'weights'], ...rows]);
  const bytes = graph.weights.reduce((sum, weight) => sum + bytesOfWeight(weight), 0);
  const { architecture, vocabulary, maxTokens, outputs } = graph;
  const count = countParameters(graph).toLocaleString('en-US');
  return [
    ...table,
    '',
    `architecture ${architecture}, vocabulary ${vocabulary}, at most ${maxTokens} tokens`,
    `outputs      ${Object.keys(outputs).join(', ')}`,
    `weights      ${count} (${(bytes / 1e6).toFixed(1)} MB)`,
    '',
  ].join('\n');
}

/** Columns as wide as their longest cell; the last column right-aligned. */
function layOut(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === row.length - 1 || column === 0
          ? cell.padStart(widths[column] ?? 0)
          : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
}
