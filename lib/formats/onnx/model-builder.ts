/**
 * Collects the nodes and constants of one ONNX graph and keeps its names unique.
 *
 * A node is added after its inputs, so the list is in topological order as ONNX demands. Small constants are shared by value,
 * large ones by a key that the caller chooses.
 */

import { f32ToF16 } from '../float16.js';
import { type Opset, since } from './opsets.js';
import {
  type AttributeValue,
  DATA_TYPES,
  type DataType,
  type Dimension,
  type FloatType,
  type GraphSpec,
  type NodeSpec,
  type TensorSpec,
  tensorBytes,
  type ValueSpec,
} from './proto.js';

export type Attributes = Readonly<Record<string, AttributeValue>>;

export type ReduceOperator = 'ReduceMax' | 'ReduceMin' | 'ReduceL2' | 'ReduceSum' | 'ReduceMean';

export class ModelBuilder {
  readonly opset: Opset;
  /** Float type of values, where a call names no other. */
  readonly floatType: FloatType;
  readonly #nodes: NodeSpec[] = [];
  readonly #tensors = new Map<string, TensorSpec>();
  readonly #inputs: ValueSpec[] = [];
  readonly #outputs: ValueSpec[] = [];
  readonly #names = new Set<string>();

  constructor(opset: Opset, floatType: FloatType = 'float') {
    this.opset = opset;
    this.floatType = floatType;
  }

  /** Reserves and returns `wanted`, or the first free one of `wanted.2`, `wanted.3` ... */
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
    this.#nodes.push({ op, domain: '', inputs, outputs: [output], attributes });
    return output;
  }

  /** As `node`, under a new name that begins with `wanted`. */
  step(op: string, inputs: readonly string[], wanted: string, attributes: Attributes = {}): string {
    return this.node(op, inputs, this.fresh(wanted), attributes);
  }

  /** As `node`, for operators with several outputs. */
  nodes(
    op: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Attributes = {},
  ): readonly string[] {
    this.#nodes.push({ op, domain: '', inputs, outputs, attributes });
    return outputs;
  }

  /** As `node`, for an operator of ONNX Runtime's own. */
  microsoft(op: string, inputs: readonly string[], output: string, attributes: Attributes): string {
    this.#nodes.push({ op, domain: 'com.microsoft', inputs, outputs: [output], attributes });
    return output;
  }

  /** Casts `input` to `to`, under the reserved name `output`. */
  cast(input: string, to: DataType, output: string): string {
    return this.node('Cast', [input], output, { to: { int: DATA_TYPES[to] } });
  }

  /** Name of the constant for `key`; `make` is called only the first time. */
  tensor(key: string, make: () => Omit<TensorSpec, 'name'>): string {
    const known = this.#tensors.get(key);
    if (known !== undefined) return known.name;
    const name = this.fresh(key);
    this.#tensors.set(key, { name, ...make() });
    return name;
  }

  /** A scalar constant of the graph's float type. */
  float(value: number): string {
    if (this.floatType === 'float') return this.float32(value);
    return this.#small(`const/f16/${value}`, 'float16', [], f32ToF16(Float32Array.of(value)));
  }

  /** A scalar f32 constant. */
  float32(value: number): string {
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
    return this.numbers(`const/i64/[${values.join(',')}]`, 'int64', [values.length], values);
  }

  /** A constant with the given numbers, one for each `key`. */
  numbers(
    key: string,
    type: 'int64' | 'float' | 'int8' | 'uint8',
    dims: readonly number[],
    values: readonly number[],
  ): string {
    const data = {
      int64: () => BigInt64Array.from(values, (value) => BigInt(value)),
      float: () => Float32Array.from(values),
      int8: () => Int8Array.from(values),
      uint8: () => Uint8Array.from(values),
    }[type]();
    return this.#small(key, type, dims, data);
  }

  /**
   * Reduces one axis, which stays with length 1 when `keep` is set. Writes the axis as attribute or input, as the opset wants
   * it.
   */
  reduce(op: ReduceOperator, input: string, axis: number, keep: boolean, output: string): string {
    const keepdims = { int: keep ? 1 : 0 };
    return op === 'ReduceSum' || since(this.opset, 'reduceAxesInput')
      ? this.node(op, [input, this.int64s(axis)], output, { keepdims })
      : this.node(op, [input], output, { axes: { ints: [axis] }, keepdims });
  }

  /** The size of one axis, i64 [1]. */
  dimension(input: string, axis: number, output: string): string {
    if (since(this.opset, 'shapeSlice')) {
      return this.node('Shape', [input], output, { start: { int: axis }, end: { int: axis + 1 } });
    }
    const shape = this.step('Shape', [input], `${output}/shape`);
    return this.node('Gather', [shape, this.int64s(axis)], output, { axis: { int: 0 } });
  }

  /** Splits the last axis into parts of these widths, named after `prefix`. */
  split(input: string, widths: readonly number[], prefix: string): readonly string[] {
    const names = widths.map((_, i) => this.fresh(`${prefix}.${i}`));
    return this.nodes('Split', [input, this.int64s(...widths)], names, { axis: { int: -1 } });
  }

  /** Concatenates along the last axis. */
  concat(inputs: readonly string[], output: string): string {
    return this.node('Concat', inputs, output, { axis: { int: -1 } });
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
      return { type, dims, byteLength: tensorBytes(type, dims), bytes: () => [bytes] };
    });
  }
}
