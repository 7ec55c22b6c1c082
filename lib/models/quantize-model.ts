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
import type { ActivationBits } from '../graph/types.js';
import { buildProgram, copyFrom, halvesFrom, type ModelParts } from './model-parts.js';
import { SharedProgram } from './shared-program.js';

export interface QuantizeOptions {
  /** Quantize the token table too (one scale per row). Default: true. */
  readonly embeddings?: boolean;
  /**
   * Width of the codes that activations are quantized to, per token. 7 loses a little more and is faster on CPUs with
   * AVX2 and no VNNI; on CPUs with VNNI both are equally fast. Default: 8.
   */
  readonly activationBits?: ActivationBits;
  readonly signal?: AbortSignal;
}

/** docs/decisions.md has the table that it was chosen from. */
const DEFAULT_ACTIVATION_BITS = 8;

export async function quantizeModel(
  parts: ModelParts,
  program: NativeProgram,
  options: QuantizeOptions,
): Promise<ModelParts> {
  const read = readOptions('quantize', options, {
    embeddings: true,
    activationBits: true,
    signal: true,
  });
  const embeddings = read.boolean('embeddings', true);
  const activationBits = read.choice('activationBits', DEFAULT_ACTIVATION_BITS, [8, 7]);
  const signal = read.signal();
  if (isQuantized(parts.graph)) {
    throw new SinterError('UNSUPPORTED_MODEL', 'quantize: the model is already quantized');
  }
  const names = quantizableWeights(parts.graph, { embeddings });
  const graph = quantizeGraph(parts.graph, names, activationBits);
  const copy = copyFrom(program);
  const halves = halvesFrom(program, graph);
  const build = { trainable: false, halves, where: 'quantize', signal };
  const quantized = await buildProgram(graph, build, async (target, weight) => {
    throwIfAborted(signal, 'quantize');
    if (weight.dtype === 's8') await quantizeWeight(program, target, weight);
    else await copy(target, weight);
  });
  return { ...parts, graph, program: new SharedProgram(quantized) };
}
