/**
 * The weights of a graph as ONNX constants: transposed, widened, narrowed or shifted to unsigned while they are written.
 *
 * A constant is described by the size of its weight alone. The numbers are read one weight at a time while the file is
 * written; a weight whose length does not match its shape throws an error, so it never makes a wrong file.
 */

import { SinterError } from '../../core/errors.js';
import type { EncoderGraph, WeightSpec } from '../../graph/types.js';
import { f32ToF16 } from '../float16.js';
import { changed, forRows, type Numbers, transpose } from './in-turns.js';
import type { ModelBuilder } from './model-builder.js';
import { type DataType, type FloatType, tensorBytes } from './proto.js';

/** An s8 weight: `data` in the weight's own shape, one scale per row (w = data * scales[row]). */
export interface QuantizedWeight {
  readonly data: Int8Array;
  readonly scales: Float32Array;
}

/** Reads the numbers of a weight, in whatever type it is stored: widened, or quantized as `quantize` does it. */
export interface WeightSource {
  f32(name: string): Promise<Float32Array>;
  s8(name: string): Promise<QuantizedWeight>;
}

/** How the second operand of MatMulInteger is stored; see `OnnxOptions.weights`. */
export type IntegerForm = 'uint8' | 'int8';

/** The largest f16 number; larger ones become infinity. */
const MAX_F16 = 65504;

/** Adds weights to a builder as constants. Each form of a weight is stored once, however often it is used. */
export class WeightTensors {
  readonly #specs: ReadonlyMap<string, WeightSpec>;
  readonly #source: WeightSource;
  readonly #builder: ModelBuilder;
  readonly #tied: ReadonlySet<string>;
  readonly #tiedForm: IntegerForm;
  readonly #turned = new Map<string, string>();

  /** `tied`: names of tables that are weights of products too. They are stored once; in 8 bits their form is `tiedForm`. */
  constructor(
    graph: EncoderGraph,
    source: WeightSource,
    builder: ModelBuilder,
    tied: ReadonlySet<string>,
    tiedForm: IntegerForm,
  ) {
    this.#specs = new Map(graph.weights.map((spec) => [spec.name, spec]));
    this.#source = source;
    this.#builder = builder;
    this.#tied = tied;
    this.#tiedForm = tiedForm;
  }

  /** Whether the weight is a table and the weight of a product. */
  isTied(name: string): boolean {
    return this.#tied.has(name);
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

  /** A vector, [width]. */
  vector(name: string): string {
    const { width } = this.spec(name, 1);
    return this.floats(name, [width], () => this.#floats(name, 1, width));
  }

  /** A linear weight as floats [in, out], the right-hand side of MatMul; s8 weights are widened. */
  matrix(name: string): string {
    if (this.#tied.has(name)) return this.#transposed(this.table(name), `${name}.T`);
    const { rows, width } = this.spec(name, 2);
    return this.floats(`${name}.T`, [width, rows], async () =>
      transpose(await this.#floats(name, rows, width), new Float32Array(rows * width), rows, width),
    );
  }

  /** An s8 linear weight as 8 bits [in, out]. 'uint8' adds 128 to every number (zero point 128). */
  integerMatrix(name: string, form: IntegerForm): string {
    if (this.#tied.has(name)) {
      return this.#transposed(this.integerTable(name).name, `${name}.T_quantized`);
    }
    const { rows, width } = this.spec(name, 2);
    return this.constant(`${name}.T_quantized`, form, [width, rows], async () => {
      const { data } = await this.#quantized(name, rows, width);
      const codes = await shifted(data, form);
      return transpose(codes, new (arrayOf(form))(data.length), rows, width);
    });
  }

  /** The scales of an s8 weight, f32 [rows]. */
  scales(name: string): string {
    const { rows } = this.spec(name, 2);
    return this.constant(`${name}.scale`, 'float', [rows], () => this.#scales(name));
  }

  /** The scales of an s8 weight in the graph's float type, [rows]. */
  floatScales(name: string): string {
    const { rows } = this.spec(name, 2);
    return this.floats(`${name}.scale`, [rows], () => this.#scales(name));
  }

  /** The scales of an s8 table, [rows, 1]. */
  columnScales(name: string): string {
    const { rows } = this.spec(name, 2);
    const key = this.#tied.has(name) ? `${name}.row_scale` : `${name}.scale`;
    return this.floats(key, [rows, 1], () => this.#scales(name));
  }

  /** Product of an s8 linear weight and an input of all ones: the sum of each row, f32 [out]. */
  rowSums(name: string): string {
    const { rows, width } = this.spec(name, 2);
    return this.constant(`${name}.row_sums`, 'float', [rows], async () => {
      const { data, scales } = await this.#quantized(name, rows, width);
      const sums = new Float32Array(rows);
      await forRows(rows, width, (begin, end) => {
        for (let row = begin; row < end; row++) {
          let sum = 0;
          for (let i = row * width; i < (row + 1) * width; i++) sum += data[i] as number;
          sums[row] = (scales[row] as number) * sum;
        }
      });
      return sums;
    });
  }

  /** An embedding table, [rows, width]; s8 tables are widened. */
  table(name: string): string {
    const { rows, width } = this.spec(name, 2);
    return this.floats(name, [rows, width], () => this.#floats(name, rows, width));
  }

  /** An s8 embedding table as 8 bits [rows, width], and its zero point. */
  integerTable(name: string): { readonly name: string; readonly zeroPoint: 0 | 128 } {
    const { rows, width } = this.spec(name, 2);
    const form = this.#tied.has(name) ? this.#tiedForm : 'int8';
    const made = this.constant(`${name}.quantized`, form, [rows, width], async () => {
      const { data } = await this.#quantized(name, rows, width);
      return shifted(data, form);
    });
    return { name: made, zeroPoint: form === 'int8' ? 0 : 128 };
  }

  /** A constant of `type` whose numbers `make` computes from the f32 form of a weight [rows, width]. */
  derived(
    key: string,
    name: string,
    type: Exclude<DataType, 'float16'>,
    dims: readonly number[],
    make: (weight: Float32Array) => Numbers | Promise<Numbers>,
  ): string {
    const { rows, width } = this.spec(name, 2);
    const read = async (): Promise<Numbers> => make(await this.#floats(name, rows, width));
    return this.constant(key, type, dims, read);
  }

  /** As `derived`, in the graph's float type. */
  derivedFloats(
    key: string,
    name: string,
    dims: readonly number[],
    make: (weight: Float32Array) => Float32Array | Promise<Float32Array>,
  ): string {
    const { rows, width } = this.spec(name, 2);
    return this.floats(key, dims, async () => make(await this.#floats(name, rows, width)));
  }

  /** A constant in the graph's float type. */
  floats(key: string, dims: readonly number[], read: () => Promise<Float32Array>): string {
    const type: FloatType = this.#builder.floatType;
    if (type === 'float') return this.constant(key, type, dims, read);
    return this.constant(key, type, dims, async () => halves(key, await read()));
  }

  constant(
    key: string,
    type: DataType,
    dims: readonly number[],
    read: () => Promise<Numbers>,
  ): string {
    const byteLength = tensorBytes(type, dims);
    async function* bytes(): AsyncGenerator<Uint8Array> {
      const numbers = await read();
      yield new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    }
    return this.#builder.tensor(key, () => ({ type, dims, byteLength, bytes }));
  }

  /** Transposes a table at run time; runtimes fold that once, when they load the model. */
  #transposed(table: string, name: string): string {
    const perm = { ints: [1, 0] };
    const known = this.#turned.get(name);
    if (known !== undefined) return known;
    const made = this.#builder.step('Transpose', [table], name, { perm });
    this.#turned.set(name, made);
    return made;
  }

  async #scales(name: string): Promise<Float32Array> {
    const { rows, width } = this.spec(name, 2);
    const { scales } = await this.#quantized(name, rows, width);
    return scales;
  }

  async #floats(name: string, rows: number, width: number): Promise<Float32Array> {
    if (this.#specs.get(name)?.dtype === 's8') {
      const { data, scales } = await this.#quantized(name, rows, width);
      const wide = new Float32Array(data.length);
      await forRows(rows, width, (begin, end) => {
        for (let row = begin; row < end; row++) {
          const scale = scales[row] as number;
          for (let i = row * width; i < (row + 1) * width; i++)
            wide[i] = (data[i] as number) * scale;
        }
      });
      return wide;
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

async function halves(name: string, values: Float32Array): Promise<Uint16Array> {
  const narrow = new Uint16Array(values.length);
  let large: number | undefined;
  await forRows(values.length, 1, (begin, end) => {
    const piece = values.subarray(begin, end);
    for (const value of piece) if (Math.abs(value) > MAX_F16) large ??= value;
    narrow.set(f32ToF16(piece), begin);
  });
  if (large === undefined) return narrow;
  throw new SinterError(
    'INVALID_DATA',
    `ONNX export: weight "${name}" has ${large}, too large for f16; export it with precision "f32"`,
    { details: { weight: name } },
  );
}

function arrayOf(form: IntegerForm): Int8ArrayConstructor | Uint8ArrayConstructor {
  return form === 'int8' ? Int8Array : Uint8Array;
}

/** The s8 codes themselves, or as u8 with 128 added. */
async function shifted(data: Int8Array, form: IntegerForm): Promise<Int8Array | Uint8Array> {
  return form === 'int8' ? data : changed(data, new Uint8Array(data.length), (q) => q + 128);
}
