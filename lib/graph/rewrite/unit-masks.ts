/**
 * Masks of ones on every head and neuron, an own mask for each text of a batch: their gradients are those of each text.
 *
 * The masks are rows of tables that the segment of a token selects, so a batch names its texts by their segments: text i has
 * the segments [i * types, (i + 1) * types), and the model's own segment tables are repeated for each text.
 */

import type { GraphNode } from '../ops.js';
import type { EncoderGraph, OutputName, WeightSpec } from '../types.js';
import { validateGraph } from '../validate.js';
import { onlyOutputs } from './outputs.js';
import { UNIT_PARTS, type UnitPart, unitsOf } from './units.js';

/** The masks of one layer's units. */
export interface UnitMask {
  readonly part: UnitPart;
  readonly layer: number;
  /** Name of the table, f32 [texts * types, columns]. Layers that share their units share the table. */
  readonly weight: string;
  readonly columns: number;
}

export interface MaskedGraph {
  readonly graph: EncoderGraph;
  /** One for each table, in the order of the layers, heads before neurons. */
  readonly masks: readonly UnitMask[];
  /** The repeated segment tables -> their names in the old graph. */
  readonly repeated: ReadonlyMap<string, string>;
}

/**
 * `graph` with masks for batches of `texts` texts, with this output only. `types`: segments that the batches use of the
 * model's own, from 1 to `graph.segments` (1 where the graph has none). With tables of ones the graph computes what it did,
 * bit for bit.
 */
export function withUnitMasks(
  graph: EncoderGraph,
  output: OutputName,
  texts: number,
  types: number,
): MaskedGraph {
  const bare = onlyOutputs(graph, [output]);
  const shapes = new Map(bare.weights.map((weight) => [weight.name, weight]));
  const rows = texts * types;
  const repeated = new Map<string, string>();
  const { masks, byValue } = masksOf(bare);
  const looked = new Set<string>();
  const nodes = bare.nodes.flatMap((node): GraphNode[] => {
    const own = node.op === 'embedding' ? repeatSegments(node, repeated) : node;
    const mask = byValue.get(node.output);
    return mask === undefined ? [own] : masked(own, mask, looked);
  });
  const added = [
    ...masks.map(({ weight, columns }): WeightSpec => spec(weight, rows, columns)),
    ...[...repeated].map(([name, from]) => spec(name, rows, shapes.get(from)?.shape[1] ?? 0)),
  ];
  const whole = { ...bare, segments: rows, nodes, weights: [...bare.weights, ...added] };
  // Drops the segment tables that only their repeated forms replace.
  const made = onlyOutputs(whole, [output]);
  validateGraph(made);
  return { graph: made, masks, repeated };
}

function spec(name: string, rows: number, columns: number): WeightSpec {
  return { name, shape: [rows, columns], dtype: 'f32' };
}

function masksOf(graph: EncoderGraph) {
  const units = unitsOf(graph);
  const masks: UnitMask[] = [];
  const byValue = new Map<string, string>();
  for (const part of UNIT_PARTS) {
    for (const [layer, { value, count, width, shares }] of units[part].entries()) {
      const weight = `importance.${part}.${shares}`;
      byValue.set(value, weight);
      if (shares === layer) masks.push({ part, layer, weight, columns: count * width });
    }
  }
  return { masks, byValue };
}

function repeatSegments(
  node: Extract<GraphNode, { op: 'embedding' }>,
  repeated: Map<string, string>,
): GraphNode {
  const tables = node.tables.map((table) => {
    if (table.index !== 'segment') return table;
    const name = `${table.weight}.repeated`;
    repeated.set(name, table.weight);
    return { ...table, weight: name };
  });
  return { ...node, tables };
}

/** The node, with its output multiplied by the looked-up rows of the mask. `looked`: masks that were looked up before. */
function masked(node: GraphNode, weight: string, looked: Set<string>): GraphNode[] {
  const { output } = node;
  const [plain, rows, both] = [`${output}.unmasked`, `${weight}.rows`, `${output}.beside_mask`];
  const nodes: GraphNode[] = [{ ...node, output: plain }];
  if (!looked.has(weight)) {
    const tables = [{ weight, index: 'segment', offset: 0 }] as const;
    nodes.push({ op: 'embedding', tables, output: rows });
    looked.add(weight);
  }
  nodes.push({ op: 'concat', inputs: [plain, rows], output: both });
  nodes.push({ op: 'gate', activation: 'none', input: both, output });
  return nodes;
}
