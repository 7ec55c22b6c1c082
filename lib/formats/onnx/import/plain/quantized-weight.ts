/**
 * Operations on a quantized weight: its float numbers, and the same weight transposed, cut or reshaped.
 *
 * Codes are never changed, only moved. Where scales along one axis cannot describe the new order, the result is null and the
 * weight is float from there on.
 */

import { reshapedView, slicedView, transposedView } from '../stored-view.js';
import type { QuantizedWeight } from './plain-model.js';
import { count, sliced, transposed, withAxis } from './rearrange.js';

/** Shape of the scales. */
export function scaleDims(weight: QuantizedWeight): readonly number[] {
  const { axis, blockSize, dims } = weight;
  if (axis === null) return [];
  if (blockSize === null) return [dims[axis] ?? 1];
  return withAxis(dims, axis, Math.ceil((dims[axis] ?? 1) / blockSize));
}

/** All numbers as (code - zeroPoint) * scale, rounded to float32 once. */
export function dequantized(weight: QuantizedWeight): Float32Array {
  return widened(weight, weight.readCodes(), 0);
}

/** As `dequantized`, for codes of the elements from `begin` on. */
export function widened(
  weight: QuantizedWeight,
  codes: Int8Array | Uint8Array,
  begin: number,
): Float32Array {
  const { dims, axis, blockSize, scales, zeroPoints } = weight;
  const result = new Float32Array(codes.length);
  if (axis === null) {
    const [scale, zero] = [scales[0] ?? 0, zeroPoints[0] ?? 0];
    for (let i = 0; i < result.length; i++) result[i] = ((codes[i] as number) - zero) * scale;
    return result;
  }
  const inner = count(dims.slice(axis + 1));
  const length = dims[axis] ?? 1;
  const block = blockSize ?? 1;
  const groups = Math.ceil(length / block);
  let index = Math.floor(begin / inner) % length;
  let row = Math.floor(begin / (inner * length));
  let place = begin % inner;
  for (let i = 0; i < result.length; ) {
    // End of a run of codes that differ only in the axes after that of the scales.
    const end = Math.min(result.length, i + inner - place);
    if (blockSize === null) {
      const [scale, zero] = [scales[index] ?? 0, zeroPoints[index] ?? 0];
      for (; i < end; i++) result[i] = ((codes[i] as number) - zero) * scale;
    } else {
      let at = (row * groups + Math.floor(index / block)) * inner + place;
      for (; i < end; i++, at++) {
        result[i] = ((codes[i] as number) - (zeroPoints[at] as number)) * (scales[at] as number);
      }
    }
    place = 0;
    index++;
    if (index < length) continue;
    index = 0;
    row++;
  }
  return result;
}

export function transposedWeight(
  weight: QuantizedWeight,
  perm: readonly number[],
): QuantizedWeight {
  const { readCodeRange: _, ...rest } = weight;
  const { dims, axis, blockSize, scales, zeroPoints } = weight;
  const blocks = scaleDims(weight);
  const move = blockSize !== null;
  return {
    ...rest,
    dims: perm.map((from) => dims[from] ?? 1),
    axis: axis === null ? null : perm.indexOf(axis),
    scales: move ? transposed(scales, blocks, perm) : scales,
    zeroPoints: move ? transposed(zeroPoints, blocks, perm) : zeroPoints,
    readCodes: () => transposed(weight.readCodes(), dims, perm),
    view: transposedView(weight.view, perm),
  };
}

/** The weight's indices [begin, end) of axis `cut`; null where that cuts a block. */
export function slicedWeight(
  weight: QuantizedWeight,
  cut: number,
  begin: number,
  end: number,
): QuantizedWeight | null {
  const { readCodeRange: _, ...rest } = weight;
  const { dims, axis, blockSize, scales, zeroPoints } = weight;
  let part = { scales, zeroPoints };
  if (axis !== null && blockSize === null && axis === cut) {
    part = { scales: scales.slice(begin, end), zeroPoints: zeroPoints.slice(begin, end) };
  } else if (axis !== null && blockSize !== null) {
    const whole =
      axis !== cut || (begin % blockSize === 0 && (end % blockSize === 0 || end === dims[axis]));
    if (!whole) return null;
    const unit = axis === cut ? blockSize : 1;
    const range = [Math.floor(begin / unit), Math.ceil(end / unit)] as const;
    const shape = scaleDims(weight);
    part = {
      scales: sliced(scales, shape, cut, ...range),
      zeroPoints: sliced(zeroPoints, shape, cut, ...range),
    };
  }
  return {
    ...rest,
    ...part,
    dims: withAxis(dims, cut, end - begin),
    readCodes: () => sliced(weight.readCodes(), dims, cut, begin, end),
    view: slicedView(weight.view, cut, begin),
  };
}

/** The weight with other dims in the same order; null where the scales cannot follow. */
export function reshapedWeight(
  weight: QuantizedWeight,
  dims: readonly number[],
): QuantizedWeight | null {
  const { axis, blockSize } = weight;
  const old = weight.dims;
  const view = reshapedView(weight.view, old, dims);
  if (axis === null) return { ...weight, dims, view };
  const inner = count(old.slice(axis + 1));
  if (blockSize === null) {
    const same = dims.findIndex(
      (length, index) => length === old[axis] && count(dims.slice(index + 1)) === inner,
    );
    return same < 0 ? null : { ...weight, dims, view, axis: same };
  }
  // Merges the last two axes: [.., blocks, block] with one scale per block becomes [.., blocks * block].
  if (blockSize !== old[axis] || inner !== 1 || axis === 0) return null;
  const merged = (old[axis - 1] ?? 1) * blockSize;
  const rest = [...old.slice(0, axis - 1), merged];
  const equal =
    rest.length === dims.length && rest.every((length, index) => length === dims[index]);
  return equal ? { ...weight, dims, view, axis: axis - 1 } : null;
}
