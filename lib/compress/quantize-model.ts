/** Makes a model with int8 weights from one with f32 weights. */

import { setImmediate } from 'node:timers/promises';
import { rangeMistake, SinterError, typeMistake } from '../core/errors.js';
import { type KnownOptions, type OptionReader, readOptions } from '../core/options.js';
import { withEqualizers } from '../graph/rewrite/equalize.js';
import { weightsNamed } from '../graph/rewrite/products.js';
import { isQuantized, quantizableWeights, quantizeGraph } from '../graph/rewrite/quantize.js';
import type { ActivationBits, EncoderGraph } from '../graph/types.js';
import { hasExactByteProducts } from '../native/byte-products.js';
import { native } from '../native/native.js';
import type { NativeProgram } from '../native/program.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { deriveProgram } from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';
import { modelEqualizers } from './equalize-model.js';

/** Options of `quantize`. */
export interface QuantizeOptions {
  /** Quantize the token embedding table too (one scale per row). Default: true. */
  readonly embeddings?: boolean;
  /**
   * Names of products, or of the token table, that stay f32: weights with or without `.weight`
   * (`encoder.layer.3.output.dense`), modules with all below them (`encoder.layer.3`), values as `sinter inspect` prints them
   * (`layer.3.output`), and patterns of these (`*.output.dense`), where `*` stands for any letters. The prefix of a class
   * (`bert.`) may be there or not. Query, key and value are one product: one of them keeps all three. A name that fits nothing
   * is a RangeError. Default: none.
   */
  readonly exclude?: readonly string[];
  /**
   * Bits of the codes that activations are quantized to, with one scale per token. 7 loses a little more accuracy and is
   * faster on CPUs without VNNI; on CPUs with VNNI both are equally fast. Default: as `target` says.
   */
  readonly activationBits?: ActivationBits;
  /**
   * The CPU that the model is for, in place of `activationBits`: `vnni` is 8 bits, `avx2` (AVX2 or AVX-512 without VNNI) 7,
   * `auto` what is fast on this machine, so the model depends on where it was made. Default: `vnni`, whatever the machine.
   */
  readonly target?: QuantizeTarget;
  /**
   * Evens out the channels of the products' inputs before they are quantized (SmoothQuant's scales): this makes the error of
   * the output vectors a quarter to two fifths smaller. It needs no data, only a run of the model over a few hundred tokens.
   * Default: true.
   */
  readonly equalize?: boolean;
  /** Ends the call with CANCELLED. */
  readonly signal?: AbortSignal;
}

/** Names of the options of `quantize`. */
export const QUANTIZE_OPTIONS = {
  embeddings: true,
  exclude: true,
  activationBits: true,
  target: true,
  equalize: true,
  signal: true,
} as const satisfies KnownOptions<QuantizeOptions>;

/**
 * A kind of CPU, by the instructions for 8-bit products that it has: 'vnni' those that multiply bytes exactly (VNNI, AVX-VNNI, all of
 * ARM64), 'avx2' those that do so only with 7 bits, 'auto' this machine.
 */
export type QuantizeTarget = 'vnni' | 'avx2' | 'auto';

/** Chosen from the tables in docs/decisions.md. */
const BITS_BY_TARGET = { vnni: 8, avx2: 7 } as const;
const DEFAULT_TARGET = 'vnni';

export async function quantizeModel(
  parts: ModelParts,
  program: NativeProgram,
  options: QuantizeOptions,
  where = 'quantize',
): Promise<ModelParts> {
  const read = readOptions(where, options, QUANTIZE_OPTIONS);
  const embeddings = read.boolean('embeddings', true);
  const activationBits = readBits(where, read);
  const equalize = read.boolean('equalize', true);
  const exclude = readNames(`${where}: exclude`, options.exclude);
  const signal = read.signal();
  if (isQuantized(parts.graph)) {
    throw new SinterError('UNSUPPORTED_MODEL', `${where}: the model is already quantized`);
  }
  const kept = weightsNamed(`${where}: exclude`, parts.graph, exclude);
  const names = new Set(quantizableWeights(parts.graph, { embeddings }));
  for (const name of kept) names.delete(name);
  if (names.size === 0) {
    throw rangeMistake(`${where}: exclude`, 'names that leave something to quantize', exclude);
  }
  const equalizers = equalize
    ? await modelEqualizers(where, parts, program, signal, names)
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
    { trainable: false, where, signal },
    { divisors, written: values },
  );
  return { ...parts, graph, program: new SharedProgram(quantized) };
}

/** The width of activations, from one of two options. */
function readBits(where: string, read: OptionReader<QuantizeOptions>): ActivationBits {
  const target = read.choice('target', undefined, ['vnni', 'avx2', 'auto']);
  const bits = read.choice('activationBits', undefined, [8, 7]);
  if (bits === undefined) return bitsOfTarget(target ?? DEFAULT_TARGET);
  if (target === undefined) return bits;
  throw rangeMistake(`${where}: target`, 'left out beside activationBits', target);
}

/** The width that is fast on a kind of CPU. */
function bitsOfTarget(target: QuantizeTarget): ActivationBits {
  if (target !== 'auto') return BITS_BY_TARGET[target];
  return BITS_BY_TARGET[hasExactByteProducts(native().isa().active) ? 'vnni' : 'avx2'];
}

function readNames(where: string, names: unknown): readonly string[] {
  if (names === undefined) return [];
  if (!Array.isArray(names)) throw typeMistake(where, 'an array of names', names);
  for (const [i, name] of names.entries()) {
    if (typeof name !== 'string') throw typeMistake(`${where}[${i}]`, 'a name', name);
  }
  return names;
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
