/**
 * Files that are fed their positions: where they begin is what the family counts from, what the caller says, or a reason to refuse.
 */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { firstPositionOf } from '../../../lib/architectures/first-position.js';
import { Encoder, OnnxModel } from '../../../lib/index.js';
import { insideOf } from '../../../lib/models/text-model.js';
import { floats, modelBytes, type ValueSpec } from './write-model.js';

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sinter-positions-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const WIDTH = 4;
const ROWS = 20;
const numbers = (seed: number) =>
  Array.from({ length: ROWS * WIDTH }, (_, i) => Math.sin(seed + 1.7 * i));

/** Normalises words[input_ids] + places[position_ids], and again with a layer that doubles it. */
async function fed(name: string, config: object | null): Promise<string> {
  const at = join(folder, name);
  await mkdir(at, { recursive: true });
  const ids = (title: string): ValueSpec => ({ name: title, dtype: 'int64', dims: ['b', 's'] });
  const bytes = await modelBytes({
    opset: 17,
    tensors: [
      floats('words', [ROWS, WIDTH], numbers(1)),
      floats('places', [ROWS, WIDTH], numbers(2)),
      floats('scale', [WIDTH], [1, 1, 1, 1]),
      floats('bias', [WIDTH], [0, 0, 0, 0]),
      floats('same', [WIDTH, WIDTH], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]),
    ],
    inputs: [ids('input_ids'), ids('position_ids')],
    outputs: [{ name: 'last_hidden_state', dtype: 'float32', dims: ['b', 's', WIDTH] }],
    nodes: [
      { op: 'Gather', inputs: ['words', 'input_ids'], outputs: ['w'] },
      { op: 'Gather', inputs: ['places', 'position_ids'], outputs: ['p'] },
      { op: 'Add', inputs: ['w', 'p'], outputs: ['sum'] },
      { op: 'LayerNormalization', inputs: ['sum', 'scale', 'bias'], outputs: ['y'] },
      { op: 'MatMul', inputs: ['y', 'same'], outputs: ['m'] },
      { op: 'Add', inputs: ['m', 'y'], outputs: ['doubled'] },
      {
        op: 'LayerNormalization',
        inputs: ['doubled', 'scale', 'bias'],
        outputs: ['last_hidden_state'],
      },
    ],
  });
  const file = join(at, 'model.onnx');
  await writeFile(file, bytes);
  if (config !== null) await writeFile(join(at, 'config.json'), JSON.stringify(config));
  return file;
}

/** Rows of the file for the tokens 7 and 9 where the first is at `first`. */
function expected(first: number): number[] {
  const [words, places] = [numbers(1), numbers(2)];
  return [7, 9].flatMap((id, t) => {
    const row = Array.from(
      { length: WIDTH },
      (_, k) => (words[id * WIDTH + k] ?? 0) + (places[(first + t) * WIDTH + k] ?? 0),
    );
    return normalised(normalised(row).map((value) => 2 * value));
  });
}

function normalised(row: readonly number[]): number[] {
  const mean = row.reduce((a, b) => a + b) / WIDTH;
  const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / WIDTH;
  return row.map((value) => (value - mean) / Math.sqrt(variance + 1e-5));
}

test.each([
  ['bert', { model_type: 'bert', pad_token_id: 0 }, undefined, 0],
  ['roberta', { model_type: 'roberta', pad_token_id: 1 }, undefined, 2],
  ['roberta-silent', { model_type: 'roberta' }, undefined, 2],
  ['xlm-roberta', { model_type: 'xlm-roberta', pad_token_id: 3 }, undefined, 4],
  ['mpnet', { model_type: 'mpnet', pad_token_id: 1 }, undefined, 2],
  ['said', null, 5, 5],
  ['said-otherwise', { model_type: 'roberta', pad_token_id: 1 }, 0, 0],
])('positions of %s begin where they do there', async (name, config, firstPosition, first) => {
  const file = await fed(name, config);
  await using model = await OnnxModel.load(
    file,
    firstPosition === undefined ? {} : { firstPosition },
  );
  const got = [...(await model.run([[7, 9]])).data];
  for (const [i, value] of expected(first).entries()) expect(got[i]).toBeCloseTo(value, 4);
  // The rows before the first are never used.
  expect(insideOf(model).parts.graph.maxTokens).toBe(ROWS - first);
});

test.each([
  ['nothing', null],
  ['unknown', { model_type: 'something-new' }],
])('with %s beside it the file is refused, and the option named', async (name, config) => {
  const failed = OnnxModel.load(await fed(name, config));
  await expect(failed).rejects.toMatchObject({ code: 'UNSUPPORTED_MODEL' });
  await expect(failed).rejects.toThrow(/position_ids.*firstPosition/);
});

test('the cache tells apart where positions begin', async () => {
  const file = await fed('cached', { model_type: 'bert' });
  process.env.SINTER_CACHE = join(folder, 'cache');
  try {
    const seen: boolean[] = [];
    for (const first of [0, 3, 0, 3]) {
      await using model = await OnnxModel.load(file, { firstPosition: first });
      const got = [...(await model.run([[7, 9]])).data];
      for (const [i, value] of expected(first).entries()) expect(got[i]).toBeCloseTo(value, 4);
      seen.push(model.report.cached);
    }
    expect(seen).toEqual([false, false, true, true]);
  } finally {
    process.env.SINTER_CACHE = 'off';
  }
});

test('firstPosition must be a count', async () => {
  const file = await fed('mistake', null);
  await expect(OnnxModel.load(file, { firstPosition: -1 })).rejects.toThrow(RangeError);
});

test('a padding that is no id tells nothing', () => {
  expect(firstPositionOf({ model_type: 'roberta', pad_token_id: 'x' })).toBeNull();
  expect(firstPositionOf({ model_type: 'roberta', pad_token_id: null })).toBeNull();
});

test('firstPosition is refused of a model that is fed no positions', async () => {
  const file = join(folder, 'unfed.onnx');
  await using encoder = await Encoder.load('test/fixtures/encoders/bert', { pooling: 'mean' });
  await encoder.exportOnnx(file);
  const said =
    /firstPosition \(--first-position\) must be left out: .* has no input of positions, got 2/;
  for (const refused of [
    () => OnnxModel.load(file, { firstPosition: 2 }),
    () => Encoder.load(file, { firstPosition: 2 }),
    () => Encoder.load('test/fixtures/encoders/bert', { firstPosition: 2, pooling: 'mean' }),
  ]) {
    await expect(refused()).rejects.toThrow(RangeError);
    await expect(refused()).rejects.toThrow(said);
  }
});
