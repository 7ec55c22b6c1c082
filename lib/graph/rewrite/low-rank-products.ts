/**
 * Replaces whole products by two thin ones in a row: x W^T by (x A^T) B^T.
 *
 * The rule: weights that one node stacks (query, key and value) share A, so that the first thin product runs once for all of them and
 * the second one is stacked as before. Nodes that read the same weights (layers of ALBERT) are one product.
 */

import { weightsOf } from '../nodes.js';
import type { GraphNode } from '../ops.js';
import type { ActivationKind, EncoderGraph, WeightSpec } from '../types.js';
import { validateGraph } from '../validate.js';
import { quantizableProducts } from './products.js';

/** A product over tokens that can become two thin ones. */
export interface ThinnableProduct {
  /** As `quantizableProducts` names it: `encoder.layer.3.attention.self` for query, key and value. */
  readonly name: string;
  /** Its weights, [outputs[i], inputs], in the order in which they are stacked. */
  readonly weights: readonly string[];
  readonly inputs: number;
  readonly outputs: readonly number[];
  /** How often it runs: layers may share it. */
  readonly runs: number;
  readonly activation: ActivationKind;
  readonly hasBias: boolean;
}

/** The weights that take the place of those of a product. */
export interface ThinFactors {
  readonly weights: readonly string[];
  readonly rank: number;
  /** A [rank, inputs]. */
  readonly a: string;
  /** B [outputs[i], rank] for each of the weights. */
  readonly b: readonly string[];
}

/** The f32 products over tokens that nothing but products without adapters reads, in the order of the graph. */
export function thinnableProducts(graph: EncoderGraph): readonly ThinnableProduct[] {
  const shapes = validateGraph(graph);
  const specs = new Map(graph.weights.map((weight) => [weight.name, weight]));
  return quantizableProducts(graph).flatMap(({ name, weights }): ThinnableProduct[] => {
    const readers = graph.nodes.filter((node) =>
      weightsOf(node).some((one) => weights.includes(one)),
    );
    const nodes = readers.flatMap((node) => (node.op === 'linear' ? [node] : []));
    const [first] = nodes;
    const isPlain = nodes.length === readers.length && nodes.every(({ adapters }) => !adapters);
    const own = weights.map((one) => specs.get(one)).filter((spec) => spec?.dtype === 'f32');
    if (first === undefined || !isPlain || own.length < weights.length) return [];
    const over = nodes.filter(({ input }) => shapes.get(input)?.kind === 'token');
    return [
      {
        ...{ name, weights, runs: over.length },
        inputs: own[0]?.shape[1] ?? 0,
        outputs: own.map((spec) => spec?.shape[0] ?? 0),
        ...{ activation: first.activation, hasBias: first.biases.length > 0 },
      },
    ];
  });
}

/** The largest rank at which two thin products multiply less than the one; 0 where there is none. */
export function largestThinRank({ inputs, outputs }: Pick<ThinnableProduct, 'inputs' | 'outputs'>) {
  const all = outputs.reduce((sum, count) => sum + count, 0);
  return Math.ceil((inputs * all) / (inputs + all)) - 1;
}

/**
 * `graph` with the products of `ranks` (name -> rank) in two. Throws RangeError for a name that is no such product, and for a rank
 * that is not from 1 to the smaller side of its stacked weights.
 */
export function lowRankProducts(
  graph: EncoderGraph,
  ranks: ReadonlyMap<string, number>,
): { readonly graph: EncoderGraph; readonly factors: readonly ThinFactors[] } {
  const known = new Map(thinnableProducts(graph).map((one) => [one.name, one]));
  const names = new Set(graph.weights.map(({ name }) => name));
  const factors = [...ranks].map(([name, rank]): ThinFactors => {
    const product = known.get(name);
    if (product === undefined) throw new RangeError(`${JSON.stringify(name)} is no f32 product`);
    const { weights, inputs, outputs } = product;
    const most = Math.min(
      inputs,
      outputs.reduce((sum, count) => sum + count, 0),
    );
    if (!(Number.isSafeInteger(rank) && rank >= 1 && rank <= most))
      throw new RangeError(`the rank of ${name} must be from 1 to ${most}, got ${rank}`);
    const b = weights.map((one) => `${one.replace(/\.weight$/, '')}.low_rank_b.weight`);
    const made = { weights, rank, a: `${name}.low_rank_a.weight`, b };
    const taken = [made.a, ...b].find((one) => names.has(one));
    if (taken !== undefined) throw new RangeError(`weight ${taken} exists already`);
    return made;
  });
  const left = {
    ...graph,
    weights: graph.weights.flatMap((weight) => thinWeights(weight, factors)),
    nodes: graph.nodes.flatMap((node) => thinNodes(node, factors)),
  };
  validateGraph(left);
  return { graph: left, factors };
}

function thinWeights(weight: WeightSpec, factors: readonly ThinFactors[]): readonly WeightSpec[] {
  const own = factors.find(({ weights }) => weights.includes(weight.name));
  if (own === undefined) return [weight];
  const at = own.weights.indexOf(weight.name);
  const [outputs = 0, inputs = 0] = weight.shape;
  const second: WeightSpec = { name: own.b[at] ?? '', shape: [outputs, own.rank], dtype: 'f32' };
  const first: WeightSpec = { name: own.a, shape: [own.rank, inputs], dtype: 'f32' };
  return at === 0 ? [first, second] : [second];
}

function thinNodes(node: GraphNode, factors: readonly ThinFactors[]): readonly GraphNode[] {
  if (node.op !== 'linear') return [node];
  const own = factors.find(({ weights }) => node.weights.some((one) => weights.includes(one)));
  if (own === undefined) return [node];
  const middle = `${node.output}.low_rank`;
  const weights = node.weights.map((one) => own.b[own.weights.indexOf(one)] ?? '');
  return [
    { ...node, weights: [own.a], biases: [], activation: 'none', output: middle },
    { ...node, input: middle, weights },
  ];
}
