/**
 * Files whose tables end before the length of a probe are valid: they take texts up to there.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OnnxModel } from '../../../lib/index.js';
import { insideOf } from '../../../lib/models/text-model.js';
import { floats, modelBytes, tensorMessage } from './write-model.js';

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sinter-short-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const WIDTH = 4;
const numbers = (rows: number, seed: number) =>
  Array.from({ length: rows * WIDTH }, (_, i) => Math.sin(seed + 1.7 * i));

/** Positions are the first rows of a table: Slice(places, 0, length), and a layer. */
async function sliced(rows: number): Promise<string> {
  const whole = (name: string, ...values: number[]) =>
    tensorMessage(
      name,
      'int64',
      [values.length],
      new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer),
    );
  const bytes = await modelBytes({
    opset: 17,
    tensors: [
      floats('words', [20, WIDTH], numbers(20, 1)),
      floats('places', [rows, WIDTH], numbers(rows, 2)),
      floats('scale', [WIDTH], [1, 1, 1, 1]),
      floats('bias', [WIDTH], [0, 0, 0, 0]),
      floats('same', [WIDTH, WIDTH], numbers(WIDTH, 3)),
      whole('zero', 0),
      whole('one', 1),
    ],
    inputs: [{ name: 'input_ids', dtype: 'int64', dims: ['b', 's'] }],
    outputs: [{ name: 'last_hidden_state', dtype: 'float32', dims: ['b', 's', WIDTH] }],
    nodes: [
      { op: 'Gather', inputs: ['words', 'input_ids'], outputs: ['w'] },
      { op: 'Shape', inputs: ['input_ids'], outputs: ['sizes'] },
      { op: 'Gather', inputs: ['sizes', 'one'], outputs: ['length'] },
      { op: 'Slice', inputs: ['places', 'zero', 'length', 'zero'], outputs: ['p'] },
      { op: 'Add', inputs: ['w', 'p'], outputs: ['sum'] },
      { op: 'LayerNormalization', inputs: ['sum', 'scale', 'bias'], outputs: ['y'] },
      { op: 'MatMul', inputs: ['y', 'same'], outputs: ['m'] },
      { op: 'Add', inputs: ['m', 'y'], outputs: ['more'] },
      {
        op: 'LayerNormalization',
        inputs: ['more', 'scale', 'bias'],
        outputs: ['last_hidden_state'],
      },
    ],
  });
  const file = join(folder, `${rows}.onnx`);
  await writeFile(file, bytes);
  return file;
}

test.each([200, 40, 5, 3])('a table of %i rows', async (rows) => {
  await using model = await OnnxModel.load(await sliced(rows));
  expect(insideOf(model).parts.graph.maxTokens).toBe(rows);
  expect(model.report.verification?.difference).toBeLessThan(1e-5);
});
