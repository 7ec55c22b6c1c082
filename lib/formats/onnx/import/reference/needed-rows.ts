/**
 * The rows of a table in the file that a Gather asks for, read without the others: a vocabulary has tens of thousands.
 */

import type { Initializer, OnnxNode, Tensor } from '../model.js';
import { newNumbers, sizeOf } from './tensors.js';

/**
 * A small table and indices into it that give what `node` gives on `table` and `indices`. null where the node is no lookup of
 * rows, or asks for one that is not there: the operator itself says what is wrong then.
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
