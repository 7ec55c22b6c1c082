/**
 * Integer products: zero points are subtracted first, sums are exact, the scale is applied last.
 */

import type { Tensor } from '../model.js';
import type { Call, Operator, OperatorTable } from './call.js';
import { zip } from './elementwise.js';
import { lastTwoSwapped, matmul } from './product.js';
import { dynamicallyQuantized, quantized } from './quantize.js';
import { isSmooth } from './smooth.js';

export interface IntegerProduct {
  readonly a: Tensor;
  readonly b: Tensor;
  /** One number, or one for each row of `a`. */
  readonly aScale: Tensor;
  /** One number, or one for each column of `b`. */
  readonly bScale: Tensor;
  readonly aZero: Tensor | null;
  readonly bZero: Tensor | null;
  readonly bias: Tensor | null;
}

/** A tensor with one entry for each row as a column. */
function columnOf(call: Call, tensor: Tensor): Tensor {
  return tensor.dims.length === 1 && tensor.data.length > 1
    ? call.reshaped(tensor, [tensor.data.length, 1])
    : tensor;
}

function shifted(call: Call, codes: Tensor, zero: Tensor | null): Tensor {
  if (!zero || isSmooth(codes) || zero.data.every((shift) => shift === 0)) return codes;
  return zip(call, 'int32', codes, zero, (code, shift) => code - shift);
}

/** The zero points that the product can subtract from columns of `codes`; null where they are not one number per column. */
function zerosOf({ dims }: Tensor, { data, dims: shape }: Tensor): Float64Array | null {
  const columns = dims.length > 1 ? (dims.at(-1) as number) : 1;
  const fits = data.length === 1 || (data.length === columns && shape.at(-1) === columns);
  return fits ? Float64Array.from(data) : null;
}

/** The exact integer product, in doubles. */
function integerProduct(
  call: Call,
  a: Tensor,
  b: Tensor,
  aZero: Tensor | null,
  bZero: Tensor | null,
): Tensor {
  const rows = shifted(call, a, aZero && columnOf(call, aZero));
  const zero = bZero && !isSmooth(b) ? zerosOf(b, bZero) : null;
  const columns = zero === null ? shifted(call, b, bZero) : b;
  return matmul(call, rows, columns, { dtype: 'float64', zero });
}

/** (a - aZero) (b - bZero) * aScale * bScale + bias, in float32. */
export function dequantizedProduct(call: Call, parts: IntegerProduct): Tensor {
  const sums = integerProduct(call, parts.a, parts.b, parts.aZero, parts.bZero);
  const scale = zip(call, 'float32', columnOf(call, parts.aScale), parts.bScale, (x, y) => x * y);
  const out = zip(call, 'float32', sums, scale, (x, y) => x * y);
  return parts.bias ? zip(call, 'float32', out, parts.bias, (x, y) => x + y) : out;
}

const matMulInteger: Operator = (call) => {
  const sums = integerProduct(
    call,
    call.input(0),
    call.input(1),
    call.optional(2),
    call.optional(3),
  );
  const out = call.make('int32', sums.dims);
  out.data.set(sums.data);
  return out;
};

const matMulIntegerToFloat: Operator = (call) =>
  dequantizedProduct(call, {
    a: call.input(0),
    b: call.input(1),
    aScale: call.input(2),
    bScale: call.input(3),
    aZero: call.optional(4),
    bZero: call.optional(5),
    bias: call.optional(6),
  });

const dynamicQuantizeMatMul: Operator = (call) => {
  const { codes, scale, zero } = dynamicallyQuantized(call, call.input(0));
  return dequantizedProduct(call, {
    a: codes,
    b: call.input(1),
    aScale: scale,
    bScale: call.input(2),
    aZero: zero,
    bZero: call.optional(3),
    bias: call.optional(4),
  });
};

const qLinearMatMul: Operator = (call) => {
  const out = dequantizedProduct(call, {
    a: call.input(0),
    aScale: call.input(1),
    aZero: call.optional(2),
    b: call.input(3),
    bScale: call.input(4),
    bZero: call.optional(5),
    bias: null,
  });
  const zero = call.optional(7);
  return quantized(call, out, call.input(6), zero, zero?.dtype ?? 'uint8');
};

/** The int32 bias has the scale of the product. */
const qGemm: Operator = (call) => {
  const [aScale, bScale] = [call.input(1), call.input(4)];
  const alpha = call.number('alpha', 1);
  const side = (index: number, name: string) =>
    call.number(name, 0) === 0 ? call.input(index) : lastTwoSwapped(call, call.input(index));
  const sums = integerProduct(
    call,
    side(0, 'transA'),
    side(3, 'transB'),
    call.optional(2),
    call.optional(5),
  );
  const c = call.optional(6);
  const biased = c ? zip(call, 'float64', sums, c, (x, y) => x + y) : sums;
  const scale = zip(call, 'float32', aScale, bScale, (x, y) => alpha * x * y);
  const out = zip(call, 'float32', biased, scale, (x, y) => x * y);
  const yScale = call.optional(7);
  if (!yScale) return out;
  const zero = call.optional(8);
  return quantized(call, out, yScale, zero, zero?.dtype ?? call.input(0).dtype);
};

export const QUANTIZED_PRODUCT: OperatorTable = {
  MatMulInteger: matMulInteger,
  QLinearMatMul: qLinearMatMul,
};

export const MS_QUANTIZED_PRODUCT: OperatorTable = {
  DynamicQuantizeMatMul: dynamicQuantizeMatMul,
  MatMulIntegerToFloat: matMulIntegerToFloat,
  QGemm: qGemm,
};
