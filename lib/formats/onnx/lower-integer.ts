/**
 * Linear layers in integers: DynamicQuantizeLinear, MatMulInteger, Cast, Mul, in the order that ONNX Runtime fuses.
 *
 * DynamicQuantizeLinear quantizes a whole tensor with one range. Each token is first brought to the range 0 ... 1, which
 * makes that a range per token: results no longer depend on padding and batch mates, and lose less. The operator always makes
 * 8-bit codes. For 7 bits QuantizeLinear takes its place, with a constant scale, because every token has the range 0 ... 1.
 */

import type { ActivationBits } from '../../graph/types.js';
import type { DynamicProducts, Lowering } from './lowering.js';
import type { IntegerForm } from './weights.js';

/** Smallest range of a token; keeps a token whose numbers are all equal from dividing by 0. */
const MIN_RANGE = 1e-30;

/** Writes output = input W^T. Products of the same input share its quantization. */
export function integerProduct(
  lowering: Lowering,
  settings: DynamicProducts,
  input: string,
  weight: string,
  output: string,
  activationBits: ActivationBits,
): void {
  const { builder, weights } = lowering;
  if (settings.activations === 'tensor') {
    codesProduct(lowering, settings.weights, dynamicCodes(lowering, input), weight, output);
    return;
  }
  const [unit = '', range = '', low = ''] = lowering.once(`unit ${input}`, () =>
    toUnitRange(lowering, input),
  );
  // input = unit * range + low, so the product needs `low` times the row sums of the weight as an addend.
  const product = builder.fresh(`${output}/unit`);
  const codes = activationBits === 8 ? dynamicCodes(lowering, unit) : unitCodes(lowering, unit);
  codesProduct(lowering, settings.weights, codes, weight, product);
  const widened = builder.node('Mul', [product, range], builder.fresh(`${output}/widened`));
  const sums = weights.rowSums(weight);
  const shift = builder.node('Mul', [low, sums], builder.fresh(`${output}/shift`));
  builder.node('Add', [widened, shift], output);
}

/**
 * Writes unit = (input - low) / range with each token's own low and range. The ends of unit are exactly 0 and 1, so that
 * DynamicQuantizeLinear chooses the same scale, 1/255, and the same zero point, 0, for every batch.
 */
function toUnitRange(lowering: Lowering, input: string): readonly string[] {
  const { builder } = lowering;
  const step = (op: string, inputs: string[], name: string): string =>
    builder.node(op, inputs, builder.fresh(`${input}/${name}`));
  const high = builder.reduce('ReduceMax', input, -1, true, builder.fresh(`${input}/high`));
  const low = builder.reduce('ReduceMin', input, -1, true, builder.fresh(`${input}/low`));
  const extent = step('Sub', [high, low], 'extent');
  const range = step('Max', [extent, builder.float(MIN_RANGE)], 'range');
  const unit = step('Div', [step('Sub', [input, low], 'above_low'), range], 'unit');
  return [unit, range, low];
}

/** Names of codes (u8), their scale and their zero point. */
type Codes = readonly string[];

/** Quantizes to 8 bits with one range for the whole tensor. */
function dynamicCodes(lowering: Lowering, input: string): Codes {
  const { builder } = lowering;
  return lowering.once(`quantized ${input}`, () =>
    builder.nodes(
      'DynamicQuantizeLinear',
      [input],
      ['quantized', 'scale', 'zero_point'].map((part) => builder.fresh(`${input}/${part}`)),
    ),
  );
}

/** Quantizes numbers from 0 to 1 to 7 bits. */
function unitCodes(lowering: Lowering, unit: string): Codes {
  const { builder } = lowering;
  return lowering.once(`quantized ${unit}`, () => {
    const scale = builder.float(Math.fround(1 / 127));
    const zero = builder.uint8(0);
    const name = builder.fresh(`${unit}/quantized`);
    return [builder.node('QuantizeLinear', [unit, scale, zero], name), scale, zero];
  });
}

function codesProduct(
  lowering: Lowering,
  form: IntegerForm,
  [data = '', scale = '', zero = '']: Codes,
  weight: string,
  output: string,
): void {
  const { builder, weights } = lowering;
  const weightZero = form === 'uint8' ? builder.uint8(128) : builder.int8(0);
  const operands = [data, weights.integerMatrix(weight, form), zero, weightZero];
  const integers = builder.node('MatMulInteger', operands, builder.fresh(`${output}/i32`));
  const floats = builder.cast(integers, 'float', builder.fresh(`${output}/f32`));
  const scales = [scale, weights.scales(weight)];
  const factor = builder.node('Mul', scales, builder.fresh(`${output}/scale`));
  builder.node('Mul', [floats, factor], output);
}
