/**
 * Narrows the residual stream of an encoder: some of its channels go, and with them rows and columns of everything that writes or
 * reads it. Heads, neurons and the outputs of heads keep their widths.
 *
 * The rule: the stream is what begins at the tables and passes through norms, sums, dropouts and poolings. Where the graph offers its
 * vector as `embedding`, a product behind the pooling gives the old width back.
 */

import { inputsOf } from '../nodes.js';
import type { NodeOf } from '../ops.js';
import type { EncoderGraph, GraphNode, WeightSpec } from '../types.js';
import { validateGraph } from '../validate.js';
import type { WeightCut } from './cut.js';
import { residualProducts } from './residual-products.js';

export interface NarrowedGraph {
  readonly graph: EncoderGraph;
  /** Rows and columns that stay of the weights that lost some. */
  readonly cuts: ReadonlyMap<string, WeightCut>;
  /** The product that gives the width of the vectors back, [width, channels]; null where there is none. */
  readonly widening: string | null;
}

/** Values of the residual stream, in the order in which they are made. Throws RangeError where something else reads or writes it. */
export function residualValues(graph: EncoderGraph): readonly string[] {
  const wide = new Set<string>();
  const writers = new Set(residualProducts(graph).map(({ node }) => node.output));
  for (const node of graph.nodes) {
    const inputs = inputsOf(node);
    const isRead = inputs.some((value) => wide.has(value));
    const refused = () =>
      new RangeError(`${node.output}, a ${node.op}, cannot have fewer channels`);
    switch (node.op) {
      case 'embedding':
        wide.add(node.output);
        break;
      case 'linear':
        if (node.adapters !== undefined || node.equalizer !== undefined) throw refused();
        if (writers.has(node.output)) wide.add(node.output);
        break;
      case 'norm':
      case 'add':
      case 'dropout':
      case 'pool':
      case 'normalize':
        if (!isRead) break;
        if (!inputs.every((value) => wide.has(value))) throw refused();
        wide.add(node.output);
        break;
      default:
        if (isRead) throw refused();
        if (node.op === 'attention' && node.disentangled !== undefined) throw refused();
    }
  }
  return [...wide];
}

/** `graph` with these channels of the residual stream, in increasing order. Throws RangeError as `residualValues`. */
export function narrowHidden(graph: EncoderGraph, kept: readonly number[]): NarrowedGraph {
  validateGraph(graph);
  const wide = new Set(residualValues(graph));
  const cuts = new Map<string, WeightCut>();
  const cut = (name: string, own: WeightCut) => {
    const known = cuts.get(name);
    if (known !== undefined && (known.rows !== own.rows || known.columns !== own.columns))
      throw new RangeError(`weight ${name} would have to be cut in two ways`);
    cuts.set(name, own);
  };
  for (const node of graph.nodes) cutWeights(node, wide, kept, cut);
  const { nodes, outputs, widening } = widened(graph, wide, kept.length);
  const weights = graph.weights.map((weight): WeightSpec => {
    const { rows, columns } = cuts.get(weight.name) ?? {};
    const [first = 0, ...rest] = weight.shape;
    const shape = [rows?.length ?? first, ...rest.map((size) => columns?.length ?? size)];
    return { ...weight, shape };
  });
  const added = widening === null ? [] : [widening];
  const left = { ...graph, weights: [...weights, ...added], nodes, outputs };
  validateGraph(left);
  return { graph: left, cuts, widening: widening?.name ?? null };
}

function cutWeights(
  node: GraphNode,
  wide: ReadonlySet<string>,
  kept: readonly number[],
  cut: (name: string, own: WeightCut) => void,
): void {
  if (node.op === 'embedding') {
    for (const { weight } of node.tables) cut(weight, { columns: kept });
  } else if (node.op === 'norm' && wide.has(node.output)) {
    for (const name of [node.weight, node.bias]) if (name !== null) cut(name, { rows: kept });
  } else if (node.op === 'linear') {
    const [reads, writes] = [wide.has(node.input), wide.has(node.output)];
    if (!reads && !writes) return;
    const own = { ...(writes && { rows: kept }), ...(reads && { columns: kept }) };
    for (const name of node.weights) cut(name, own);
    if (writes) for (const name of node.biases) cut(name, { rows: kept });
  }
}

/** A product behind the pooling of the vector that the graph offers. */
function widened(graph: EncoderGraph, wide: ReadonlySet<string>, channels: number) {
  const { nodes, outputs } = graph;
  const vector = outputs.embedding;
  if (vector === undefined || !wide.has(vector)) return { nodes, outputs, widening: null };
  const makers = new Map(nodes.map((node) => [node.output, node]));
  let maker = makers.get(vector);
  while (maker?.op === 'normalize') maker = makers.get(maker.input);
  if (maker?.op !== 'pool') throw new RangeError(`${vector} is not the pooled residual stream`);
  const { output } = maker;
  const width = validateGraph(graph).get(output)?.width ?? 0;
  const name = `${output}.widening.weight`;
  const narrow = `${output}.narrow`;
  const product: NodeOf<'linear'> = {
    ...{ op: 'linear', input: narrow, weights: [name], biases: [], activation: 'none' },
    ...{ activationBits: 8, output },
  };
  const changed = nodes.flatMap((node): GraphNode[] =>
    node === maker ? [{ ...node, output: narrow } as GraphNode, product] : [node],
  );
  const widening: WeightSpec = { name, shape: [width, channels], dtype: 'f32' };
  return { nodes: changed, outputs, widening };
}
