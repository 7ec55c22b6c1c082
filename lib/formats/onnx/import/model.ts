/**
 * An ONNX file in memory: the reader makes it and every step of the import works on it.
 *
 * Everything is immutable: a rule makes a new graph of new nodes and shares the parts that it did not change. Value names are
 * unique in a graph; no step may conclude anything from a name, except for the graph's inputs and outputs.
 */

import type { FileStamp } from '../../../core/files.js';
import type { StoredView } from './stored-view.js';

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
 * Elements in row-major order. float32, float16 and bfloat16 are a Float32Array (widened); float64, int64 and uint64 a
 * Float64Array (integers beyond 2^53 are rounded: they only occur as "to the end"); bool and the other integer types an array
 * of their size; 4-bit elements are unpacked to one byte each. Strings are not supported as data.
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

/** A constant of the graph whose numbers are read on demand. */
export interface Initializer {
  readonly name: string;
  readonly dtype: Dtype;
  readonly dims: readonly number[];
  /**
   * Reads the numbers: large ones from the file at each call, so keep them if you need them again. Do not change the result.
   * Their size was checked by the reader; infinities and NaN pass, because masks have them: see `readWeights`.
   */
  readonly read: () => Tensor;
  /**
   * Reads elements [begin, end) in row-major order; missing where the file does not allow that without reading the others.
   */
  readonly readRange?: (begin: number, end: number) => Numbers;
  /** Location of the numbers in the file; undefined where strides cannot express it. */
  readonly view?: StoredView | undefined;
}

/**
 * Inside a function: stands for the attribute named `ref` of the node that calls the function, and is missing where that is.
 */
export interface AttributeReference {
  readonly ref: string;
}

export type Attribute =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | Tensor
  | OnnxGraph
  | AttributeReference;

export function isTensor(value: Attribute | undefined): value is Tensor {
  return typeof value === 'object' && 'dims' in value;
}

export function isGraph(value: Attribute | undefined): value is OnnxGraph {
  return typeof value === 'object' && 'nodes' in value;
}

export function isReference(value: Attribute | undefined): value is AttributeReference {
  return typeof value === 'object' && 'ref' in value;
}

export interface OnnxNode {
  /** Name of the operator; `name:overload` where the node calls one of several functions of the same name. */
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
  /** null only in graphs inside a node (`If`), where a file need not say. */
  readonly dtype: Dtype | null;
  readonly dims: readonly (number | string | null)[] | null;
}

export interface OnnxGraph {
  readonly name: string;
  /** In topological order. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, Initializer>;
  /** Inputs that are not initializers too. */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

/**
 * A function of the model, to be inlined: nodes in topological order over formal names. No function calls itself, and the
 * nodes of all calls inlined stay below the reader's limit. A call may leave out the last inputs.
 */
export interface OnnxFunction {
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly OnnxNode[];
  /** Names of attributes without a default; nodes refer to them by `ref_attr_name`, see AttributeReference. */
  readonly attributes: readonly string[];
  /** Values of attributes that the caller may leave out. */
  readonly defaults: ReadonlyMap<string, Attribute>;
  readonly opsets: ReadonlyMap<string, number>;
}

export interface OnnxModel {
  /** Path of the file, for messages. */
  readonly path: string;
  readonly irVersion: number;
  readonly producer: string;
  /** Domain ('' for ONNX itself) -> version. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly graph: OnnxGraph;
  readonly functions: readonly OnnxFunction[];
  readonly metadata: ReadonlyMap<string, string>;
  /** Total size in bytes of all files that hold the model. */
  readonly bytes: number;
  /** All files of the model, its own first. `read` throws CORRUPT_MODEL when one of them has changed. */
  readonly files: readonly {
    readonly name: string;
    readonly size: number;
    /** Stamp from the time when the file was opened. */
    readonly stamp: FileStamp;
    readonly read: (begin: number, end: number) => Uint8Array;
  }[];
}
