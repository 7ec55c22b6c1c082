/**
 * Reads back what the writer wrote: an ONNX file as plain objects, through the wire reader alone.
 *
 * Field numbers are repeated here on purpose: a number that is wrong in the writer must not cancel out.
 */

import { readFields, type WireField } from '../../lib/formats/onnx/wire-reader.js';

export interface ParsedTensor {
  readonly name: string;
  readonly type: number;
  readonly dims: readonly number[];
  /** Empty when they are in another file. */
  readonly bytes: Uint8Array;
  /** location, offset, length when they are in another file. */
  readonly external: ReadonlyMap<string, string>;
}

export interface ParsedNode {
  readonly op: string;
  readonly domain: string | null;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, readonly (number | string)[]>;
}

export interface ParsedValue {
  readonly name: string;
  readonly type: number;
  readonly dims: readonly (number | string)[];
}

export interface ParsedModel {
  readonly irVersion: number;
  readonly producer: readonly string[];
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly metadata: ReadonlyMap<string, string>;
  readonly nodes: readonly ParsedNode[];
  readonly tensors: readonly ParsedTensor[];
  readonly inputs: readonly ParsedValue[];
  readonly outputs: readonly ParsedValue[];
}

class Fields {
  readonly #fields: readonly WireField[];

  constructor(bytes: Uint8Array) {
    this.#fields = [...readFields(bytes)];
  }

  bytes(field: number): Uint8Array[] {
    return this.#fields.flatMap((item) =>
      item.field === field && item.wire !== 'varint' ? [item.value] : [],
    );
  }

  texts(field: number): string[] {
    return this.bytes(field).map((bytes) =>
      new TextDecoder('utf-8', { fatal: true }).decode(bytes),
    );
  }

  numbers(field: number): number[] {
    return this.#fields.flatMap((item) =>
      item.field === field && item.wire === 'varint' ? [Number(BigInt.asIntN(64, item.value))] : [],
    );
  }

  messages(field: number): Fields[] {
    return this.bytes(field).map((bytes) => new Fields(bytes));
  }
}

export function parseOnnx(bytes: Uint8Array): ParsedModel {
  const model = new Fields(bytes);
  const graph = only(model.messages(7));
  return {
    irVersion: only(model.numbers(1)),
    producer: [only(model.texts(2)), only(model.texts(3))],
    opsets: model.messages(8).map((set) => ({
      domain: only(set.texts(1)),
      version: only(set.numbers(2)),
    })),
    metadata: new Map(model.messages(14).map((pair) => [only(pair.texts(1)), only(pair.texts(2))])),
    nodes: graph.messages(1).map(parseNode),
    tensors: graph.messages(5).map((tensor) => ({
      name: only(tensor.texts(8)),
      type: only(tensor.numbers(2)),
      dims: tensor.numbers(1),
      bytes: tensor.bytes(13).length > 0 ? new Uint8Array() : only(tensor.bytes(9)),
      external: parseExternal(tensor),
    })),
    inputs: graph.messages(11).map(parseValue),
    outputs: graph.messages(12).map(parseValue),
  };
}

function parseExternal(tensor: Fields): ReadonlyMap<string, string> {
  const pairs = tensor
    .messages(13)
    .map((pair) => [only(pair.texts(1)), only(pair.texts(2))] as const);
  if ((tensor.numbers(14)[0] ?? 0) !== Math.min(pairs.length, 1)) throw new Error('data_location');
  return new Map(pairs);
}

function parseNode(node: Fields): ParsedNode {
  const attributes = node.messages(5).map((attribute): [string, (number | string)[]] => {
    const floats = attribute
      .bytes(2)
      .map((raw) => new DataView(raw.buffer, raw.byteOffset, 4).getFloat32(0, true));
    const ints = [...attribute.numbers(3), ...attribute.numbers(8)];
    return [only(attribute.texts(1)), [...floats, ...ints, ...attribute.texts(4)]];
  });
  return {
    op: only(node.texts(4)),
    domain: node.texts(7)[0] ?? null,
    inputs: node.texts(1),
    outputs: node.texts(2),
    attributes: new Map(attributes),
  };
}

function parseValue(value: Fields): ParsedValue {
  const tensor = only(only(value.messages(2)).messages(1));
  const dims = only(tensor.messages(2))
    .messages(1)
    .map((dim) => dim.numbers(1)[0] ?? only(dim.texts(2)));
  return { name: only(value.texts(1)), type: only(tensor.numbers(1)), dims };
}

function only<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined || items.length !== 1) {
    throw new Error(`expected one value, found ${items.length}`);
  }
  return item;
}
