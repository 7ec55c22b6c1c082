/**
 * Computes quantized activations without rounding: codes are real numbers, and only the range of a quantizer has an effect.
 *
 * This shows in floats what a file means by its ranges: a range that begins at zero stands for a ReLU that a tool removed; a
 * calibrated range cuts rare numbers. Weights keep their codes. A smooth code is x / scale without the zero point, because
 * next to a large zero point a small code would lose its digits.
 */

import type { Dtype, OnnxNode, Tensor } from '../model.js';
import type { Call } from './call.js';
import { clamp } from './tensors.js';

/** Sums of squares of the parts that a quantizer cuts off, and of all numbers. Ends at zero count for masks only. */
export interface Cut {
  readonly cut: number;
  readonly all: number;
  /** Ends of the range. */
  readonly low: number;
  readonly high: number;
  /** Whether the input was a mask or another value that depends on no token. */
  readonly isMask: boolean;
}

export interface Smooth {
  /** `zero`: ranges cut only at ends that are zero. `all`: at both ends. Masks are never cut. */
  readonly clamps: 'zero' | 'all';
  /** Names of the inputs that hold token ids. */
  readonly ids: ReadonlySet<string>;
  /** What each quantizer cuts off, or would, by the name of its output. */
  readonly cuts: Map<string, Cut>;
}

/** Magnitude beyond any score: the addends that hide padding are -10,000 and less. */
const FAR = 5e3;

const CODES: ReadonlySet<Dtype> = new Set([
  'int4',
  'uint4',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
]);

/** Operators that weights pass before they are used; codes of weights stay as they are. */
const WEIGHT_STEPS =
  /^(Constant|Reshape|Transpose|Squeeze|Unsqueeze|Flatten|Slice|Gather|Expand|Identity|Cast|Concat|Split|QuantizeLinear|DequantizeLinear)$/;
/** Operators whose results do not depend on the numbers of the input. */
const SIZES = /^(Shape|Size)$/;

/** Tells activations, masks and weights apart. */
export class Origins {
  private readonly activations = new WeakSet<Tensor>();
  private readonly masks = new WeakSet<Tensor>();

  feed(tensor: Tensor, holdsIds: boolean): void {
    (holdsIds ? this.activations : this.masks).add(tensor);
  }

  /** The kind of value that a node computes with; null: a weight. */
  of(node: OnnxNode, inputs: readonly (Tensor | null)[]): 'activation' | 'mask' | null {
    const some = (set: WeakSet<Tensor>) => inputs.some((input) => input !== null && set.has(input));
    if (some(this.activations)) return SIZES.test(node.op) ? 'mask' : 'activation';
    if (some(this.masks)) return 'mask';
    const one = inputs[0]?.data.length === 1;
    return WEIGHT_STEPS.test(node.op) && !one ? null : 'activation';
  }

  made(results: readonly (Tensor | null)[], origin: 'activation' | 'mask'): void {
    const set = origin === 'activation' ? this.activations : this.masks;
    for (const result of results) if (result !== null) set.add(result);
  }
}

/** Real numbers in place of codes, without the zero point. */
class SmoothCodes extends Float64Array {}

export function isSmooth(tensor: Tensor | null): boolean {
  return tensor?.data instanceof SmoothCodes;
}

/** An array for codes computed from smooth ones; null for types that are no codes. */
export function smoothNumbers(dtype: Dtype, count: number): Float64Array | null {
  return CODES.has(dtype) ? new SmoothCodes(count) : null;
}

export interface SmoothRange {
  readonly low: number;
  readonly high: number;
  /** Scale of element `i`. */
  readonly scaleAt: (i: number) => number;
  /** Zero point of element `i`. */
  readonly zeroAt: (i: number) => number;
}

/** Half a step, and a little for rounding in between. */
const HALF_STEP = 0.51;

/**
 * x / scale, cut to the range as far as `clamps` says. Numbers less than half a step below zero would be rounded to zero, not
 * cut: where none is lower, the range does not begin at zero on purpose.
 */
export function smoothlyQuantized(
  call: Call,
  x: Tensor,
  dtype: Dtype,
  range: SmoothRange,
  { clamps, cuts, isMask }: Smooth & { readonly isMask: boolean },
): Tensor {
  call.spend(x.data.length);
  const data = new SmoothCodes(x.data.length);
  let [below, above] = [0, 0];
  for (let i = 0; i < data.length; i++) {
    const code = (x.data[i] as number) / range.scaleAt(i);
    data[i] = code;
    below = Math.min(below, code);
    above = Math.max(above, code);
  }
  const name = call.node.outputs[0] ?? '';
  let { cut, all } = cuts.get(name) ?? { cut: 0, all: 0 };
  if (range.low === Number.NEGATIVE_INFINITY && range.high === Number.POSITIVE_INFINITY) {
    cuts.set(name, { cut, all, low: range.low, high: range.high, isMask });
    return { dtype, dims: x.dims, data };
  }
  let [low, high] = [0, 0];
  for (let i = 0; i < data.length; i++) {
    const [scale, zero] = [range.scaleAt(i), range.zeroAt(i)];
    const code = data[i] as number;
    const [from, to] = [range.low - zero, range.high - zero];
    low = Math.min(low, from * scale);
    high = Math.max(high, to * scale);
    const far = Math.abs(code * scale) >= FAR;
    if (isMask || !far) {
      const ends = isMask ? [from, to] : [from === 0 ? code : from, to === 0 ? code : to];
      cut += ((code - clamp(code, ends[0] ?? code, ends[1] ?? code)) * scale) ** 2;
      all += (code * scale) ** 2;
    }
    if (isMask || far) continue;
    if (from === 0 ? below < -HALF_STEP : clamps === 'all') data[i] = Math.max(code, from);
    if (to === 0 ? above > HALF_STEP : clamps === 'all') data[i] = Math.min(data[i] ?? 0, to);
  }
  cuts.set(name, { cut, all, low, high, isMask });
  return { dtype, dims: x.dims, data };
}
