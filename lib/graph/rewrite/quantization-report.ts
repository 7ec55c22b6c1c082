/** What a quantization has done to a model, told from its graph alone. */

import { holdsCodes } from '../storages.js';
import type { ActivationBits, EncoderGraph, WeightSpec } from '../types.js';
import { equalizersOf } from './equalize.js';
import { floatProducts } from './products.js';
import { activationBitsOf, elementsOf, parametersOf, storedBytes } from './quantize.js';

/** The result of a quantization. Bytes are those of the stored weights, scales included. */
export interface QuantizationReport {
  /** Number of weights that are stored as codes. */
  readonly quantized: number;
  /** Bits of the activation codes of the products; null if only the token table is s8. */
  readonly activationBits: ActivationBits | null;
  /** Number of products whose input is equalized. */
  readonly equalized: number;
  /** Names of the products, and of the token table, that stay floats though they could be codes. */
  readonly excluded: readonly string[];
  /** Bytes of the weights if all were f32. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** Sizes before and after quantization, computed from the graph alone. */
export function quantizationReport(graph: EncoderGraph): QuantizationReport {
  const equalizers = equalizersOf(graph);
  const sum = (weights: readonly WeightSpec[], bytes: (weight: WeightSpec) => number) =>
    weights.reduce((total, weight) => total + bytes(weight), 0);
  return {
    quantized: graph.weights.filter(holdsCodes).length,
    activationBits: activationBitsOf(graph),
    equalized: equalizers.size,
    excluded: floatProducts(graph),
    bytesBefore: sum(parametersOf(graph), (weight) => 4 * elementsOf(weight)),
    bytesAfter: sum(graph.weights, storedBytes),
  };
}
