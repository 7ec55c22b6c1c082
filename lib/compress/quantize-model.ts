/** Makes a model with int8 weights from one with f32 weights. */

import { setImmediate } from 'node:timers/promises';
import { SinterError } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { withEqualizers } from '../graph/rewrite/equalize.js';
import { isQuantized, quantizableWeights, quantizeGraph } from '../graph/rewrite/quantize.js';
import type { ActivationBits, EncoderGraph } from '../graph/types.js';
import type { NativeProgram } from '../native/native.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { deriveProgram } from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';
import { modelEqualizers } from './equalize-model.js';

/** Options of `quantize`. */
export interface QuantizeOptions {
  /** Quantize the token embedding table too (one scale per row). Default: true. */
  readonly embeddings?: boolean;
  /**
   * Bits of the codes that activations are quantized to, with one scale per token. 7 loses a little more accuracy and is
   * faster on CPUs with AVX2 and no VNNI; on CPUs with VNNI both are equally fast. Default: 8.
   */
  readonly activationBits?: ActivationBits;
  /**
   * Evens out the channels of the products' inputs before they are quantized (SmoothQuant's scales): this makes the error of
   * the output vectors a quarter to two fifths smaller. It needs no data, only a run of the model over a few hundred tokens.
   * Default: true.
   */
  readonly equalize?: boolean;
  /** Ends the call with CANCELLED. */
  readonly signal?: AbortSignal;
}

/** Chosen from the table in docs/decisions.md. */
const DEFAULT_ACTIVATION_BITS = 8;

export async function quantizeModel(
  parts: ModelParts,
  program: NativeProgram,
  options: QuantizeOptions,
): Promise<ModelParts> {
  const read = readOptions('quantize', options, {
    embeddings: true,
    activationBits: true,
    equalize: true,
    signal: true,
  });
  const embeddings = read.boolean('embeddings', true);
  const activationBits = read.choice('activationBits', DEFAULT_ACTIVATION_BITS, [8, 7]);
  const equalize = read.boolean('equalize', true);
  const signal = read.signal();
  if (isQuantized(parts.graph)) {
    throw new SinterError('UNSUPPORTED_MODEL', 'quantize: the model is already quantized');
  }
  const names = quantizableWeights(parts.graph, { embeddings });
  const equalizers = equalize
    ? await modelEqualizers('quantize', parts, program, signal)
    : new Map<string, Float32Array>();
  await setImmediate();
  const plain = quantizeGraph(parts.graph, names, activationBits);
  await setImmediate();
  const graph = withEqualizers(plain, new Set(equalizers.keys()));
  await setImmediate();
  const { divisors, values } = byWeight(graph, equalizers);
  const quantized = await deriveProgram(
    graph,
    program.store,
    { trainable: false, where: 'quantize', signal },
    { divisors, written: values },
  );
  return { ...parts, graph, program: new SharedProgram(quantized) };
}

/** Equalizers by the weights that they divide, and by their own names. */
function byWeight(graph: EncoderGraph, equalizers: ReadonlyMap<string, Float32Array>) {
  const divisors = new Map<string, Float32Array>();
  const values = new Map<string, Float32Array>();
  for (const node of graph.nodes) {
    const found = equalizers.get(node.output);
    if (node.op !== 'linear' || node.equalizer === undefined || found === undefined) continue;
    values.set(node.equalizer, found);
    for (const weight of node.weights) divisors.set(weight, found);
  }
  return { divisors, values };
}
