/**
 * A convolution beside the first layer (DeBERTa's conv_kernel_size) is refused by name: the file is good, and is not called damaged.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OnnxModel } from '../../../lib/index.js';
import { floats, modelBytes, type NodeSpec, tensorMessage, type ValueSpec } from './write-model.js';

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sinter-conv-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const WIDTH = 4;
const numbers = (count: number, seed: number) =>
  Array.from({ length: count }, (_, i) => Math.sin(seed + 1.7 * i));

/** norm(x + tanh(conv(x) where a token is no padding)), as modeling_deberta_v2 is exported. */
async function file(kernel: number, groups: number, fixed: boolean): Promise<string> {
  const ids = (name: string): ValueSpec => ({
    name,
    dtype: 'int64',
    dims: fixed ? [2, 6] : ['b', 's'],
  });
  const pad = (kernel - 1) / 2;
  const nodes: NodeSpec[] = [
    { op: 'Gather', inputs: ['words', 'input_ids'], outputs: ['e'] },
    { op: 'LayerNormalization', inputs: ['e', 'scale', 'bias'], outputs: ['n'] },
    { op: 'MatMul', inputs: ['n', 'w'], outputs: ['layer'] },
    { op: 'Transpose', inputs: ['n'], outputs: ['t'], attributes: { perm: [0, 2, 1] } },
    {
      op: 'Conv',
      inputs: ['t', 'kernel', 'bias'],
      outputs: ['c'],
      attributes: { kernel_shape: [kernel], pads: [pad, pad], group: groups },
    },
    { op: 'Transpose', inputs: ['c'], outputs: ['ct'], attributes: { perm: [0, 2, 1] } },
    { op: 'Cast', inputs: ['attention_mask'], outputs: ['m'], attributes: { to: 9 } },
    { op: 'Not', inputs: ['m'], outputs: ['padding'] },
    { op: 'Unsqueeze', inputs: ['padding', 'last'], outputs: ['p'] },
    { op: 'Where', inputs: ['p', 'zero', 'ct'], outputs: ['kept'] },
    { op: 'Tanh', inputs: ['kept'], outputs: ['a'] },
    { op: 'Add', inputs: ['layer', 'a'], outputs: ['sum'] },
    { op: 'LayerNormalization', inputs: ['sum', 'scale', 'bias'], outputs: ['last_hidden_state'] },
  ];
  const bytes = await modelBytes({
    opset: 17,
    tensors: [
      floats('words', [20, WIDTH], numbers(20 * WIDTH, 1)),
      floats('scale', [WIDTH], [1, 1, 1, 1]),
      floats('bias', [WIDTH], numbers(WIDTH, 2)),
      floats('w', [WIDTH, WIDTH], numbers(WIDTH * WIDTH, 3)),
      floats(
        'kernel',
        [WIDTH, WIDTH / groups, kernel],
        numbers((WIDTH * WIDTH * kernel) / groups, 4),
      ),
      floats('zero', [], [0]),
      tensorMessage('last', 'int64', [1], new Uint8Array(BigInt64Array.of(-1n).buffer)),
    ],
    inputs: [ids('input_ids'), ids('attention_mask')],
    outputs: [{ name: 'last_hidden_state', dtype: 'float32', dims: ['b', 's', WIDTH] }],
    nodes,
  });
  const path = join(folder, `${kernel}-${groups}-${fixed}.onnx`);
  await writeFile(path, bytes);
  return path;
}

test.each([
  [3, 1, false],
  [3, 2, false],
  [1, 1, false],
  [5, 1, true],
])('of %i tokens in %i groups, sizes fixed: %s', async (kernel, groups, fixed) => {
  await expect(OnnxModel.load(await file(kernel, groups, fixed))).rejects.toMatchObject({
    code: 'UNSUPPORTED_MODEL',
    message: expect.stringMatching(/Conv .*a convolution over tokens .*conv_kernel_size/),
  });
});
