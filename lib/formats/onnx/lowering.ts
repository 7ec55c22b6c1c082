/**
 * State and helpers that all lowerings share: the values made so far, the padding mask, names.
 *
 * The IR is ragged, ONNX is padded: a token value becomes [batch, sequence, width], a sequence value [batch, width], a table
 * [rows, width]. Positions whose mask is 0 hold undefined numbers, which no real token may depend on. In an f16 file values
 * are f16, but tables and operations that sum many numbers (pooling, normalisation) are f32.
 */

import { SinterError } from '../../core/errors.js';
import type { NodeOf, OpName } from '../../graph/ops.js';
import type { EncoderGraph } from '../../graph/types.js';
import type { ModelBuilder } from './model-builder.js';
import type { FloatType } from './proto.js';
import type { Range } from './ranges.js';
import type { IntegerForm, WeightTensors } from './weights.js';

/**
 * Functions by operation, each of which writes the ONNX nodes of one IR node. Each lower-*.ts has its part of the table;
 * export-graph.ts joins them.
 */
export type Lowerings = {
  readonly [Op in OpName]: (lowering: Lowering, node: NodeOf<Op>, graph: EncoderGraph) => void;
};

/** Kinds of IR values without selected rows, because ONNX files leave out `select`. */
export type OnnxValueKind = 'token' | 'sequence' | 'table';

/**
 * A value in parts that lie side by side along the last axis: query, key and value stay apart until a reader needs them
 * joined.
 */
export interface Value {
  readonly kind: OnnxValueKind;
  readonly type: FloatType;
  readonly parts: readonly { readonly name: string; readonly width: number }[];
}

/** A value as one ONNX tensor. */
export interface Whole {
  readonly kind: OnnxValueKind;
  readonly name: string;
  readonly width: number;
}

/** Products of s8 weights and activations that are quantized at run time. */
export interface DynamicProducts {
  readonly kind: 'dynamic';
  readonly weights: IntegerForm;
  readonly activations: 'token' | 'tensor';
}

/** Products of s8 weights and activations of known ranges, between QuantizeLinear and DequantizeLinear. */
export interface StaticProducts {
  readonly kind: 'static';
  readonly weights: IntegerForm;
  readonly codes: IntegerForm;
  /** Range of the input of each linear node, by the node's output. */
  readonly ranges: ReadonlyMap<string, Range>;
}

/** Float products whose weights are stored in few bits. */
export interface BlockProducts {
  readonly kind: 'blocks';
  readonly bits: 8 | 4;
  readonly operator: 'DequantizeLinear' | 'MatMulNBits';
  /** Number of inputs that share a scale. */
  readonly size: number;
  readonly symmetric: boolean;
  /** The attribute accuracy_level of MatMulNBits. */
  readonly accuracyLevel: number;
}

/** How linear layers are computed; the choices are explained in `OnnxOptions`. */
export type Products =
  | { readonly kind: 'float' }
  | DynamicProducts
  | StaticProducts
  | BlockProducts;

export const INPUT_IDS = 'input_ids';
export const ATTENTION_MASK = 'attention_mask';
export const TOKEN_TYPE_IDS = 'token_type_ids';

/**
 * Score of masked keys, or the addend that masks them: exp() of it is 0, and its sum with a score does not overflow. In f16
 * the lowest number plus a score would.
 */
const MASKED = { float: -3.4028234663852886e38, float16: -1e4 } as const;

export class Lowering {
  readonly builder: ModelBuilder;
  readonly weights: WeightTensors;
  readonly products: Products;
  readonly #values = new Map<string, Value>();
  readonly #outputNames: ReadonlyMap<string, string>;
  readonly #outputType: FloatType;
  readonly #memo = new Map<string, readonly string[]>();

  /** `outputNames`: IR value -> reserved name of the graph output that it becomes, as `outputType`. */
  constructor(
    builder: ModelBuilder,
    weights: WeightTensors,
    products: Products,
    outputNames: ReadonlyMap<string, string>,
    outputType: FloatType,
  ) {
    this.builder = builder;
    this.weights = weights;
    this.products = products;
    this.#outputNames = outputNames;
    this.#outputType = outputType;
  }

  /** Whether s8 weights stay s8 in the file. */
  get keepsIntegers(): boolean {
    return this.products.kind !== 'float';
  }

  /** Float type of values of a kind. Tables are f32, so that runtimes fold them exactly. */
  typeOf(kind: OnnxValueKind): FloatType {
    return kind === 'table' ? 'float' : this.builder.floatType;
  }

  /** A constant of the graph's float type, cast to `type`. */
  constantAs(constant: string, type: FloatType): string {
    if (type === this.builder.floatType) return constant;
    const [name = ''] = this.once(`constant ${constant} as ${type}`, () => [
      this.builder.cast(constant, type, this.builder.fresh(`${constant}/${type}`)),
    ]);
    return name;
  }

  /** ONNX name for the IR value `value` in its final form: the name of a graph output of this type, or a new one. */
  nameOf(value: string, type: FloatType = this.builder.floatType): string {
    const output = type === this.#outputType ? this.#outputNames.get(value) : undefined;
    return output ?? this.builder.fresh(value);
  }

  /** Whether the IR value is a graph output, which cannot stay in parts. */
  isOutput(value: string): boolean {
    return this.#outputNames.has(value);
  }

  set(
    value: string,
    kind: OnnxValueKind,
    name: string,
    width: number,
    type: FloatType = this.builder.floatType,
  ): void {
    this.#values.set(value, { kind, type, parts: [{ name, width }] });
  }

  setParts(
    value: string,
    kind: OnnxValueKind,
    parts: Value['parts'],
    type: FloatType = this.builder.floatType,
  ): void {
    this.#values.set(value, { kind, type, parts });
  }

  value(value: string): Value {
    const found = this.#values.get(value);
    if (found === undefined) {
      throw new SinterError('INTERNAL', `ONNX export: value "${value}" is used before it is made`);
    }
    return found;
  }

  /** The value as one tensor of `type`. */
  whole(value: string, type: FloatType = this.builder.floatType): Whole {
    const { kind, parts, type: made } = this.value(value);
    const width = parts.reduce((sum, part) => sum + part.width, 0);
    const name = this.#joined(value, parts);
    if (made === type) return { kind, name, width };
    const [cast = ''] = this.once(`${value} as ${type}`, () => {
      const output = type === this.#outputType ? this.#outputNames.get(value) : undefined;
      return [this.builder.cast(name, type, output ?? this.builder.fresh(`${value}/${type}`))];
    });
    return { kind, name: cast, width };
  }

  #joined(value: string, parts: Value['parts']): string {
    const [first] = parts;
    if (first !== undefined && parts.length === 1) return first.name;
    const names = parts.map((part) => part.name);
    const [name = ''] = this.once(`${value}/whole`, () => [
      this.builder.concat(names, this.builder.fresh(`${value}/whole`)),
    ]);
    return name;
  }

  /** Calls `make` the first time that `key` is requested and returns its result each time. */
  once(key: string, make: () => readonly string[]): readonly string[] {
    const known = this.#memo.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#memo.set(key, made);
    return made;
  }

  /** i64 [1]: tokens of a row, padding included. */
  sequenceLength(): string {
    const [name = ''] = this.once('sequence_length', () => [
      this.builder.dimension(INPUT_IDS, 1, this.builder.fresh('input_ids/sequence')),
    ]);
    return name;
  }

  /** Score of masked keys in the graph's float type. */
  get masked(): number {
    return MASKED[this.builder.floatType];
  }

  /** i64 [batch, 1, 1, sequence]: the attention mask, to broadcast over heads and queries. */
  keyMask(): string {
    const [name = ''] = this.once('key_mask', () => {
      const { builder } = this;
      const rows = builder.step(
        'Unsqueeze',
        [ATTENTION_MASK, builder.int64s(1)],
        'attention_mask/keys',
      );
      return [builder.step('Unsqueeze', [rows, builder.int64s(2)], 'attention_mask/keys')];
    });
    return name;
  }

  /** [batch, 1, 1, sequence]: 0 where the mask is 1, very negative where it is 0. */
  attentionBias(): string {
    const [name = ''] = this.once('attention_bias', () => {
      const { builder } = this;
      const { floatType } = builder;
      const real = builder.cast(
        this.keyMask(),
        floatType,
        builder.fresh(
          floatType === 'float' ? 'attention_mask/keys_f32' : 'attention_mask/keys_f16',
        ),
      );
      const padding = builder.step('Sub', [builder.float(1), real], 'attention_mask/padding');
      return [builder.step('Mul', [padding, builder.float(this.masked)], 'attention_mask/bias')];
    });
    return name;
  }

  /** f32 [batch, sequence, 1]: 1 for real tokens, 0 for padding. */
  tokenMask(): string {
    const [name = ''] = this.once('token_mask', () => {
      const { builder } = this;
      const column = builder.fresh('attention_mask/column');
      builder.node('Unsqueeze', [ATTENTION_MASK, builder.int64s(2)], column);
      return [builder.cast(column, 'float', builder.fresh('attention_mask/column_f32'))];
    });
    return name;
  }
}
