/**
 * How weights may be stored: a row for each way, which checks, sizes and files read instead of asking for a name.
 *
 * A storage consists of parts, tensors with a row (or a number) for every row of the weight. The names are those of the
 * native core, native/weights/storages.inc; a drift test compares them.
 */

/** What a part's numbers are, in memory and, in capitals, in a safetensors file. */
export type ElementDtype = 'f32' | 'f16' | 'bf16' | 's8' | 'u8';

export interface StoragePart {
  /** `''` is the weight's own tensor; the others are called `<weight>_<name>` in files. */
  readonly name: string;
  readonly dtype: ElementDtype;
  /** In a safetensors file. */
  readonly tensor: 'F32' | 'F16' | 'BF16' | 'I8' | 'U8';
  /** Bytes of an element. */
  readonly bytes: 1 | 2 | 4;
  /** Its shape for a weight of this shape. */
  readonly shapeOf: (shape: readonly number[]) => readonly number[];
}

export interface Storage {
  readonly parts: readonly [StoragePart, ...StoragePart[]];
  /** The shape of the weight whose own tensor has this shape. */
  readonly weightShape: (tensor: readonly number[]) => readonly number[];
  /** Every operation reads it, an optimizer changes it. Others are for tables and for the matrices of products. */
  readonly isPlain: boolean;
  /** Bits of a code; null: numbers, not codes. */
  readonly codeBits: number | null;
  /** Products round their input to codes, per token. */
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
  /** A lookup widens it exactly, and so does a product. */
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
  /** Blocks of 32 columns, w = (code - zero) * scale; two codes a byte, the first in the low half. The width is even. */
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

/** How a file calls the dtype of the weight's own tensor. */
export function ownTensor(dtype: WeightDtype): StoragePart['tensor'] {
  return STORAGES[dtype].parts[0].tensor;
}

/** Whether a weight is held in codes: an approximation that was chosen, not one that a file had. */
export function holdsCodes(weight: { readonly dtype: WeightDtype }): boolean {
  return storageOf(weight).codeBits !== null;
}

/** Whether the storage has a form for a weight of this shape. */
export function fits(weight: {
  readonly dtype: WeightDtype;
  readonly shape: readonly number[];
}): boolean {
  const { parts, weightShape } = storageOf(weight);
  const shape = weightShape(parts[0].shapeOf(weight.shape));
  return shape.every((size, axis) => size === weight.shape[axis]);
}

/** Bytes of a weight, all parts together. */
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

/** The tensor in a file that holds a part of a weight whose own tensor is `tensor`. */
export function partTensor(tensor: string, { name }: StoragePart): string {
  return name === '' ? tensor : `${tensor}_${name}`;
}

/** The storage of codes whose own tensor has this dtype in a safetensors file. */
export function codesStoredAs(tensor: string): WeightDtype | null {
  return (
    STORAGE_NAMES.find((dtype) => holdsCodes({ dtype }) && ownTensor(dtype) === tensor) ?? null
  );
}

/** The storage of numbers that a tensor of this dtype is in already. */
export function floatsStoredAs(tensor: string): WeightDtype | null {
  return (
    STORAGE_NAMES.find((dtype) => !holdsCodes({ dtype }) && ownTensor(dtype) === tensor) ?? null
  );
}
