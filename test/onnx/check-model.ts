/**
 * Checks a file that the writer made by rules of our own: names, operators of the opset, types, and shapes for sizes that
 * are put in for the named axes.
 *
 * The rules are written from the ONNX operator documents. An operator without a rule fails, so a new one needs its row.
 */

import { OPERATORS } from './operator-rules.js';
import type { ParsedModel, ParsedNode } from './parse.js';

/** What is known of a value: its type (TensorProto.DataType), its shape, and its numbers when they are small integers. */
export interface Known {
  readonly type: number;
  readonly dims: readonly number[];
  readonly ints: readonly number[] | null;
}

/** Sizes for the named axes of a file. */
export type Sizes = Readonly<Record<string, number>>;

const BITS: Readonly<Record<number, number>> = { 1: 32, 2: 8, 3: 8, 7: 64, 10: 16, 21: 4, 22: 4 };
const IR_OF_OPSET: Readonly<Record<number, number>> = {
  14: 7,
  15: 8,
  16: 8,
  17: 8,
  18: 8,
  19: 9,
  20: 9,
  21: 10,
};
const INT64 = 7;

/** Throws an Error that names the first node or value that is wrong. */
export function checkModel(model: ParsedModel, sizes: Sizes = { batch: 2, sequence: 5 }): void {
  const opset = model.opsets.find(({ domain }) => domain === '')?.version ?? 0;
  if (model.irVersion !== IR_OF_OPSET[opset]) throw new Error(`IR ${model.irVersion}, ${opset}`);
  const values = new Map<string, Known>();
  const define = (name: string, known: Known): void => {
    if (name === '' || values.has(name)) throw new Error(`"${name}" is made twice`);
    values.set(name, known);
  };
  const sized = (dims: readonly (number | string)[]): number[] =>
    dims.map((dim) => (typeof dim === 'number' ? dim : (sizes[dim] ?? Number.NaN)));
  for (const { name, type, dims } of model.inputs) {
    define(name, { type, dims: sized(dims), ints: null });
  }
  for (const tensor of model.tensors) define(tensor.name, knownTensor(tensor));
  const used = new Set(model.outputs.map(({ name }) => name));
  for (const node of model.nodes) {
    checkNode(node, model, opset, values, define);
    for (const input of node.inputs) used.add(input);
  }
  for (const { name } of model.tensors) if (!used.has(name)) throw new Error(`${name} is unused`);
  for (const { name, type, dims } of model.outputs) {
    const known = values.get(name);
    const [wanted, got] = [`${type} [${sized(dims)}]`, `${known?.type} [${known?.dims}]`];
    if (wanted !== got) throw new Error(`output ${name} is declared ${wanted}, it is ${got}`);
  }
}

function knownTensor({ name, type, dims, bytes, external }: ParsedModel['tensors'][number]): Known {
  const elements = dims.reduce((a, b) => a * b, 1);
  const expected = Math.ceil((elements * (BITS[type] ?? Number.NaN)) / 8);
  const got = external.size > 0 ? Number(external.get('length')) : bytes.length;
  if (got !== expected) throw new Error(`${name} has ${got} bytes, its shape needs ${expected}`);
  const small = type === INT64 && external.size === 0;
  const ints = small
    ? [...new BigInt64Array(Uint8Array.from(bytes).buffer)].map((value) => Number(value))
    : null;
  return { type, dims, ints };
}

function checkNode(
  node: ParsedNode,
  model: ParsedModel,
  opset: number,
  values: ReadonlyMap<string, Known>,
  define: (name: string, known: Known) => void,
): void {
  const where = `${node.op} -> ${node.outputs[0]}`;
  const key = node.domain === null ? node.op : `${node.domain}.${node.op}`;
  const rule = OPERATORS[key];
  if (rule === undefined) throw new Error(`${where}: no rule for ${key}`);
  if (opset < rule.since) throw new Error(`${where}: ${key} is new in opset ${rule.since}`);
  const imported = model.opsets.some(({ domain }) => domain === (node.domain ?? ''));
  if (!imported) throw new Error(`${where}: domain ${node.domain} is not imported`);
  const inputs = node.inputs.map((name) => {
    const known = values.get(name);
    if (known === undefined) throw new Error(`${where}: ${name} is used before it is made`);
    return known;
  });
  let outputs: readonly Known[];
  try {
    outputs = rule.infer(inputs, node, opset);
  } catch (error) {
    const shapes = inputs.map(({ type, dims }) => `${type} [${dims}]`).join(', ');
    throw new Error(`${where}: ${(error as Error).message}, given ${shapes}`);
  }
  if (outputs.length !== node.outputs.length) throw new Error(`${where}: number of outputs`);
  for (const [i, name] of node.outputs.entries()) define(name, outputs[i] as Known);
}
