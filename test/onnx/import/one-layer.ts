/**
 * A file of opset 23: an encoder of one layer whose attention a test writes. It reads `n` [batch, tokens, width], `flags`
 * [batch, tokens], true for tokens, and their `places`, and makes `c` [batch, tokens, width]. Numbers are the same in every run.
 */

import type { WireMessage } from '../../../lib/formats/onnx/wire.js';
import { floats, modelBytes, type NodeSpec, tensorMessage, type ValueSpec } from './write-model.js';

/** Words of the table, and positions that have angles. */
const [WORDS, POSITIONS] = [20, 600];

export const numbers = (count: number, seed: number) =>
  Array.from({ length: count }, (_, i) => Math.sin(seed + 1.7 * i) / 2);

const int64 = (name: string, dims: readonly number[], ...values: number[]) =>
  tensorMessage(name, 'int64', dims, new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer));

/** A list of whole numbers. */
export const whole = (name: string, ...values: number[]) => int64(name, [values.length], ...values);

/** Tables `cos` and `sin` of positions, for pairs i of the rotated columns: position * 10000 ^ (-2 i / columns). */
export function angleTables(columns: number): WireMessage[] {
  const half = columns / 2;
  const angles = Array.from(
    { length: POSITIONS * half },
    (_, e) => Math.floor(e / half) * 10000 ** ((-2 * (e % half)) / columns),
  );
  return [
    floats('cos', [POSITIONS, half], angles.map(Math.cos)),
    floats('sin', [POSITIONS, half], angles.map(Math.sin)),
  ];
}

const ids = (name: string): ValueSpec => ({ name, dtype: 'int64', dims: ['b', 's'] });

const BEFORE: readonly NodeSpec[] = [
  { op: 'Gather', inputs: ['words', 'input_ids'], outputs: ['e'] },
  { op: 'LayerNormalization', inputs: ['e', 'scale', 'bias'], outputs: ['n'] },
  { op: 'Shape', inputs: ['input_ids'], outputs: ['shape'] },
  { op: 'Gather', inputs: ['shape', 'one'], outputs: ['length'] },
  { op: 'Squeeze', inputs: ['length'], outputs: ['count'] },
  { op: 'Range', inputs: ['none', 'count', 'step'], outputs: ['range'] },
  { op: 'Unsqueeze', inputs: ['range', 'zero'], outputs: ['row'] },
  { op: 'Expand', inputs: ['row', 'shape'], outputs: ['places'] },
  { op: 'Cast', inputs: ['attention_mask'], outputs: ['flags'], attributes: { to: 9 } },
];

const AFTER: readonly NodeSpec[] = [
  { op: 'MatMul', inputs: ['c', 'w_o'], outputs: ['o'] },
  { op: 'Add', inputs: ['o', 'n'], outputs: ['sum'] },
  { op: 'LayerNormalization', inputs: ['sum', 'scale', 'bias'], outputs: ['last_hidden_state'] },
];

/** Heads [batch, heads, tokens, size] in `a` back to `c`; its shape is the tensor `joined`. */
export const JOINED: readonly NodeSpec[] = [
  { op: 'Transpose', inputs: ['a'], outputs: ['at'], attributes: { perm: [0, 2, 1, 3] } },
  { op: 'Reshape', inputs: ['at', 'joined'], outputs: ['c'] },
];

/** The file, with these nodes and tensors for the attention; those of the rest may be used too. */
export function oneLayer(
  width: number,
  attention: { readonly nodes: readonly NodeSpec[]; readonly tensors: readonly WireMessage[] },
): Promise<Uint8Array> {
  return modelBytes({
    opset: 23,
    tensors: [
      floats('words', [WORDS, width], numbers(WORDS * width, 1)),
      floats('scale', [width], numbers(width, 4)),
      floats('bias', [width], numbers(width, 5)),
      floats('w_o', [width, width], numbers(width * width, 9)),
      whole('joined', 0, 0, width),
      whole('zero', 0),
      whole('one', 1),
      whole('axes', 1, 2),
      int64('none', [], 0),
      int64('step', [], 1),
      ...attention.tensors,
    ],
    inputs: [ids('input_ids'), ids('attention_mask')],
    outputs: [{ name: 'last_hidden_state', dtype: 'float32', dims: ['b', 's', width] }],
    nodes: [...BEFORE, ...attention.nodes, ...AFTER],
  });
}
