/**
 * Ids that pass through casts, reshapes and cuts before the lookup are ids still: exporters of TensorFlow write such files.
 *
 * The input of segments is looked up at once in every file, so that only the way of the ids tells them apart.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OnnxModel } from '../../../lib/index.js';
import { insideOf } from '../../../lib/models/text-model.js';
import { floats, modelBytes, type NodeSpec, tensorMessage, type ValueSpec } from './write-model.js';

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sinter-ids-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const WIDTH = 4;
const WORDS = 30;
const numbers = (rows: number, seed: number) =>
  Array.from({ length: rows * WIDTH }, (_, i) => Math.sin(seed + 1.7 * i));
const whole = (name: string, dims: readonly number[], ...values: number[]) =>
  tensorMessage(name, 'int64', dims, new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer));

type Step = readonly [op: string, inputs: readonly string[], attributes?: NodeSpec['attributes']];

/** In a step `$` stands for the output of the step before, `ids` for the input. */
const WAYS: Readonly<Record<string, readonly Step[]>> = {
  'a cast to floats and back': [
    ['Cast', ['$'], { to: 1 }],
    ['Cast', ['$'], { to: 6 }],
  ],
  'one row, and its shape again': [
    ['Cast', ['$'], { to: 6 }],
    ['Reshape', ['$', 'flat']],
    ['Identity', ['$']],
    ['Reshape', ['$', 'shape']],
  ],
  'an axis more, and less': [
    ['Unsqueeze', ['$', 'two']],
    ['Squeeze', ['$', 'two']],
    ['Flatten', ['$'], { axis: 1 }],
  ],
  'a cut of all tokens': [['Slice', ['$', 'zero', 'most', 'one']]],
  'a strided cut of three axes': [
    ['Unsqueeze', ['$', 'two']],
    ['Slice', ['$', 'zero', 'one', 'two', 'one']],
    ['Squeeze', ['$', 'two']],
  ],
  'one of a stack': [
    ['Unsqueeze', ['$', 'zero']],
    ['Gather', ['$', 'first'], { axis: 0 }],
  ],
  'a stack of two inputs': [
    ['Unsqueeze', ['$', 'zero']],
    ['Concat', ['$', 'stacked'], { axis: 0 }],
    ['Gather', ['$', 'first'], { axis: 0 }],
  ],
  'turned and turned back': [
    ['Transpose', ['$'], { perm: [1, 0] }],
    ['Transpose', ['$'], { perm: [1, 0] }],
  ],
  'negative ids counted from the end': [
    ['Add', ['$', 'words_count']],
    ['Where', ['negative', '$', 'ids']],
  ],
  'bounds of the table': [
    ['Max', ['$', 'least']],
    ['Min', ['$', 'highest']],
  ],
};

async function file(title: string, steps: readonly Step[]): Promise<string> {
  const ids = (name: string): ValueSpec => ({ name, dtype: 'int64', dims: ['b', 's'] });
  let last = 'ids';
  const way = steps.map(([op, inputs, attributes], i): NodeSpec => {
    const read = inputs.map((name) => (name === '$' ? last : name));
    last = `way${i}`;
    return { op, inputs: read, outputs: [last], ...(attributes && { attributes }) };
  });
  const all: NodeSpec[] = [
    { op: 'Shape', inputs: ['ids'], outputs: ['shape'] },
    { op: 'Unsqueeze', inputs: ['token_type_ids', 'zero'], outputs: ['stacked'] },
    { op: 'Less', inputs: ['ids', 'least'], outputs: ['negative'] },
    ...way,
    { op: 'Gather', inputs: ['words', last], outputs: ['w'] },
    { op: 'Gather', inputs: ['types', 'token_type_ids'], outputs: ['t'] },
    { op: 'Add', inputs: ['w', 't'], outputs: ['sum'] },
    { op: 'LayerNormalization', inputs: ['sum', 'scale', 'bias'], outputs: ['y'] },
    { op: 'MatMul', inputs: ['y', 'same'], outputs: ['m'] },
    { op: 'Add', inputs: ['m', 'y'], outputs: ['more'] },
    { op: 'LayerNormalization', inputs: ['more', 'scale', 'bias'], outputs: ['hidden'] },
  ];
  const bytes = await modelBytes({
    opset: 17,
    tensors: [
      floats('words', [WORDS, WIDTH], numbers(WORDS, 1)),
      floats('types', [2, WIDTH], numbers(2, 2)),
      floats('scale', [WIDTH], [1, 1, 1, 1]),
      floats('bias', [WIDTH], [0, 0, 0, 0]),
      floats('same', [WIDTH, WIDTH], numbers(WIDTH, 3)),
      whole('flat', [1], -1),
      whole('zero', [1], 0),
      whole('one', [1], 1),
      whole('two', [1], 2),
      whole('most', [1], 2 ** 31),
      whole('first', [], 0),
      whole('least', [], 0),
      whole('highest', [], WORDS - 1),
      whole('words_count', [], WORDS),
    ],
    inputs: [ids('ids'), ids('token_type_ids')],
    outputs: [{ name: 'hidden', dtype: 'float32', dims: ['b', 's', WIDTH] }],
    nodes: all,
  });
  const path = join(folder, `${title}.onnx`);
  await writeFile(path, bytes);
  return path;
}

test.each(Object.entries(WAYS))('%s', async (title, steps) => {
  await using model = await OnnxModel.load(await file(title, steps));
  expect(model.report.inputs).toEqual({ ids: 'ids', token_type_ids: 'segments' });
  expect(model.report.verification?.difference).toBeLessThan(1e-5);
  const { graph } = insideOf(model).parts;
  expect({ vocabulary: graph.vocabulary, segments: graph.segments }).toEqual({
    vocabulary: WORDS,
    segments: 2,
  });
});
