/**
 * Linear layers between QuantizeLinear and DequantizeLinear (QDQ): runtimes fuse this form into products of integers. Each
 * activation has one range, measured beforehand.
 */

import { SinterError } from '../../core/errors.js';
import type { LinearNode } from '../../graph/types.js';
import type { Lowering, StaticProducts, Whole } from './lowering.js';
import { activationCodes } from './ranges.js';

/** Writes output = input W^T with an s8 weight. */
export function staticProduct(
  lowering: Lowering,
  settings: StaticProducts,
  node: LinearNode,
  input: Whole,
  weight: string,
  output: string,
): void {
  const { builder } = lowering;
  const activations =
    // The runtime folds a table, which does not depend on the texts: codes would gain nothing.
    input.kind === 'table' ? input.name : dequantized(lowering, settings, node, input.name);
  builder.node('MatMul', [activations, dequantizedWeight(lowering, settings, weight)], output);
}

function dequantized(
  lowering: Lowering,
  { ranges, codes }: StaticProducts,
  node: LinearNode,
  input: string,
): string {
  const { builder } = lowering;
  const range = ranges.get(node.output);
  if (range === undefined) {
    throw new SinterError('INTERNAL', `ONNX export: no range of the input of "${node.output}"`);
  }
  const { scale, zeroPoint } = activationCodes(range, codes);
  const zero = codes === 'uint8' ? builder.uint8(zeroPoint) : builder.int8(zeroPoint);
  const [made = ''] = lowering.once(`static ${input} ${scale} ${zeroPoint}`, () => {
    const operands = [builder.float32(scale), zero];
    const quantized = builder.step('QuantizeLinear', [input, ...operands], `${input}/quantized`);
    return [builder.step('DequantizeLinear', [quantized, ...operands], `${input}/dequantized`)];
  });
  return made;
}

/** The dequantized weight, f32 [in, out], with one scale per output channel. */
function dequantizedWeight(
  lowering: Lowering,
  { weights: form }: StaticProducts,
  weight: string,
): string {
  const { builder, weights } = lowering;
  const { rows } = weights.spec(weight, 2);
  const [made = ''] = lowering.once(`static weight ${weight}`, () => {
    const value = form === 'uint8' ? 128 : 0;
    const zeros = new Array<number>(rows).fill(value);
    const zero = builder.numbers(`const/${form}/${rows}x${value}`, form, [rows], zeros);
    const operands = [weights.integerMatrix(weight, form), weights.scales(weight), zero];
    const axis = { axis: { int: 1 } };
    return [builder.step('DequantizeLinear', operands, `${weight}.T_dequantized`, axis)];
  });
  return made;
}
