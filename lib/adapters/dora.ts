/**
 * DoRA (Liu et al. 2024): V = (m / n) (W + scale * B A) by rows, n the lengths of the rows of the sum.
 *
 * Beside a base, y = c (x W^T + scale * (x A^T) B^T + b / c) with c = m / n: the stacked product stays as it is, and only vectors are
 * new.
 */

import { SinterError } from '../core/errors.js';
import { type ScaledMatrix, withScales } from '../graph/rewrite/scales.js';
import type { EncoderGraph, WeightSpec } from '../graph/types.js';
import type { NativeStore } from '../native/program.js';
import type { AdaptedMatrix, LoraAdapter } from '../runtime/adapter.js';
import { sumWithProduct } from './low-rank-sum.js';
import { readFloats } from './read-floats.js';

const factorOf = (module: string) => `${module}.dora_factor`;
const biasOf = (module: string) => `${module}.dora_bias`;

/** Those of the matrices that have magnitudes, by their weight. */
function withMagnitudes(adapter: LoraAdapter): ReadonlyMap<string, AdaptedMatrix> {
  const own = adapter.matrices.filter(({ magnitude }) => magnitude !== undefined);
  return new Map(own.map((matrix) => [matrix.weight, matrix]));
}

/** `graph`, which has the low-rank adapters, with the factors and biases of DoRA. */
export function withDora(graph: EncoderGraph, adapter: LoraAdapter): EncoderGraph {
  const found = withMagnitudes(adapter);
  if (found.size === 0) return graph;
  const rowsOf = (name: string) => graph.weights.find((w) => w.name === name)?.shape[0] ?? 0;
  const replaced = new Map<string, string>();
  for (const node of graph.nodes) {
    if (node.op !== 'linear') continue;
    node.weights.forEach((weight, i) => {
      const [matrix, bias] = [found.get(weight), node.biases[i]];
      if (matrix !== undefined && bias !== undefined) replaced.set(bias, biasOf(matrix.module));
    });
  }
  const nodes = graph.nodes.map((node) =>
    node.op === 'linear'
      ? { ...node, biases: node.biases.map((bias) => replaced.get(bias) ?? bias) }
      : node,
  );
  const weights = graph.weights.map((weight): WeightSpec => {
    const name = replaced.get(weight.name);
    return name === undefined ? weight : { ...weight, name };
  });
  const scales = [...found.values()].map(({ weight, module }): ScaledMatrix => {
    return { weight, vector: factorOf(module), side: 'output', size: rowsOf(weight) };
  });
  return withScales({ ...graph, nodes, weights }, scales);
}

/** The numbers of the factors and biases that `withDora` adds. Throws UNSUPPORTED_MODEL for a magnitude of 0 beside a bias. */
export async function doraVectors(
  where: string,
  base: EncoderGraph,
  store: NativeStore,
  adapter: LoraAdapter,
): Promise<Map<string, Float32Array>> {
  const written = new Map<string, Float32Array>();
  for (const matrix of withMagnitudes(adapter).values()) {
    const sum = await sumWithProduct(where, base, store, adapter.tensors, matrix);
    const factors = magnitudeFactors(sum, magnitudesOf(adapter, matrix));
    written.set(factorOf(matrix.module), Float32Array.from(factors));
    const bias = biasBeside(base, matrix.weight);
    if (bias === undefined) continue;
    const values = await readFloats(where, base, store, bias);
    const divided = values.map((value, i) => value / (factors[i] ?? 1));
    if (divided.some((value) => !Number.isFinite(value))) {
      const what = `a magnitude of ${matrix.module} is 0, which can only be merged`;
      throw new SinterError('UNSUPPORTED_MODEL', `${where}: ${what}`);
    }
    written.set(biasOf(matrix.module), divided);
  }
  return written;
}

/** The magnitudes of a matrix. */
export function magnitudesOf({ tensors }: LoraAdapter, { magnitude }: AdaptedMatrix): Float32Array {
  return tensors.get(magnitude ?? '')?.data ?? new Float32Array();
}

/** m / n for the rows of a matrix. */
export function magnitudeFactors(matrix: Float32Array, magnitudes: Float32Array): Float64Array {
  const width = matrix.length / magnitudes.length;
  return Float64Array.from(magnitudes, (magnitude, row) => {
    let squares = 0;
    for (let i = 0; i < width; i++) squares += (matrix[row * width + i] ?? 0) ** 2;
    return magnitude / Math.sqrt(squares);
  });
}

/** The bias that is added to the product with a matrix. */
export function biasBeside({ nodes }: EncoderGraph, weight: string): string | undefined {
  for (const node of nodes) {
    if (node.op === 'linear' && node.weights.includes(weight))
      return node.biases[node.weights.indexOf(weight)];
  }
  return undefined;
}
