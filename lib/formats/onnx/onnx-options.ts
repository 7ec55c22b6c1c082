/**
 * Options of an ONNX export and their checks: precision, opset, forms of quantized weights.
 *
 * A combination that cannot be written is a RangeError before anything is read.
 */

import { rangeMistake } from '../../core/errors.js';
import type { EncoderGraph, OutputName } from '../../graph/types.js';
import type { Products } from './lowering.js';
import { DEFAULT_OPSET, OPSETS, type Opset, since } from './opsets.js';
import type { FloatType } from './proto.js';
import type { Range } from './ranges.js';
import type { IntegerForm } from './weights.js';

/**
 * `f32` and `f16` widen quantized weights. `f16` has weights and arithmetic in f16; operations that sum many numbers
 * (pooling, normalisation) stay f32. `int8` computes s8 weights with DynamicQuantizeLinear and MatMulInteger; `int8-static`
 * between QuantizeLinear and DequantizeLinear, with ranges measured beforehand; both need a graph that has s8 weights.
 * `int8-weights` and `int4-weights` store the weights of linear layers in few bits and compute in f32.
 */
export type OnnxPrecision =
  | 'f32'
  | 'f16'
  | 'int8'
  | 'int8-static'
  | 'int8-weights'
  | 'int4-weights';

export const ONNX_PRECISIONS: readonly OnnxPrecision[] = [
  'f32',
  'f16',
  'int8',
  'int8-static',
  'int8-weights',
  'int4-weights',
];

/** Options of `int8-weights` and `int4-weights`. */
export interface BlockOptions {
  /**
   * `DequantizeLinear` (default) is standard: scales per block from opset 21 on (4 bits need it), per output channel before.
   * `MatMulNBits` is ONNX Runtime's own and computes without widening the whole weight.
   */
  readonly operator?: 'DequantizeLinear' | 'MatMulNBits';
  /** Number of inputs that share a scale: 16, 32 (default), 64, 128 or 256. */
  readonly size?: number;
  /** true (default): no zero points. false: a zero point for each block, a little more exact. */
  readonly symmetric?: boolean;
  /** For MatMulNBits: 0 (default) lets the runtime choose, 1 is f32, 2 f16, 3 bf16, 4 int8 activations. */
  readonly accuracyLevel?: number;
}

export interface OnnxOptions {
  /** 14 to 21. Default: 17, read by every runtime since mid-2022; for blocks of DequantizeLinear in 4 bits 21. */
  readonly opset?: Opset;
  readonly precision: OnnxPrecision;
  /**
   * How s8 weights are stored, without loss either way. `uint8` (default of `int8`, zero point 128) sums
   * exactly on every CPU. `int8` (default of `int8-static`, as other runtimes want it there) is faster where the CPU has
   * VNNI or dot-product instructions; without them, ONNX Runtime's sums of u8 x s8 products saturate and the result is
   * wrong, unless activations have 7 bits.
   */
  readonly weights?: IntegerForm;
  /**
   * For `int8`: range of the quantized activations. `token` (default) has a range per token, as this package computes it
   * itself. `tensor` has one range for the whole batch: faster and less exact, the result depends on padding and batch mates,
   * and activations must have 8 bits.
   */
  readonly activations?: 'token' | 'tensor';
  /** For `int8-static`: the range of the (equalized) input of each linear node, by the node's output. */
  readonly ranges?: ReadonlyMap<string, Range>;
  /** For `int8-static`: activations as u8 with a zero point (default) or symmetric s8. */
  readonly codes?: IntegerForm;
  readonly blocks?: BlockOptions;
  /** For `f16`: type of the outputs. Default: `f32`. */
  readonly outputType?: 'f32' | 'f16';
  /**
   * Whether weights go to a second file, `<name>_data` beside the model. Default: only when the model would exceed the 2 GB
   * that one file can hold.
   */
  readonly externalData?: boolean;
  /** Which outputs of the graph the file computes. */
  readonly outputs: readonly OutputName[];
  /** Whether logits of two columns per token become start_logits and end_logits. Default: false. */
  readonly spans?: boolean;
  /** Version of this package. */
  readonly producerVersion: string;
  /** Free key-value pairs kept in the file (metadata_props). */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface CheckedOptions {
  readonly opset: Opset;
  readonly products: Products;
  readonly floatType: FloatType;
  readonly outputType: FloatType;
}

const BLOCK_SIZES = [16, 32, 64, 128, 256];

/** Checks the options and fills in defaults. RangeError for options that cannot be written. */
export function checkOptions(graph: EncoderGraph, options: OnnxOptions): CheckedOptions {
  const { precision, outputType = 'f32' } = options;
  checkChoice('precision', precision, ONNX_PRECISIONS);
  checkChoice('outputType', outputType, ['f32', 'f16']);
  const products = productsOf(graph, options);
  const fourBits = products.kind === 'blocks' && products.bits === 4;
  const needsBlocks = fourBits && products.operator === 'DequantizeLinear';
  const opset = options.opset ?? (needsBlocks ? 21 : DEFAULT_OPSET);
  if (!OPSETS.includes(opset)) {
    throw rangeMistake('opset', `one of ${OPSETS.join(', ')}`, opset);
  }
  if (needsBlocks && !since(opset, 'blocks')) {
    throw rangeMistake('opset', '21 for 4-bit weights in standard operators', opset);
  }
  const floatType = precision === 'f16' ? 'float16' : 'float';
  if (floatType === 'float' && outputType === 'f16') {
    throw rangeMistake('outputType', '"f32" for this precision', outputType);
  }
  return { opset, products, floatType, outputType: outputType === 'f16' ? 'float16' : 'float' };
}

function productsOf(graph: EncoderGraph, options: OnnxOptions): Products {
  const { precision, activations = 'token', codes = 'uint8' } = options;
  const weights = options.weights ?? (precision === 'int8-static' ? 'int8' : 'uint8');
  checkChoice('weights', weights, ['uint8', 'int8']);
  checkChoice('activations', activations, ['token', 'tensor']);
  checkChoice('codes', codes, ['uint8', 'int8']);
  switch (precision) {
    case 'f32':
    case 'f16':
      return { kind: 'float' };
    case 'int8':
      checkQuantized(graph, precision);
      checkNarrow(graph, activations);
      return { kind: 'dynamic', weights, activations };
    case 'int8-static':
      checkQuantized(graph, precision);
      return { kind: 'static', weights, codes, ranges: options.ranges ?? new Map() };
    case 'int8-weights':
    case 'int4-weights':
      return blockProducts(precision === 'int8-weights' ? 8 : 4, options.blocks ?? {});
  }
}

function blockProducts(bits: 8 | 4, blocks: BlockOptions): Products {
  const { operator = 'DequantizeLinear', size = 32, symmetric = true, accuracyLevel = 0 } = blocks;
  checkChoice('blocks.operator', operator, ['DequantizeLinear', 'MatMulNBits']);
  if (!BLOCK_SIZES.includes(size)) {
    throw rangeMistake('blocks.size', `one of ${BLOCK_SIZES.join(', ')}`, size);
  }
  if (!Number.isInteger(accuracyLevel) || accuracyLevel < 0 || accuracyLevel > 4) {
    throw rangeMistake('blocks.accuracyLevel', 'a whole number from 0 to 4', accuracyLevel);
  }
  return { kind: 'blocks', bits, operator, size, symmetric, accuracyLevel };
}

function checkQuantized(graph: EncoderGraph, precision: OnnxPrecision): void {
  if (graph.weights.some((weight) => weight.dtype === 's8')) return;
  throw rangeMistake('precision', '"f32" for a model that is not quantized', precision);
}

function checkNarrow(graph: EncoderGraph, activations: 'token' | 'tensor'): void {
  const narrow = graph.nodes.some((node) => node.op === 'linear' && node.activationBits !== 8);
  if (activations === 'token' || !narrow) return;
  const what = '"token" for a model with 7-bit activations (a range per tensor has 8 bits)';
  throw rangeMistake('activations', what, activations);
}

function checkChoice(where: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return;
  throw rangeMistake(where, choices.map((choice) => `"${choice}"`).join(' or '), value);
}
