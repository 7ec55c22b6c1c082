/**
 * The location of a recovered graph's weights in the ONNX file: the cache keeps it, and the main thread reads weights by it
 * while the worker is busy.
 *
 * A file has locations for all of its matrices or for none. Those from the cache are hostile: each is checked against the
 * sizes of the files.
 */

import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';
import type { PlainModel, RecoveredWeight } from '../../formats/onnx/import/index.js';
import type { QuantizedWeight } from '../../formats/onnx/import/plain/plain-model.js';
import { type StoredView, VIEW_DTYPES } from '../../formats/onnx/import/stored-view.js';

/** Scales and zero points of codes: one of each, or one for every index of an axis. */
export interface StoredCodes {
  readonly axis: 0 | 1 | null;
  readonly scales: Float32Array;
  readonly zeroPoints: Int32Array;
}

/** Location of a matrix of the plain form; with `codes` its numbers are (code - zero point) * scale. */
export interface StoredMatrix {
  readonly dtype: 'float32';
  readonly dims: readonly [number, number];
  readonly view: StoredView;
  readonly codes: StoredCodes | null;
}

/** Matrices by the name of their initializer in the plain form. */
export type StoredMatrices = ReadonlyMap<string, StoredMatrix>;

/** Locations of the matrices of `sources`; null where one of them is not stored as it is read. */
export function storedMatrices(
  sources: ReadonlyMap<string, RecoveredWeight>,
  { graph, quantized }: PlainModel,
): StoredMatrices | null {
  const matrices = new Map<string, StoredMatrix>();
  for (const source of sources.values()) {
    const pieces = source.kind === 'matrix' ? source.matrix.pieces : [];
    for (const { source: name } of pieces) {
      const initializer = graph.initializers.get(name);
      const [rows, columns, ...more] = initializer?.dims ?? [];
      const weight = quantized.get(name);
      const view = weight === undefined ? initializer?.view : weight.view;
      const codes = weight === undefined ? null : storedCodes(weight);
      if (view === undefined || codes === undefined) return null;
      if (rows === undefined || columns === undefined || more.length > 0) return null;
      matrices.set(name, { dtype: 'float32', dims: [rows, columns], view, codes });
    }
  }
  return matrices;
}

function storedCodes({
  axis,
  blockSize,
  bits,
  scales,
  zeroPoints,
}: QuantizedWeight): StoredCodes | undefined {
  if (bits !== 8 || blockSize !== null || (axis !== null && axis !== 0 && axis !== 1)) return;
  return { axis, scales, zeroPoints };
}

export function writeMatrices(matrices: StoredMatrices): JsonObject {
  const written = [...matrices].map(([name, { dims, view, codes }]) => [
    name,
    {
      dims,
      view: { ...view },
      codes: codes && {
        axis: codes.axis,
        scales: base64(codes.scales),
        zeroPoints: base64(codes.zeroPoints),
      },
    },
  ]);
  return Object.fromEntries(written) as JsonObject;
}

function base64({ buffer, byteOffset, byteLength }: Float32Array | Int32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}

/** Reads the locations that `writeMatrices` wrote, for files of these sizes; null when they are anything else. */
export function readMatrices(
  value: JsonValue | undefined,
  sizes: ReadonlyMap<string, number>,
): StoredMatrices | null {
  if (!isJsonObject(value)) return null;
  const matrices = new Map<string, StoredMatrix>();
  for (const [name, entry] of Object.entries(value)) {
    const matrix = isJsonObject(entry) ? matrixOf(entry, sizes) : null;
    if (matrix === null) return null;
    matrices.set(name, matrix);
  }
  return matrices;
}

function matrixOf(
  { dims, view, codes }: JsonObject,
  sizes: ReadonlyMap<string, number>,
): StoredMatrix | null {
  const shape = pairOf(dims);
  const place = isJsonObject(view) ? viewOf(view) : null;
  if (shape === null || place === null) return null;
  const [rows, columns] = shape;
  if (rows === 0 || columns === 0 || end(place, shape) > (sizes.get(place.file) ?? -1)) return null;
  const isCodes = place.dtype === 'int8' || place.dtype === 'uint8';
  if (isCodes !== isJsonObject(codes)) return null;
  const found = isJsonObject(codes) ? codesOf(codes, shape) : null;
  if (isCodes && found === null) return null;
  return { dtype: 'float32', dims: shape, view: place, codes: found };
}

/** Size of an element in bytes. */
export function elementBytes({ dtype }: StoredView): number {
  if (dtype === 'float32') return 4;
  return dtype === 'int8' || dtype === 'uint8' ? 1 : 2;
}

/** Index after the last byte of a matrix that is not empty. */
function end(view: StoredView, [rows, columns]: readonly [number, number]): number {
  const [down = 0, right = 0] = view.strides;
  const last = view.start + (rows - 1) * down + (columns - 1) * right;
  return view.begin + (last + 1) * elementBytes(view);
}

function viewOf({ file, begin, dtype, start, strides }: JsonObject): StoredView | null {
  const known = VIEW_DTYPES.find((one) => one === dtype);
  const steps = pairOf(strides);
  if (typeof file !== 'string' || !isCount(begin) || !isCount(start)) return null;
  return known && steps ? { file, begin, dtype: known, start, strides: steps } : null;
}

function codesOf(
  { axis, scales, zeroPoints }: JsonObject,
  shape: readonly [number, number],
): StoredCodes | null {
  if (axis !== null && axis !== 0 && axis !== 1) return null;
  const groups = axis === null ? 1 : shape[axis];
  const [factors, zeros] = [bytesOf(scales, groups), bytesOf(zeroPoints, groups)];
  if (factors === null || zeros === null) return null;
  const [numbers, codes] = [new Float32Array(factors), new Int32Array(zeros)];
  if (!numbers.every(Number.isFinite) || !codes.every((code) => code >= -128 && code <= 255)) {
    return null;
  }
  return { axis, scales: numbers, zeroPoints: codes };
}

function bytesOf(value: JsonValue | undefined, groups: number): ArrayBuffer | null {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : Buffer.alloc(0);
  return bytes.length === 4 * groups ? new Uint8Array(bytes).buffer : null;
}

function pairOf(value: JsonValue | undefined): readonly [number, number] | null {
  const [first, second, ...more] = Array.isArray(value) ? (value as readonly JsonValue[]) : [];
  return isCount(first) && isCount(second) && more.length === 0 ? [first, second] : null;
}

function isCount(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value < 2 ** 43;
}
