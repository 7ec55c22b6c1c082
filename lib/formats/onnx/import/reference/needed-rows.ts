/**
 * Reads only the rows of a table that a Gather picks: a vocabulary has tens of thousands of rows.
 */

import type { Initializer, OnnxNode, Tensor } from '../model.js';
import { newNumbers, sizeOf } from './tensors.js';

/**
 * Returns a smaller table and new indices, for which `node` gives the same result. null where the node is no lookup of rows,
 * or where an index is out of range: the operator then reports the error.
 */
export function neededRows(
  { op, domain, attributes }: OnnxNode,
  { dims, dtype, readRange }: Initializer,
  indices: Tensor,
): readonly [Tensor, Tensor] | null {
  const [rows = 0, ...inner] = dims;
  const isLookup = op === 'Gather' && domain === '' && (attributes.get('axis') ?? 0) === 0;
  if (!isLookup || readRange === undefined || indices.data.length >= rows) return null;
  const width = sizeOf(inner);
  const places = new Map<number, number>();
  const at = new Int32Array(indices.data.length);
  for (let i = 0; i < at.length; i++) {
    const index = indices.data[i] as number;
    const row = index < 0 ? index + rows : index;
    if (!(row >= 0 && row < rows)) return null;
    const place = places.get(row) ?? places.size;
    places.set(row, place);
    at[i] = place;
  }
  const data = newNumbers(dtype, places.size * width);
  for (const [row, place] of places) {
    data.set(readRange(row * width, (row + 1) * width), place * width);
  }
  return [
    { dtype, dims: [places.size, ...inner], data },
    { dtype: 'int32', dims: indices.dims, data: at },
  ];
}
