/**
 * Writes small ONNX files for tests: one graph from plain objects, every field as onnx.proto numbers it.
 *
 * Field numbers are written here once more on purpose: the reader under test must not share them.
 */

import type { Dtype, Tensor } from '../../../lib/formats/onnx/import/model.js';
import { WireMessage } from '../../../lib/formats/onnx/wire.js';

export const DTYPE_NUMBERS: Readonly<Record<Dtype, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
  uint4: 21,
  int4: 22,
};

export type AttributeSpec = number | { float: number } | string | readonly number[] | WireMessage;

export interface NodeSpec {
  readonly op: string;
  readonly domain?: string;
  readonly name?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeSpec>>;
}

export interface ValueSpec {
  readonly name: string;
  readonly dtype: Dtype;
  /** Left out: a value without a shape. */
  readonly dims?: readonly (number | string)[];
}

export interface GraphSpec {
  readonly nodes: readonly NodeSpec[];
  readonly inputs?: readonly ValueSpec[];
  readonly outputs: readonly ValueSpec[];
  /** TensorProto messages, see `tensorMessage`. */
  readonly tensors?: readonly WireMessage[];
}

export interface FunctionSpec {
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly (NodeSpec | WireMessage)[];
  readonly attributes?: readonly string[];
}

export interface FileSpec extends GraphSpec {
  readonly opset?: number;
  readonly irVersion?: number;
  readonly functions?: readonly FunctionSpec[];
}

/** A TensorProto with raw data. */
export function tensorMessage(
  name: string,
  dtype: Dtype,
  dims: readonly number[],
  raw: Uint8Array,
): WireMessage {
  const message = new WireMessage();
  for (const dim of dims) message.int(1, dim);
  return message.int(2, DTYPE_NUMBERS[dtype]).string(8, name).bytes(9, raw);
}

/** A float32 TensorProto. */
export function floats(name: string, dims: readonly number[], values: readonly number[]) {
  return tensorMessage(name, 'float32', dims, new Uint8Array(Float32Array.from(values).buffer));
}

/** A TensorProto whose data is in another file. */
export function externalTensor(
  name: string,
  dims: readonly number[],
  pairs: Readonly<Record<string, string>>,
): WireMessage {
  const message = new WireMessage();
  for (const dim of dims) message.int(1, dim);
  message.int(2, 1).string(8, name);
  for (const [key, value] of Object.entries(pairs)) {
    message.message(13, new WireMessage().string(1, key).string(2, value));
  }
  return message.int(14, 1);
}

export function attributeMessage(name: string, value: AttributeSpec): WireMessage {
  const message = new WireMessage().string(1, name);
  if (typeof value === 'number') return message.int(3, value).int(20, 2);
  if (typeof value === 'string') return message.string(4, value).int(20, 3);
  if (value instanceof WireMessage) return message.message(5, value).int(20, 4);
  if ('float' in value) return message.float(2, value.float).int(20, 1);
  for (const item of value) message.int(8, item);
  return message.int(20, 7);
}

/** An attribute that stands for one of the calling node. */
export function referenceMessage(name: string, ref: string, type: number): WireMessage {
  return new WireMessage().string(1, name).int(20, type).string(21, ref);
}

export function nodeMessage(node: NodeSpec, more: readonly WireMessage[] = []): WireMessage {
  const message = new WireMessage();
  for (const input of node.inputs) message.string(1, input);
  for (const output of node.outputs) message.string(2, output);
  message.string(3, node.name ?? '').string(4, node.op);
  for (const [name, value] of Object.entries(node.attributes ?? {})) {
    message.message(5, attributeMessage(name, value));
  }
  for (const attribute of more) message.message(5, attribute);
  return node.domain === undefined ? message : message.string(7, node.domain);
}

export function valueMessage({ name, dtype, dims }: ValueSpec): WireMessage {
  const tensor = new WireMessage().int(1, DTYPE_NUMBERS[dtype]);
  if (dims) {
    const shape = new WireMessage();
    for (const dim of dims) {
      const item = new WireMessage();
      shape.message(1, typeof dim === 'number' ? item.int(1, dim) : item.string(2, dim));
    }
    tensor.message(2, shape);
  }
  return new WireMessage().string(1, name).message(2, new WireMessage().message(1, tensor));
}

export function graphMessage(graph: GraphSpec): WireMessage {
  const message = new WireMessage();
  for (const node of graph.nodes) message.message(1, nodeMessage(node));
  message.string(2, 'graph');
  for (const tensor of graph.tensors ?? []) message.message(5, tensor);
  for (const input of graph.inputs ?? []) message.message(11, valueMessage(input));
  for (const output of graph.outputs) message.message(12, valueMessage(output));
  return message;
}

function opsetMessage(domain: string, version: number): WireMessage {
  return new WireMessage().string(1, domain).int(2, version);
}

function functionMessage(spec: FunctionSpec, opset: number): WireMessage {
  const message = new WireMessage().string(1, spec.name);
  for (const input of spec.inputs) message.string(4, input);
  for (const output of spec.outputs) message.string(5, output);
  for (const name of spec.attributes ?? []) message.string(6, name);
  for (const node of spec.nodes) {
    message.message(7, node instanceof WireMessage ? node : nodeMessage(node));
  }
  return message
    .message(9, opsetMessage('', opset))
    .message(9, opsetMessage(spec.domain, 1))
    .string(10, spec.domain);
}

/** The lowest IR version that has an opset. */
function irOf(opset: number): number {
  return opset <= 10
    ? 5
    : opset <= 14
      ? 7
      : opset <= 18
        ? 8
        : opset <= 20
          ? 9
          : opset <= 22
            ? 10
            : 11;
}

/** The bytes of a ModelProto around `graph`. */
export async function fileBytes(graph: WireMessage, spec: Omit<FileSpec, keyof GraphSpec> = {}) {
  const opset = spec.opset ?? 17;
  const message = new WireMessage()
    .int(1, spec.irVersion ?? irOf(opset))
    .string(2, 'test')
    .message(7, graph)
    .message(8, opsetMessage('', opset))
    .message(8, opsetMessage('com.microsoft', 1));
  for (const item of spec.functions ?? []) {
    message.message(8, opsetMessage(item.domain, 1)).message(25, functionMessage(item, opset));
  }
  return messageBytes(message);
}

export async function messageBytes(message: WireMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of message.chunks()) chunks.push(Uint8Array.from(chunk));
  return Uint8Array.from(Buffer.concat(chunks));
}

/** The bytes of a whole file. */
export async function modelBytes(spec: FileSpec): Promise<Uint8Array> {
  return fileBytes(graphMessage(spec), spec);
}

/** A tensor of plain numbers. */
export function tensor(dtype: Dtype, dims: readonly number[], values: Iterable<number>): Tensor {
  const list = [...values];
  switch (dtype) {
    case 'int64':
      return { dtype, dims, data: Float64Array.from(list) };
    case 'int32':
      return { dtype, dims, data: Int32Array.from(list) };
    case 'int8':
      return { dtype, dims, data: Int8Array.from(list) };
    case 'uint8':
    case 'bool':
      return { dtype, dims, data: Uint8Array.from(list) };
    default:
      return { dtype, dims, data: Float32Array.from(list) };
  }
}
