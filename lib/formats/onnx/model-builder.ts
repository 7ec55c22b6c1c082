/**
 * Collects the nodes and constants of one ONNX graph and keeps its names unique.
 *
 * A node is added after its inputs, so the list is in topological order as ONNX demands. Small constants are
 * shared by value, large ones by the key of their maker.
 */

import type {
  AttributeValue,
  DataType,
  Dimension,
  GraphSpec,
  NodeSpec,
  TensorSpec,
  ValueSpec,
} from './proto.js';

type Attributes = Readonly<Record<string, AttributeValue>>;

export class ModelBuilder {
  readonly opset: number;
  readonly #nodes: NodeSpec[] = [];
  readonly #tensors = new Map<string, TensorSpec>();
  readonly #inputs: ValueSpec[] = [];
  readonly #outputs: ValueSpec[] = [];
  readonly #names = new Set<string>();

  constructor(opset: number) {
    this.opset = opset;
  }

  /** `wanted`, or `wanted.2`, `wanted.3` ... when it is taken; the result is taken from now on. */
  fresh(wanted: string): string {
    let name = wanted;
    for (let n = 2; this.#names.has(name); n++) name = `${wanted}.${n}`;
    this.#names.add(name);
    return name;
  }

  /** A graph input under exactly this name. Inputs are added before anything else. */
  input(name: string, type: DataType, dims: readonly Dimension[]): void {
    this.#inputs.push({ name: this.fresh(name), type, dims });
  }

  /** Declares an already reserved value as a graph output. */
  output(name: string, type: DataType, dims: readonly Dimension[]): void {
    this.#outputs.push({ name, type, dims });
  }

  /** Adds a node with one output, under the reserved name `output`; returns it. */
  node(op: string, inputs: readonly string[], output: string, attributes: Attributes = {}): string {
    this.#nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  }

  /** As `node`, for operators with several outputs. */
  nodes(
    op: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Attributes = {},
  ): readonly string[] {
    this.#nodes.push({ op, inputs, outputs, attributes });
    return outputs;
  }

  /** A constant, made once for each `key`: `make` is not called again for a key that is there. */
  tensor(key: string, make: () => Omit<TensorSpec, 'name'>): string {
    const known = this.#tensors.get(key);
    if (known !== undefined) return known.name;
    const name = this.fresh(key);
    this.#tensors.set(key, { name, ...make() });
    return name;
  }

  /** A scalar f32 constant. */
  float(value: number): string {
    return this.#small(`const/f32/${value}`, 'float', [], Float32Array.of(value));
  }

  /** A scalar u8 constant. */
  uint8(value: number): string {
    return this.#small(`const/u8/${value}`, 'uint8', [], Uint8Array.of(value));
  }

  /** A scalar i8 constant. */
  int8(value: number): string {
    return this.#small(`const/i8/${value}`, 'int8', [], Int8Array.of(value));
  }

  /** A scalar i64 constant. */
  int64(value: number): string {
    return this.#small(`const/i64/${value}`, 'int64', [], BigInt64Array.of(BigInt(value)));
  }

  /** A constant vector of i64: shapes, axes, bounds. */
  int64s(...values: readonly number[]): string {
    const data = BigInt64Array.from(values, (value) => BigInt(value));
    return this.#small(`const/i64/[${values.join(',')}]`, 'int64', [values.length], data);
  }

  /** Reduction over one axis, which stays with length 1 when `keep`. Hides the opset 18 change of signature. */
  reduce(
    op: 'ReduceMax' | 'ReduceMin' | 'ReduceL2' | 'ReduceSum',
    input: string,
    axis: number,
    keep: boolean,
    output: string,
  ): string {
    const keepdims = { int: keep ? 1 : 0 };
    const axesIsInput = op === 'ReduceSum' || this.opset >= 18;
    return axesIsInput
      ? this.node(op, [input, this.int64s(axis)], output, { keepdims })
      : this.node(op, [input], output, { axes: { ints: [axis] }, keepdims });
  }

  /** The finished graph. */
  graph(name: string): GraphSpec {
    return {
      name,
      nodes: this.#nodes,
      tensors: [...this.#tensors.values()],
      inputs: this.#inputs,
      outputs: this.#outputs,
    };
  }

  #small(key: string, type: DataType, dims: readonly number[], data: ArrayBufferView): string {
    return this.tensor(key, () => {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      return { type, dims, byteLength: data.byteLength, bytes: () => [bytes] };
    });
  }
}
