/**
 * Position information of attention: distances, relative bias, windows, rotations. Made once, shared by all layers.
 *
 * Everything is computed from the length of the batch, so no table limits it. Positions count from the first token and
 * padding stands on the right, so a token's position does not depend on its batch mates.
 */

import { type DistanceRows, relativeBuckets } from '../../graph/distance-buckets.js';
import type { RelativeBias, Rotary } from '../../graph/types.js';
import type { Lowering } from './lowering.js';

/** i64 [sequence]: 0, 1, 2 ... */
function positions(lowering: Lowering): string {
  const [name = ''] = lowering.once('positions', () => {
    const { builder } = lowering;
    const axis = builder.int64s(0);
    const length = builder.step('Squeeze', [lowering.sequenceLength(), axis], 'positions/length');
    const range = [builder.int64(0), length, builder.int64(1)];
    return [builder.step('Range', range, 'positions')];
  });
  return name;
}

/** i64 [sequence, sequence]: key - query, or query - key. */
export function distances(lowering: Lowering, of: 'key - query' | 'query - key'): string {
  const [name = ''] = lowering.once(`distances ${of}`, () => {
    const { builder } = lowering;
    const row = builder.step(
      'Unsqueeze',
      [positions(lowering), builder.int64s(0)],
      'positions/row',
    );
    const column = builder.step(
      'Unsqueeze',
      [positions(lowering), builder.int64s(1)],
      'positions/column',
    );
    const inputs = of === 'key - query' ? [row, column] : [column, row];
    return [builder.step('Sub', inputs, 'positions/distance')];
  });
  return name;
}

/**
 * i64 [sequence, sequence]: the table row for each distance, looked up in `rows` after clipping the distance to -reach ...
 * reach. Calls with the same `key` share the result.
 */
export function rowsOfDistances(
  lowering: Lowering,
  of: 'key - query' | 'query - key',
  key: string,
  { reach, rows }: DistanceRows,
): string {
  const [name = ''] = lowering.once(`rows ${key}`, () => {
    const { builder } = lowering;
    const step = (op: string, inputs: string[], part: string): string =>
      builder.step(op, inputs, `positions/${part}`);
    const table = builder.numbers(`const/i64/${key}`, 'int64', [rows.length], rows);
    const bounds = [builder.int64(-reach), builder.int64(reach)];
    const near = step('Clip', [distances(lowering, of), ...bounds], 'near');
    const index = step('Add', [near, builder.int64(reach)], 'index');
    return [builder.step('Gather', [table, index], 'positions/rows', { axis: { int: 0 } })];
  });
  return name;
}

/** [1, heads, sequence, sequence]: the addend of the scores of each head. */
export function relativeBias(
  lowering: Lowering,
  { weight, maxDistance }: RelativeBias,
  maxTokens: number,
): string {
  const [name = ''] = lowering.once(`relative bias ${weight} ${maxDistance}`, () => {
    const { builder, weights } = lowering;
    const { rows: buckets } = weights.spec(weight, 2);
    const table = relativeBuckets(buckets, maxDistance, maxTokens);
    const key = `relative_buckets/${buckets}/${maxDistance}`;
    const rows = rowsOfDistances(lowering, 'key - query', key, table);
    const prefix = 'relative_bias';
    const values = builder.step('Gather', [weights.table(weight), rows], `${prefix}/values`);
    const perm = { ints: [2, 0, 1] };
    const heads = builder.step('Transpose', [values], `${prefix}/heads`, { perm });
    return [builder.step('Unsqueeze', [heads, builder.int64s(0)], prefix)];
  });
  return name;
}

/**
 * [batch, 1, sequence, sequence]: 0 for keys that are real and at most `window` away, very negative for others. One number
 * stands for both reasons, so that a padding row without any key attends evenly instead of giving NaN.
 */
export function windowBias(lowering: Lowering, window: number): string {
  const [name = ''] = lowering.once(`window ${window}`, () => {
    const { builder } = lowering;
    const step = (op: string, inputs: string[], part: string): string =>
      builder.step(op, inputs, `attention_mask/${part}`);
    const [real = ''] = lowering.once('real keys', () => [
      builder.cast(lowering.keyMask(), 'bool', builder.fresh('attention_mask/keys_bool')),
    ]);
    const away = step('Abs', [distances(lowering, 'key - query')], 'away');
    const near = step('LessOrEqual', [away, builder.int64(window)], 'near');
    const seen = step('And', [real, near], 'seen');
    return [step('Where', [seen, builder.float(0), builder.float(lowering.masked)], 'window_bias')];
  });
  return name;
}

/** Cosines and sines of every position and element, [sequence, dimensions] each; the angles are f32. */
function rotations(lowering: Lowering, { theta, dimensions }: Rotary): readonly string[] {
  return lowering.once(`rotary ${theta} ${dimensions}`, () => {
    const { builder } = lowering;
    const half = dimensions / 2;
    // f32 arithmetic as in PyTorch: 1 / theta^(2i / dimensions).
    const frequencies = Array.from({ length: half }, (_, i) =>
      Math.fround(1 / Math.fround(theta ** Math.fround((2 * i) / dimensions))),
    );
    const key = `rotary/${theta}/frequencies/${dimensions}`;
    const constant = builder.numbers(key, 'float', [1, half], frequencies);
    const [column = ''] = lowering.once('float positions', () => {
      const floats = builder.cast(positions(lowering), 'float', builder.fresh('positions/f32'));
      return [builder.step('Unsqueeze', [floats, builder.int64s(1)], 'positions/f32_column')];
    });
    const angles = builder.step('Mul', [column, constant], `rotary/${theta}/half_angles`);
    const both = builder.concat([angles, angles], builder.fresh(`rotary/${theta}/angles`));
    return ['Cos', 'Sin'].map((op) => {
      const wide = builder.step(op, [both], `rotary/${theta}/${op.toLowerCase()}`);
      if (builder.floatType === 'float') return wide;
      return builder.cast(wide, 'float16', builder.fresh(`${wide}/f16`));
    });
  });
}

/**
 * Writes `heads` [batch, heads, sequence, headDim] with the first `dimensions` of each rotated: x cos + (-second half, first
 * half) sin.
 */
export function rotated(
  lowering: Lowering,
  rotary: Rotary,
  headDim: number,
  heads: string,
  prefix: string,
): string {
  const { builder } = lowering;
  const { dimensions } = rotary;
  const [cos = '', sin = ''] = rotations(lowering, rotary);
  const [turning = '', rest = ''] =
    dimensions === headDim
      ? [heads]
      : builder.split(heads, [dimensions, headDim - dimensions], `${prefix}/parts`);
  const half = dimensions / 2;
  const [first = '', second = ''] = builder.split(turning, [half, half], `${prefix}/half`);
  const negative = builder.step('Neg', [second], `${prefix}/negative`);
  const swapped = builder.concat([negative, first], builder.fresh(`${prefix}/swapped`));
  const straight = builder.step('Mul', [turning, cos], `${prefix}/cos`);
  const across = builder.step('Mul', [swapped, sin], `${prefix}/sin`);
  const turned = builder.step('Add', [straight, across], `${prefix}/rotated`);
  if (dimensions === headDim) return turned;
  return builder.concat([turned, rest], builder.fresh(`${prefix}/whole`));
}
