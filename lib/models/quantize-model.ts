/**
 * A model with int8 weights from one with f32 weights.
 */

import {
  isQuantized,
  quantizableWeights,
  quantizeGraph,
  quantizeWeight,
} from '../compress/quantize.js';
import { SinterError, throwIfAborted } from '../core/errors.js';
import type { NativeProgram } from '../core/native.js';
import { readOptions } from '../core/options.js';
import { buildProgram, copyFrom, type ModelParts } from './model-parts.js';
import { SharedProgram } from './shared-program.js';

export interface QuantizeOptions {
  /** Quantize the token table too (one scale per row). Default: true. */
  readonly embeddings?: boolean;
  readonly signal?: AbortSignal;
}

export async function quantizeModel(
  parts: ModelParts,
  program: NativeProgram,
  options: QuantizeOptions,
): Promise<ModelParts> {
  const read = readOptions('quantize', options, { embeddings: true, signal: true });
  const embeddings = read.boolean('embeddings', true);
  const signal = read.signal();
  if (isQuantized(parts.graph)) {
    throw new SinterError('UNSUPPORTED_MODEL', 'quantize: the model is already quantized');
  }
  const graph = quantizeGraph(parts.graph, quantizableWeights(parts.graph, { embeddings }));
  const copy = copyFrom(program);
  const quantized = await buildProgram(graph, { trainable: false }, async (target, weight) => {
    throwIfAborted(signal, 'quantize');
    if (weight.dtype === 's8') await quantizeWeight(program, target, weight);
    else await copy(target, weight);
  });
  return { ...parts, graph, program: new SharedProgram(quantized) };
}
