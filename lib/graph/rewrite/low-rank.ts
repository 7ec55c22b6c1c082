/**
 * Replaces a weight of a product by two narrow ones: W by B A, so that the product runs as two.
 *
 * Members of a stacked product (query, key and value) become products of their own, whose outputs are joined again.
 */

import { weightsOf } from '../nodes.js';
import type { GraphNode, NodeOf } from '../ops.js';
import type { EncoderGraph, WeightSpec } from '../types.js';
import { validateGraph } from '../validate.js';

/** Names of the weights that take the place of one: A [rank, inputs] and B [outputs, rank]. */
export interface Factors {
  readonly a: string;
  readonly b: string;
}

export interface LowRankGraph {
  readonly graph: EncoderGraph;
  /** The new weights by the name of the one that they replace. */
  readonly factors: ReadonlyMap<string, Factors>;
}

/**
 * `graph` with the weights of `ranks` (name -> rank) in two factors each, wherever products read them. Throws RangeError for a
 * weight that is not f32, that an operation other than a product reads, or that has an adapter, and for a rank that is not from
 * 1 to the smaller side of the weight.
 */
export function lowRankGraph(
  graph: EncoderGraph,
  ranks: ReadonlyMap<string, number>,
): LowRankGraph {
  const factors = new Map<string, Factors>();
  const specs = new Map(graph.weights.map((weight) => [weight.name, weight]));
  for (const [name, rank] of ranks) {
    checkWeight(graph, specs.get(name), name, rank);
    const stem = name.replace(/\.weight$/, '');
    const named = { a: `${stem}.low_rank_a.weight`, b: `${stem}.low_rank_b.weight` };
    const taken = [named.a, named.b].find((other) => specs.has(other));
    if (taken !== undefined) throw new RangeError(`weight ${taken} exists already`);
    factors.set(name, named);
  }
  const weights = graph.weights.flatMap((weight): WeightSpec[] => {
    const named = factors.get(weight.name);
    if (named === undefined) return [weight];
    const [outputs = 0, inputs = 0] = weight.shape;
    const rank = ranks.get(weight.name) ?? 0;
    return [
      { name: named.a, shape: [rank, inputs], dtype: 'f32' },
      { name: named.b, shape: [outputs, rank], dtype: 'f32' },
    ];
  });
  const nodes = graph.nodes.flatMap((node) =>
    node.op === 'linear' && node.weights.some((name) => factors.has(name))
      ? withFactors(node, factors)
      : [node],
  );
  const left = { ...graph, weights, nodes };
  validateGraph(left);
  return { graph: left, factors };
}

function checkWeight(
  graph: EncoderGraph,
  spec: WeightSpec | undefined,
  name: string,
  rank: number,
): void {
  const readers = graph.nodes.filter((node) => weightsOf(node).includes(name));
  const products = readers.filter((node) => node.op === 'linear' && node.weights.includes(name));
  if (spec === undefined || products.length === 0)
    throw new RangeError(`${JSON.stringify(name)} is not the weight of a product`);
  const other = readers.find((node) => !products.includes(node));
  if (other !== undefined)
    throw new RangeError(`weight ${name} is shared with ${other.output}, a ${other.op}`);
  if (products.some((node) => node.op === 'linear' && node.adapters !== undefined))
    throw new RangeError(`the product of weight ${name} has an adapter`);
  if (spec.dtype !== 'f32') throw new RangeError(`weight ${name} is ${spec.dtype}, not f32`);
  const most = Math.min(...spec.shape);
  if (!(Number.isSafeInteger(rank) && rank >= 1 && rank <= most))
    throw new RangeError(`the rank of ${name} must be from 1 to ${most}, got ${rank}`);
}

/** The nodes that compute what `node` did. */
function withFactors(
  node: NodeOf<'linear'>,
  factors: ReadonlyMap<string, Factors>,
): readonly GraphNode[] {
  const alone = node.weights.length === 1;
  const nodes: GraphNode[] = [];
  const parts = node.weights.map((weight, i) => {
    const output = alone ? node.output : `${node.output}.${i}`;
    const bias = node.biases[i];
    const named = factors.get(weight);
    const last = {
      ...node,
      weights: [named?.b ?? weight],
      biases: bias === undefined ? [] : [bias],
      output,
    };
    if (named === undefined) {
      nodes.push(last);
      return output;
    }
    const middle = `${output}.low_rank`;
    const first = { ...node, weights: [named.a], biases: [], activation: 'none' as const };
    nodes.push({ ...first, output: middle }, { ...last, input: middle });
    return output;
  });
  if (!alone) nodes.push({ op: 'concat', inputs: parts, output: node.output });
  return nodes;
}
