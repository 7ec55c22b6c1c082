/**
 * A torch tensor as a strided view of a storage: checked against the storage, and put into row-major order.
 */

import { setImmediate } from 'node:timers/promises';
import { SinterError, show } from '../../core/errors.js';
import { corrupt, DTYPE_BYTES, type SafetensorsDtype } from '../safetensors-header.js';
import { type PickleTensor, PickleTuple, type PickleValue } from './pickle.js';
import type { ZipEntry } from './zip.js';

export interface StridedTensor {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** In elements, like `offset`. */
  readonly strides: readonly number[];
  readonly offset: number;
  /** Number of elements of the storage from the first to the last one of the tensor. */
  readonly span: number;
  readonly storage: ZipEntry;
}

/** Limit of axes, more than any weight has. */
const MAX_AXES = 8;

/** Checks that every element lies in the storage, and that the storage fits into its entry of the file. */
export function stridedTensor(
  file: string,
  name: string,
  { storage, offset, shape, strides }: PickleTensor,
  entry: ZipEntry,
): StridedTensor {
  const bad = (what: string) => corrupt(file, entry.header, `tensor ${show(name)} ${what}`);
  const sizes = counts(shape);
  const steps = counts(strides);
  const [first] = counts(new PickleTuple([offset])) ?? [];
  if (sizes === null || steps === null || first === undefined || sizes.length !== steps.length) {
    throw bad('must have sizes, strides and an offset');
  }
  if (storage.elements * DTYPE_BYTES[storage.dtype] !== entry.bytes) {
    throw bad(`wants ${storage.elements} elements of ${storage.dtype} in ${entry.bytes} bytes`);
  }
  const elements = sizes.reduce((product, size) => product * size, 1);
  const reach = sizes.reduce((sum, size, i) => sum + (size - 1) * (steps[i] ?? 0), 1);
  const span = elements === 0 ? 0 : reach;
  if (!(first + span <= storage.elements)) throw bad('reaches beyond its storage');
  if (!(elements <= span)) {
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${file}: tensor ${show(name)} repeats elements of its storage (an expanded tensor)`,
      { details: { file } },
    );
  }
  return {
    dtype: storage.dtype,
    shape: sizes,
    strides: steps,
    offset: first,
    span,
    storage: entry,
  };
}

function counts(value: PickleValue): readonly number[] | null {
  if (!(value instanceof PickleTuple) || value.items.length > MAX_AXES) return null;
  const good = value.items.filter(
    (item): item is number => typeof item === 'number' && Number.isSafeInteger(item) && item >= 0,
  );
  return good.length === value.items.length ? good : null;
}

/** Whether the elements already lie in row-major order, without gaps. */
export function isRowMajor({ shape, strides }: Pick<StridedTensor, 'shape' | 'strides'>): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] ?? 1;
    if (size !== 1 && strides[axis] !== expected) return false;
    expected *= size;
  }
  return true;
}

/** Elements that are reordered before the event loop gets a turn: about 5 ms. */
const SLICE_ELEMENTS = 2 ** 20;

/** The elements of `span`, `width` bytes each, in row-major order. */
export async function toRowMajor(
  { shape, strides }: Pick<StridedTensor, 'shape' | 'strides'>,
  span: Uint8Array<ArrayBuffer>,
  width: number,
): Promise<Uint8Array> {
  const elements = shape.reduce((product, size) => product * size, 1);
  const result = new Uint8Array(elements * width);
  // Elements of 8 bytes are copied as two of 4: copied as float64, some NaN patterns would change.
  const parts = width === 8 ? 2 : 1;
  const [to, from] = [partsOf(result, width / parts), partsOf(span, width / parts)];
  const index = shape.map(() => 0);
  let at = 0;
  for (let i = 0; i < elements; i++) {
    for (let part = 0; part < parts; part++) to[parts * i + part] = from[parts * at + part] ?? 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const [size = 1, stride = 0] = [shape[axis], strides[axis]];
      const next = (index[axis] ?? 0) + 1;
      index[axis] = next < size ? next : 0;
      at += next < size ? stride : -(size - 1) * stride;
      if (next < size) break;
    }
    if (i % SLICE_ELEMENTS === SLICE_ELEMENTS - 1) await setImmediate();
  }
  return result;
}

function partsOf(
  { buffer }: Uint8Array<ArrayBuffer>,
  width: number,
): Uint8Array | Uint16Array | Uint32Array {
  if (width === 1) return new Uint8Array(buffer);
  return width === 2 ? new Uint16Array(buffer) : new Uint32Array(buffer);
}
