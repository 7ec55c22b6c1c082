/**
 * What the lowering of every operation shares: the values made so far, the padding mask, naming.
 *
 * The IR is ragged, ONNX is padded: a token value becomes f32 [batch, sequence, width], a sequence value
 * [batch, width], and positions whose mask is 0 hold numbers that nothing else may depend on.
 */

import { SinterError } from '../../core/errors.js';
import type { ModelBuilder } from './model-builder.js';
import type { IntegerForm, WeightTensors } from './weights.js';

export type ValueKind = 'token' | 'sequence';

/** Side by side along the last axis; query, key and value stay apart as long as nobody needs them joined. */
export interface Value {
  readonly kind: ValueKind;
  readonly parts: readonly { readonly name: string; readonly width: number }[];
}

/** How s8 weights are computed; the choices are explained in `OnnxOptions`. */
export interface IntegerSettings {
  readonly weights: IntegerForm;
  readonly activations: 'token' | 'tensor';
}

export const INPUT_IDS = 'input_ids';
export const ATTENTION_MASK = 'attention_mask';
export const TOKEN_TYPE_IDS = 'token_type_ids';

/** Added to the scores of masked keys: exp() of it is 0, and no sum of it with a score overflows. */
const MASKED = -3.4028234663852886e38;

const FLOAT = { to: { int: 1 } };

export class Lowering {
  readonly builder: ModelBuilder;
  readonly weights: WeightTensors;
  /** How s8 weights are computed; null widens them to f32. */
  readonly integer: IntegerSettings | null;
  readonly #values = new Map<string, Value>();
  readonly #outputNames: ReadonlyMap<string, string>;
  readonly #memo = new Map<string, readonly string[]>();

  /** `outputNames`: IR value -> name of the graph output that it becomes. */
  constructor(
    builder: ModelBuilder,
    weights: WeightTensors,
    integer: IntegerSettings | null,
    outputNames: ReadonlyMap<string, string>,
  ) {
    this.builder = builder;
    this.weights = weights;
    this.integer = integer;
    this.#outputNames = outputNames;
    for (const name of outputNames.values()) builder.fresh(name);
  }

  /** The ONNX name for the final result of the IR value `value`. */
  nameOf(value: string): string {
    return this.#outputNames.get(value) ?? this.builder.fresh(value);
  }

  /** Whether a graph output is this very value, so that it cannot stay in parts. */
  isOutput(value: string): boolean {
    return this.#outputNames.has(value);
  }

  set(value: string, kind: ValueKind, name: string, width: number): void {
    this.#values.set(value, { kind, parts: [{ name, width }] });
  }

  setParts(value: string, kind: ValueKind, parts: Value['parts']): void {
    this.#values.set(value, { kind, parts });
  }

  value(value: string): Value {
    const found = this.#values.get(value);
    if (found === undefined) {
      throw new SinterError('INTERNAL', `ONNX export: value "${value}" is used before it is made`);
    }
    return found;
  }

  /** The value as one tensor. */
  whole(value: string): {
    readonly kind: ValueKind;
    readonly name: string;
    readonly width: number;
  } {
    const { kind, parts } = this.value(value);
    const [first] = parts;
    if (first !== undefined && parts.length === 1) return { kind, ...first };
    const width = parts.reduce((sum, part) => sum + part.width, 0);
    const [name = ''] = this.once(`${value}/whole`, () => [
      this.builder.node(
        'Concat',
        parts.map((part) => part.name),
        this.builder.fresh(`${value}/whole`),
        { axis: { int: -1 } },
      ),
    ]);
    return { kind, name, width };
  }

  /** The results of `make`, which runs only the first time that `key` is asked for. */
  once(key: string, make: () => readonly string[]): readonly string[] {
    const known = this.#memo.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#memo.set(key, made);
    return made;
  }

  /** f32 [batch, 1, 1, sequence]: 0 where the mask is 1, very negative where it is 0. */
  attentionBias(): string {
    const [name = ''] = this.once('attention_bias', () => {
      const { builder } = this;
      const step = (op: string, inputs: string[], name: string, attributes = {}): string =>
        builder.node(op, inputs, builder.fresh(`attention_mask/${name}`), attributes);
      const rows = step('Unsqueeze', [ATTENTION_MASK, builder.int64s(1)], 'keys');
      const keys = step('Unsqueeze', [rows, builder.int64s(2)], 'keys');
      const real = step('Cast', [keys], 'keys_f32', FLOAT);
      const padding = step('Sub', [builder.float(1), real], 'padding');
      return [step('Mul', [padding, builder.float(MASKED)], 'bias')];
    });
    return name;
  }

  /** f32 [batch, sequence, 1]: 1 for real tokens, 0 for padding. */
  tokenMask(): string {
    const [name = ''] = this.once('token_mask', () => {
      const { builder } = this;
      const column = builder.fresh('attention_mask/column');
      builder.node('Unsqueeze', [ATTENTION_MASK, builder.int64s(2)], column);
      return [builder.node('Cast', [column], builder.fresh('attention_mask/column_f32'), FLOAT)];
    });
    return name;
  }
}
