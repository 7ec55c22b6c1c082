/**
 * An ONNX file in memory: what the reader gives and every step of the import works on.
 *
 * Everything is a value: a rule makes a new graph of new nodes and shares what it did not change. Value names are unique in a
 * graph; nothing but the graph's inputs and outputs may be told by its name.
 */

export type Dtype =
  | 'float32'
  | 'float16'
  | 'bfloat16'
  | 'float64'
  | 'int4'
  | 'uint4'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool'
  | 'string';

/**
 * Elements in row-major order. float32, float16 and bfloat16 are a Float32Array (widened), float64, int64 and uint64 a
 * Float64Array (integers beyond 2^53 are rounded: they only occur as "to the end"), bool and the unsigned an array of
 * their size, four bits are unpacked to one byte each. Strings are not supported as data.
 */
export type Numbers =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;

export interface Tensor {
  readonly dtype: Dtype;
  readonly dims: readonly number[];
  readonly data: Numbers;
}

/** A constant of the graph whose numbers are read when somebody needs them. */
export interface Initializer {
  readonly name: string;
  readonly dtype: Dtype;
  readonly dims: readonly number[];
  /** The numbers; CORRUPT_MODEL was thrown by the reader when they do not fit. The result is not to be changed. */
  readonly read: () => Tensor;
}

export type Attribute =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | Tensor
  | OnnxGraph;

export interface OnnxNode {
  readonly op: string;
  /** '' for the operators of ONNX itself. */
  readonly domain: string;
  /** For messages only; may be empty. */
  readonly name: string;
  /** '' stands for an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

/** A named axis is a string, an unknown one null; dims is null when the rank is unknown. */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: Dtype;
  readonly dims: readonly (number | string | null)[] | null;
}

export interface OnnxGraph {
  readonly name: string;
  /** In topological order. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, Initializer>;
  /** Without those that are initializers too. */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

/** A function of the model: nodes over formal names, to be inlined. */
export interface OnnxFunction {
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly OnnxNode[];
  /** Attribute names without a default; nodes refer to them by `ref_attr_name` (kept as `{ ref }` in the reader). */
  readonly attributes: readonly string[];
  readonly opsets: ReadonlyMap<string, number>;
}

export interface OnnxModel {
  /** Of the file, for messages. */
  readonly path: string;
  readonly irVersion: number;
  readonly producer: string;
  /** Domain ('' for ONNX itself) -> version. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly graph: OnnxGraph;
  readonly functions: readonly OnnxFunction[];
  readonly metadata: ReadonlyMap<string, string>;
  /** Bytes of all files that hold the model. */
  readonly bytes: number;
}
