/**
 * The ONNX messages that an export needs, spelled with their field numbers (onnx.proto, unchanged since IR 3).
 *
 * Field numbers of written messages appear in this file and nowhere else; it leaves out messages and fields that the writer
 * never emits.
 */

import type { Steps } from '../../core/turns.js';
import { type ByteSource, WireMessage } from './wire.js';

/** Values of TensorProto.DataType. */
export const DATA_TYPES = {
  float: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  uint4: 21,
  int4: 22,
} as const;
export type DataType = keyof typeof DATA_TYPES;
/** Float types for activations and weights. */
export type FloatType = 'float' | 'float16';

/** A dimension is a number, or the name of one that varies from call to call. */
export type Dimension = number | string;

export type AttributeValue =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] };

/** Size of a tensor in bytes; 4-bit elements lie two to a byte, the first in the low half. */
export function tensorBytes(type: DataType, dims: readonly number[]): number {
  const elements = dims.reduce((product, dim) => product * dim, 1);
  return Math.ceil(elements * ELEMENT_BYTES[type]);
}

const ELEMENT_BYTES: Readonly<Record<DataType, number>> = {
  float: 4,
  uint8: 1,
  int8: 1,
  int32: 4,
  int64: 8,
  bool: 1,
  float16: 2,
  uint4: 0.5,
  int4: 0.5,
};

/** A constant of the graph. `bytes` yields `byteLength` bytes, little-endian, last axis fastest. */
export interface TensorSpec {
  readonly name: string;
  readonly type: DataType;
  readonly dims: readonly number[];
  readonly byteLength: number;
  readonly bytes: ByteSource;
  /** Location of external data: a file beside the model and an offset in it. Left out: the bytes are inside the model. */
  readonly place?: { readonly file: string; readonly offset: number };
}

export interface NodeSpec {
  readonly op: string;
  /** '' for the operators of ONNX itself. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

export interface ValueSpec {
  readonly name: string;
  readonly type: DataType;
  readonly dims: readonly Dimension[];
}

export interface GraphSpec {
  readonly name: string;
  readonly nodes: readonly NodeSpec[];
  readonly tensors: readonly TensorSpec[];
  readonly inputs: readonly ValueSpec[];
  readonly outputs: readonly ValueSpec[];
}

export interface ModelSpec {
  readonly irVersion: number;
  readonly opset: number;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly docString: string;
  readonly graph: GraphSpec;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Value of TensorProto.DataLocation. */
const EXTERNAL = 1;

function tensorMessage(tensor: TensorSpec): WireMessage {
  const message = new WireMessage();
  for (const dim of tensor.dims) message.int(1, dim);
  message.int(2, DATA_TYPES[tensor.type]).string(8, tensor.name);
  if (tensor.place === undefined) return message.stream(9, tensor.byteLength, tensor.bytes);
  const { file, offset } = tensor.place;
  for (const [key, value] of [
    ['location', file],
    ['offset', String(offset)],
    ['length', String(tensor.byteLength)],
  ] as const) {
    message.message(13, new WireMessage().string(1, key).string(2, value));
  }
  return message.int(14, EXTERNAL);
}

function attributeMessage(name: string, value: AttributeValue): WireMessage {
  const message = new WireMessage().string(1, name);
  if ('float' in value) return message.float(2, value.float).int(20, 1);
  if ('int' in value) return message.int(3, value.int).int(20, 2);
  if ('string' in value) return message.string(4, value.string).int(20, 3);
  for (const item of value.ints) message.int(8, item);
  return message.int(20, 7);
}

function nodeMessage(node: NodeSpec): WireMessage {
  const message = new WireMessage();
  for (const input of node.inputs) message.string(1, input);
  for (const output of node.outputs) message.string(2, output);
  message.string(3, `${node.outputs[0] ?? ''}/${node.op}`).string(4, node.op);
  for (const [name, value] of Object.entries(node.attributes)) {
    message.message(5, attributeMessage(name, value));
  }
  if (node.domain !== '') message.string(7, node.domain);
  return message;
}

function valueMessage(value: ValueSpec): WireMessage {
  const shape = new WireMessage();
  for (const dim of value.dims) {
    const dimension = new WireMessage();
    shape.message(1, typeof dim === 'number' ? dimension.int(1, dim) : dimension.string(2, dim));
  }
  const tensor = new WireMessage().int(1, DATA_TYPES[value.type]).message(2, shape);
  return new WireMessage().string(1, value.name).message(2, new WireMessage().message(1, tensor));
}

function* graphMessage(graph: GraphSpec): Steps<WireMessage> {
  const message = new WireMessage();
  for (const node of graph.nodes) {
    message.message(1, nodeMessage(node));
    yield;
  }
  message.string(2, graph.name);
  for (const tensor of graph.tensors) {
    message.message(5, tensorMessage(tensor));
    yield;
  }
  for (const input of graph.inputs) message.message(11, valueMessage(input));
  for (const output of graph.outputs) message.message(12, valueMessage(output));
  return message;
}

/** The ModelProto of `model`; its `size` is the size of the file. */
export function* modelMessage(model: ModelSpec): Steps<WireMessage> {
  const message = new WireMessage()
    .int(1, model.irVersion)
    .string(2, model.producerName)
    .string(3, model.producerVersion)
    .string(6, model.docString)
    .message(7, yield* graphMessage(model.graph));
  const domains = new Set(model.graph.nodes.map((node) => node.domain));
  for (const domain of ['', ...[...domains].filter((name) => name !== '')]) {
    // The version of ONNX Runtime's own operators is 1 and stays so.
    const version = domain === '' ? model.opset : 1;
    message.message(8, new WireMessage().string(1, domain).int(2, version));
  }
  for (const [key, value] of Object.entries(model.metadata)) {
    message.message(14, new WireMessage().string(1, key).string(2, value));
  }
  return message;
}
