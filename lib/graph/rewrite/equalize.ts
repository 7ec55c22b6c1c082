/**
 * Equalization: a step before quantization that moves differences in range between channels from a product's input into its
 * weights. The input is multiplied by e and the weights are divided by e, channel by channel. The product stays the same,
 * but the codes of a token are no longer spent on a few large channels.
 *
 * Only outputs of a norm are equalized: there it reduces the error of the output vectors by a quarter to two fifths; at
 * attention and GELU outputs it gains nothing (docs/decisions.md has the table).
 */

import type { Steps } from '../../core/turns.js';
import { weightsOf } from '../nodes.js';
import type { EncoderGraph, GraphNode, LinearNode, WeightSpec } from '../types.js';
import { validateGraph } from '../validate.js';

/** Largest factor of a channel; the smallest is its inverse. */
const MAX_FACTOR = 256;

/** Name of the equalizer of the product with this first weight, also that of its tensor in a model folder. */
export function equalizerName(weight: string): string {
  return `${weight}_equalizer`;
}

/**
 * The products over tokens whose input is the output of a norm, with or without dropout between. The product must be the
 * only reader of its weights, because they are divided by the factors of its input.
 */
export function equalizableNodes(graph: EncoderGraph): readonly LinearNode[] {
  const shapes = validateGraph(graph);
  const readers = new Map<string, number>();
  for (const name of graph.nodes.flatMap(weightsOf)) {
    readers.set(name, (readers.get(name) ?? 0) + 1);
  }
  const makers = new Map(graph.nodes.map((node) => [node.output, node]));
  const normed = (value: string): boolean => {
    const maker = makers.get(value);
    return maker?.op === 'dropout' ? normed(maker.input) : maker?.op === 'norm';
  };
  return graph.nodes.filter(
    (node): node is LinearNode =>
      node.op === 'linear' &&
      shapes.get(node.input)?.kind === 'token' &&
      normed(node.input) &&
      node.weights.every((name) => readers.get(name) === 1),
  );
}

/** The same graph with an equalizer at each of these products, given by their output names. Their weights must be s8. */
export function withEqualizers(graph: EncoderGraph, products: ReadonlySet<string>): EncoderGraph {
  const shapes = validateGraph(graph);
  const added = new Map<string, [WeightSpec]>();
  const nodes = graph.nodes.map((node): GraphNode => {
    const [first] = node.op === 'linear' ? node.weights : [];
    if (node.op !== 'linear' || first === undefined || !products.has(node.output)) return node;
    const equalizer = equalizerName(first);
    const width = shapes.get(node.input)?.width ?? 0;
    added.set(first, [{ name: equalizer, shape: [width], dtype: 'f32' }]);
    return { ...node, equalizer };
  });
  const weights = graph.weights.flatMap((weight) => [weight, ...(added.get(weight.name) ?? [])]);
  const equalized = { ...graph, weights, nodes };
  validateGraph(equalized);
  return equalized;
}

/** Names of the weights that are equalizers: parameters of the storage, not of the model. */
export function equalizersOf(graph: EncoderGraph): ReadonlySet<string> {
  return new Set(
    graph.nodes.flatMap((node) =>
      node.op === 'linear' && node.equalizer !== undefined ? [node.equalizer] : [],
    ),
  );
}

/**
 * e = sqrt(largest |weight| / largest |input|) of each channel, which gives both the same range. Scaled so that the
 * geometric mean of the smallest and the largest e is 1. Channels that are all zero in the input or the weights get 1.
 * Square roots are exactly rounded, so every machine gets the same bits.
 */
export function equalizerOf(inputs: Float32Array, weights: Float32Array): Float32Array {
  const ratios = Array.from(inputs, (input, i) => Math.sqrt((weights[i] ?? 0) / input));
  const isUsable = (ratio: number) => Number.isFinite(ratio) && ratio > 0;
  const usable = ratios.filter(isUsable);
  const middle = Math.sqrt(Math.min(...usable) * Math.max(...usable));
  return Float32Array.from(ratios, (ratio) =>
    isUsable(ratio) ? Math.min(Math.max(ratio / middle, 1 / MAX_FACTOR), MAX_FACTOR) : 1,
  );
}

/** Numbers looked at before others may have their turn. */
const PER_STEP = 1 << 14;

/** Grows `largest` to the largest |value| of each column of [rows, largest.length] values. */
export function* columnMagnitudes(values: Float32Array, largest: Float32Array): Steps<void> {
  const width = largest.length;
  const step = width * Math.max(1, Math.floor(PER_STEP / width));
  for (let begin = 0; begin < values.length; begin += step) {
    growMagnitudes(values.subarray(begin, begin + step), largest);
    yield;
  }
}

function growMagnitudes(values: Float32Array, largest: Float32Array): void {
  const width = largest.length;
  for (let row = 0; row < values.length; row += width) {
    for (let i = 0; i < width; i++) {
      const magnitude = Math.abs(values[row + i] ?? 0);
      if (magnitude > (largest[i] ?? 0)) largest[i] = magnitude;
    }
  }
}
