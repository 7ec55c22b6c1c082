/**
 * The weights of a graph as ONNX constants: transposed, widened or shifted to unsigned while they are written.
 *
 * Only the size of a weight is needed to describe it; its numbers are asked for one weight at a time, when
 * the file is written, and a weight of another length than its shape says is an error, never a wrong file.
 */

import { SinterError } from '../../core/errors.js';
import type { EncoderGraph, WeightSpec } from '../../graph/types.js';
import type { ModelBuilder } from './model-builder.js';
import type { DataType } from './proto.js';

/** An s8 weight: `data` in the weight's own shape, one scale per row (w = data * scales[row]). */
export interface QuantizedWeight {
  readonly data: Int8Array;
  readonly scales: Float32Array;
}

/** Where the numbers come from. `f32` is asked for weights of dtype f32, `s8` for those of dtype s8. */
export interface WeightSource {
  f32(name: string): Promise<Float32Array>;
  s8(name: string): Promise<QuantizedWeight>;
}

/** How the second operand of MatMulInteger is stored; see `OnnxOptions.weights`. */
export type IntegerForm = 'uint8' | 'int8';

type Numbers = Float32Array | Int8Array | Uint8Array;

const ELEMENT_BYTES = { float: 4, int8: 1, uint8: 1 } as const;

/** Makes constants of weights in a builder; each form of a weight is stored once, however often it is used. */
export class WeightTensors {
  readonly #specs: ReadonlyMap<string, WeightSpec>;
  readonly #source: WeightSource;
  readonly #builder: ModelBuilder;

  constructor(graph: EncoderGraph, source: WeightSource, builder: ModelBuilder) {
    this.#specs = new Map(graph.weights.map((spec) => [spec.name, spec]));
    this.#source = source;
    this.#builder = builder;
  }

  /** The description of a weight, which must have `rank` axes. */
  spec(
    name: string,
    rank: 1 | 2,
  ): { readonly dtype: WeightSpec['dtype']; readonly rows: number; readonly width: number } {
    const spec = this.#specs.get(name);
    if (spec === undefined || spec.shape.length !== rank) {
      const what = spec === undefined ? 'is not declared' : `has shape [${spec.shape.join(', ')}]`;
      throw new SinterError(
        'INTERNAL',
        `ONNX export: weight "${name}" ${what}, rank ${rank} is needed`,
      );
    }
    const rows = rank === 1 ? 1 : (spec.shape[0] ?? 0);
    return { dtype: spec.dtype, rows, width: spec.shape[rank - 1] ?? 0 };
  }

  /** A vector, f32 [width]. */
  vector(name: string): string {
    const { width } = this.spec(name, 1);
    return this.#constant(name, 'float', [width], () => this.#floats(name, 1, width));
  }

  /** A linear weight as f32 [in, out], the right-hand side of MatMul; s8 weights are widened. */
  matrix(name: string): string {
    const { rows, width } = this.spec(name, 2);
    return this.#constant(`${name}.T`, 'float', [width, rows], async () =>
      transpose(await this.#floats(name, rows, width), new Float32Array(rows * width), rows, width),
    );
  }

  /** An s8 linear weight as 8 bits [in, out]. 'uint8' adds 128 to every number (zero point 128). */
  integerMatrix(name: string, form: IntegerForm): string {
    const { rows, width } = this.spec(name, 2);
    return this.#constant(`${name}.T_quantized`, form, [width, rows], async () => {
      const { data } = await this.#quantized(name, rows, width);
      if (form === 'int8') return transpose(data, new Int8Array(data.length), rows, width);
      const shifted = transpose(data, new Uint8Array(data.length), rows, width);
      for (let i = 0; i < shifted.length; i++) shifted[i] = (shifted[i] ?? 0) ^ 0x80;
      return shifted;
    });
  }

  /** The scales of an s8 weight, f32 [rows], or [rows, 1] for a table. */
  scales(name: string, kind: 'vector' | 'column'): string {
    const { rows, width } = this.spec(name, 2);
    const dims = kind === 'vector' ? [rows] : [rows, 1];
    return this.#constant(`${name}.scale`, 'float', dims, async () => {
      const { scales } = await this.#quantized(name, rows, width);
      return scales;
    });
  }

  /** What an s8 linear weight gives for an input of all ones: the sum of each row, f32 [out]. */
  rowSums(name: string): string {
    const { rows, width } = this.spec(name, 2);
    return this.#constant(`${name}.row_sums`, 'float', [rows], async () => {
      const { data, scales } = await this.#quantized(name, rows, width);
      return scales.map((scale, row) => {
        const integers = data.subarray(row * width, (row + 1) * width);
        return scale * integers.reduce((sum, q) => sum + q, 0);
      });
    });
  }

  /** An embedding table, f32 [rows, width]; s8 tables are widened. */
  table(name: string): string {
    const { rows, width } = this.spec(name, 2);
    return this.#constant(name, 'float', [rows, width], () => this.#floats(name, rows, width));
  }

  /** An s8 embedding table, s8 [rows, width]. */
  integerTable(name: string): string {
    const { rows, width } = this.spec(name, 2);
    return this.#constant(`${name}.quantized`, 'int8', [rows, width], async () => {
      const { data } = await this.#quantized(name, rows, width);
      return data;
    });
  }

  #constant(
    key: string,
    type: DataType & keyof typeof ELEMENT_BYTES,
    dims: readonly number[],
    read: () => Promise<Numbers>,
  ): string {
    const byteLength = dims.reduce((product, dim) => product * dim, ELEMENT_BYTES[type]);
    async function* bytes(): AsyncGenerator<Uint8Array> {
      const numbers = await read();
      yield new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    }
    return this.#builder.tensor(key, () => ({ type, dims, byteLength, bytes }));
  }

  async #floats(name: string, rows: number, width: number): Promise<Float32Array> {
    if (this.#specs.get(name)?.dtype === 's8') {
      const { data, scales } = await this.#quantized(name, rows, width);
      return Float32Array.from(data, (q, i) => q * (scales[Math.floor(i / width)] ?? 0));
    }
    const data = await this.#source.f32(name);
    checkLength(name, 'numbers', rows * width, data.length);
    return data;
  }

  async #quantized(name: string, rows: number, width: number): Promise<QuantizedWeight> {
    const weight = await this.#source.s8(name);
    checkLength(name, 'numbers', rows * width, weight.data.length);
    checkLength(name, 'scales', rows, weight.scales.length);
    const odd = weight.scales.find((scale) => !Number.isFinite(scale));
    if (odd !== undefined) {
      const what = `weight "${name}" has a scale that is not finite: ${odd}`;
      throw new SinterError('CORRUPT_MODEL', `ONNX export: ${what}`, { details: { weight: name } });
    }
    return weight;
  }
}

function checkLength(name: string, what: string, expected: number, got: number): void {
  if (got === expected) return;
  throw new SinterError(
    'CORRUPT_MODEL',
    `ONNX export: weight "${name}" must have ${expected} ${what}, got ${got}`,
    { details: { weight: name, expected, got } },
  );
}

/** Writes `from` [rows, width] into `to` as [width, rows]; s8 to u8 keeps the bits. */
function transpose<T extends Numbers>(from: Numbers, to: T, rows: number, width: number): T {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < width; column++) {
      to[column * rows + row] = from[row * width + column] ?? 0;
    }
  }
  return to;
}
