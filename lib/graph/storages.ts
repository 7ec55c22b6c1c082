/**
 * Storages of weights: one row for each, which checks, sizes and files use instead of comparing names.
 *
 * A storage consists of parts: tensors with a row (or one number) for every row of the weight. The names are those of the
 * native core, native/weights/storages.inc; a drift test compares them.
 */

/** Type of the numbers of a part. */
export type ElementDtype = 'f32' | 'f16' | 'bf16' | 's8' | 'u8';

export interface StoragePart {
  /** `''` for the weight's own tensor; the other parts are named `<weight>_<name>` in files. */
  readonly name: string;
  readonly dtype: ElementDtype;
  /** The dtype in a safetensors file. */
  readonly tensor: 'F32' | 'F16' | 'BF16' | 'I8' | 'U8';
  /** Bytes per element. */
  readonly bytes: 1 | 2 | 4;
  /** Shape of the part for a weight of this shape. */
  readonly shapeOf: (shape: readonly number[]) => readonly number[];
}

export interface Storage {
  readonly parts: readonly [StoragePart, ...StoragePart[]];
  /** Shape of the weight, from the shape of its own tensor. */
  readonly weightShape: (tensor: readonly number[]) => readonly number[];
  /**
   * Whether every operation reads this storage and optimizers train it. The others are only for tables and for matrices of
   * products.
   */
  readonly isPlain: boolean;
  /** Bits of a code; null for floats. */
  readonly codeBits: number | null;
  /** Whether products with such weights quantize their input, per token. */
  readonly quantizesInput: boolean;
}

const same = (shape: readonly number[]) => shape;

const inBlocks = ([rows = 0, width = 0]: readonly number[]) => [rows, Math.ceil(width / 32)];

function floats(
  dtype: 'f32' | 'f16' | 'bf16',
  tensor: StoragePart['tensor'],
  bytes: 2 | 4,
): Storage {
  const part: StoragePart = { name: '', dtype, tensor, bytes, shapeOf: same };
  return {
    parts: [part],
    weightShape: same,
    isPlain: dtype === 'f32',
    codeBits: null,
    quantizesInput: false,
  };
}

export const STORAGES = {
  f32: floats('f32', 'F32', 4),
  /** Lookups and products widen the numbers to f32, which is exact. */
  f16: floats('f16', 'F16', 2),
  bf16: floats('bf16', 'BF16', 2),
  /** w = code * scale[row]. */
  s8: {
    parts: [
      { name: '', dtype: 's8', tensor: 'I8', bytes: 1, shapeOf: same },
      { name: 'scale', dtype: 'f32', tensor: 'F32', bytes: 4, shapeOf: ([rows = 0]) => [rows] },
    ],
    weightShape: same,
    isPlain: false,
    codeBits: 8,
    quantizesInput: true,
  },
  /**
   * Blocks of 32 columns with w = (code - zero) * scale; two codes per byte, the first in the low half. The width must be
   * even.
   */
  s4: {
    parts: [
      {
        name: '',
        dtype: 'u8',
        tensor: 'U8',
        bytes: 1,
        shapeOf: ([rows = 0, width = 0]) => [rows, Math.floor(width / 2)],
      },
      { name: 'scale', dtype: 'f32', tensor: 'F32', bytes: 4, shapeOf: inBlocks },
      { name: 'zero', dtype: 'u8', tensor: 'U8', bytes: 1, shapeOf: inBlocks },
    ],
    weightShape: ([rows = 0, bytes = 0]) => [rows, 2 * bytes],
    isPlain: false,
    codeBits: 4,
    quantizesInput: false,
  },
} as const satisfies Readonly<Record<string, Storage>>;

export type WeightDtype = keyof typeof STORAGES;

export function storageOf({ dtype }: { readonly dtype: WeightDtype }): Storage {
  return STORAGES[dtype];
}

export function isStorage(name: unknown): name is WeightDtype {
  return typeof name === 'string' && Object.hasOwn(STORAGES, name);
}

export const STORAGE_NAMES: readonly WeightDtype[] = Object.keys(STORAGES).filter(isStorage);

/** Dtype of the weight's own tensor in a safetensors file. */
export function ownTensor(dtype: WeightDtype): StoragePart['tensor'] {
  return STORAGES[dtype].parts[0].tensor;
}

/** Whether a weight is stored as codes: a lossy form that somebody chose, unlike the 16-bit floats of a file. */
export function holdsCodes(weight: { readonly dtype: WeightDtype }): boolean {
  return storageOf(weight).codeBits !== null;
}

/** Whether the storage can hold a weight of this shape. */
export function fits(weight: {
  readonly dtype: WeightDtype;
  readonly shape: readonly number[];
}): boolean {
  const { parts, weightShape } = storageOf(weight);
  const shape = weightShape(parts[0].shapeOf(weight.shape));
  return shape.every((size, axis) => size === weight.shape[axis]);
}

/** Bytes of a weight with all its parts. */
export function bytesOfWeight({
  dtype,
  shape,
}: {
  readonly dtype: WeightDtype;
  readonly shape: readonly number[];
}): number {
  return STORAGES[dtype].parts.reduce(
    (sum, part) => sum + part.shapeOf(shape).reduce((a, b) => a * b, part.bytes),
    0,
  );
}

/** Name in a file of the tensor that holds a part of a weight; `tensor` is the weight's own. */
export function partTensor(tensor: string, { name }: StoragePart): string {
  return name === '' ? tensor : `${tensor}_${name}`;
}

/** The code storage whose own tensor has this dtype in a safetensors file; null if there is none. */
export function codesStoredAs(tensor: string): WeightDtype | null {
  return (
    STORAGE_NAMES.find((dtype) => holdsCodes({ dtype }) && ownTensor(dtype) === tensor) ?? null
  );
}

/** The float storage whose tensor has this dtype in a safetensors file; null if there is none. */
export function floatsStoredAs(tensor: string): WeightDtype | null {
  return (
    STORAGE_NAMES.find((dtype) => !holdsCodes({ dtype }) && ownTensor(dtype) === tensor) ?? null
  );
}
