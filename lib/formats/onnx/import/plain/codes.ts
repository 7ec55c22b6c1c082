/**
 * Makes a float initializer from the codes, scales and zero points of a file, and keeps the codes.
 *
 * Anything that is not constant, or whose sizes do not fit, gives null: the node stays and is refused by name later.
 */

import type { Initializer, Numbers } from '../model.js';
import { addQuantized } from './derive.js';
import type { Draft } from './draft.js';
import type { QuantizedWeight } from './plain-model.js';
import { dequantized } from './quantized-weight.js';
import { count, withAxis } from './rearrange.js';

const WIDTH: Readonly<Record<string, { bits: 4 | 8; signed: boolean }>> = {
  int8: { bits: 8, signed: true },
  uint8: { bits: 8, signed: false },
  int4: { bits: 4, signed: true },
  uint4: { bits: 4, signed: false },
};

/** Integer types wider than 8 bits occur as biases: they become floats and their codes are not kept. */
const WIDE = new Set(['int16', 'uint16', 'int32']);

export interface Grouping {
  readonly axis: number | null;
  readonly blockSize: number | null;
}

/** Number of scales of a weight with these dims. */
export function groupCount(dims: readonly number[], { axis, blockSize }: Grouping): number {
  if (axis === null) return 1;
  if (blockSize === null) return dims[axis] ?? 1;
  return count(withAxis(dims, axis, Math.ceil((dims[axis] ?? 1) / blockSize)));
}

/**
 * Zero points for `length` groups from as many values, or from a single one for all; null for another number of values or
 * fractions.
 */
export function spread(values: Numbers | null, length: number): Int32Array | null {
  if (values === null) return new Int32Array(length);
  const whole = Array.from(values).every(Number.isInteger);
  if (!whole || (values.length !== length && values.length !== 1)) return null;
  return Int32Array.from({ length }, (_, i) => values[values.length === 1 ? 0 : i] ?? 0);
}

/**
 * Adds the float initializer of `codes` and returns its name; null where types or sizes do not fit. `zeros` null: all zero
 * points are 0.
 */
export function weightOf(
  graph: Draft,
  codes: Initializer,
  scales: Initializer,
  zeros: Initializer | null,
  grouping: Grouping,
): string | null {
  const groups = groupCount(codes.dims, grouping);
  const kind = WIDTH[codes.dtype];
  if (kind === undefined && !WIDE.has(codes.dtype)) return null;
  const { axis } = grouping;
  if (axis !== null && (axis < 0 || axis >= codes.dims.length)) return null;
  if (count(scales.dims) !== groups || scales.dtype !== 'float32') return null;
  const key = `dequantize ${[codes.name, scales.name, zeros?.name ?? ''].join('|')} ${grouping.axis} ${grouping.blockSize}`;
  const zeroPoints = spread(zeros?.read().data ?? null, groups);
  if (zeroPoints === null) return null;
  const read = () => {
    const { data } = codes.read();
    return data as Int8Array | Uint8Array;
  };
  const { readRange } = codes;
  const weight: QuantizedWeight = {
    dims: codes.dims,
    bits: kind?.bits ?? 8,
    signed: kind?.signed ?? true,
    ...grouping,
    scales: Float32Array.from(scales.read().data),
    zeroPoints,
    readCodes: read,
    view: codes.view,
    ...(readRange && {
      readCodeRange: (begin, end) => readRange(begin, end) as Int8Array | Uint8Array,
    }),
  };
  return graph.cached(key, () => {
    if (kind !== undefined) return addQuantized(graph, codes.name, weight);
    const { dims } = codes;
    return graph.addInitializer({
      name: graph.freshName(codes.name),
      dtype: 'float32',
      dims,
      read: () => ({ dtype: 'float32', dims, data: dequantized(weight) }),
    });
  });
}

/**
 * The grouping that results from broadcasting scales of `scaleDims` to `dims`: one scale, one per index of an axis, or one
 * per row of an axis (a block of its whole length). null for anything else.
 */
export function broadcastGrouping(
  dims: readonly number[],
  scaleDims: readonly number[],
): Grouping | null {
  if (count(scaleDims) === 1 && scaleDims.length <= dims.length)
    return { axis: null, blockSize: null };
  if (scaleDims.length > dims.length) return null;
  const aligned = [...new Array<number>(dims.length - scaleDims.length).fill(1), ...scaleDims];
  const full = dims.map((length, axis) => aligned[axis] === length);
  const one = aligned.map((length) => length === 1);
  const own = aligned.findIndex((length) => length !== 1);
  if (full[own] && one.every((is, axis) => is || axis === own))
    return { axis: own, blockSize: null };
  const blocked = full.findIndex((is) => !is);
  const rest = full.every((is, axis) => is || axis === blocked);
  if (blocked < 0 || !one[blocked] || !rest) return null;
  return { axis: blocked, blockSize: dims[blocked] ?? 1 };
}
