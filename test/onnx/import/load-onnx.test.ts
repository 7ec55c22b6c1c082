/**
 * ONNX files as models: token ids in, saved as folders, written as ONNX again; and the real int8 file.
 */

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildFolder } from '../../../lib/checkpoint/load-model.js';
import { readOnnxFolder } from '../../../lib/checkpoint/onnx/onnx-folder.js';
import { readHfFolder } from '../../../lib/formats/hf-folder.js';
import { importOnnx } from '../../../lib/formats/onnx/import/index.js';
import { unify } from '../../../lib/graph/unify.js';
import { Encoder, OnnxModel } from '../../../lib/index.js';
import { insideOf } from '../../../lib/models/text-model.js';
import { readCodes } from '../../native/toy.js';
import { golden, ONNX_FIXTURES, zooCases } from './zoo.js';

const CASES = zooCases(join(ONNX_FIXTURES, 'zoo'));
const REAL = fileURLToPath(
  new URL('../../../../shared/models/bge-small-zh-v1.5-q/model.onnx', import.meta.url),
);
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sinter-onnx-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function caseOf(start: string) {
  const found = CASES.find(({ name }) => name.startsWith(start));
  if (found === undefined) throw new Error(`no case ${start}`);
  return found;
}

async function idsOf(name: string): Promise<number[][]> {
  const inputs = await golden(caseOf(name), 'b3', 'input');
  const [ids, mask] = ['input_ids', 'attention_mask'].map((input) => inputs.get(input));
  const [batch = 0, length = 0] = ids?.dims ?? [];
  return Array.from({ length: batch }, (_, b) =>
    Array.from({ length }, (_, s) => b * length + s)
      .filter((t) => mask?.data[t] !== 0)
      .map((t) => Number(ids?.data[t])),
  );
}

const NAMES = CASES.map(({ name }) => name);
const SENTENCE = NAMES.find(
  (name) => name === 'optimum_st_mean_norm' || name.startsWith('st_bert'),
);
const SOME = [SENTENCE, NAMES.find((n) => n.startsWith('modernbert')), 'nomic_like_ts17'].filter(
  (name): name is string => name !== undefined && NAMES.includes(name),
);

test('token ids in, sentence vectors out', async () => {
  await using model = await OnnxModel.load(caseOf(SENTENCE ?? '').model);
  const ids = await idsOf(SENTENCE ?? '');
  const vectors = await model.run(ids);
  const output = model.report.outputs.sentence_embedding;
  expect(output).toBe('embedding');
  const wanted = (await golden(caseOf(SENTENCE ?? ''), 'b3', 'output')).get('sentence_embedding');
  const apart = vectors.data.map((x, i) => Math.abs(x - (wanted?.data[i] ?? Number.NaN)));
  expect(Math.max(...apart)).toBeLessThan(1e-5);
  // A text alone has the same bits.
  const alone = await model.run([ids[1] ?? []]);
  expect(alone.row(0)).toEqual(vectors.row(1));
  await expect(model.tokenize('a text')).rejects.toThrow(/no tokenizer/);
});

test('mistakes in token ids are named', async () => {
  await using model = await OnnxModel.load(CASES[0]?.model ?? '', { verify: false });
  await expect(model.run([[1, 2], [99999]])).rejects.toThrow(/ids\[1\]\[0\]/);
  await expect(model.run([[]])).rejects.toThrow(/ids\[0\]/);
  await expect(model.run([[1.5]])).rejects.toThrow(RangeError);
  expect(model.report.verification).toBeNull();
});

describe.each(SOME)('%s', (name) => {
  test('saved as a folder it computes the same bits', async () => {
    await using model = await OnnxModel.load(caseOf(name).model);
    const ids = await idsOf(name);
    const before = await model.run(ids, { output: 'hidden' });
    const out = join(folder, name);
    await model.save(out);
    const saved = await readHfFolder(out);
    const { task } = insideOf(model).parts.head;
    const settings = { lanes: undefined, signal: undefined, seed: 0 };
    const { graph, program } = await buildFolder('test', saved, { task }, settings);
    await saved.close();
    try {
      const own = insideOf(model).parts.graph;
      expect(unify(own, graph, { outputs: ['hidden'], dropout: true }).difference).toBeUndefined();
      for (const { name: weight, shape } of graph.weights) {
        const rows = shape[0] ?? 0;
        const wanted = await insideOf(model).use('test', (p) =>
          p.store.readWeight(weight, 0, rows),
        );
        expect(program.store.readWeight(weight, 0, rows)).toEqual(wanted);
      }
      expect(before.rows).toBeGreaterThan(0);
    } finally {
      program.dispose();
    }
  });

  test('written as ONNX and imported again it is the same graph', async () => {
    await using model = await OnnxModel.load(caseOf(name).model);
    const out = join(folder, `${name}.onnx`);
    await model.exportOnnx(out);
    const again = await readOnnxFolder(out, { widen: false });
    const { graph } = insideOf(model).parts;
    const options = { outputs: ['hidden'], dropout: false } as const;
    expect(unify(again.named.graph, graph, options).difference).toBeUndefined();
    expect(again.named.sentence).toEqual(
      graph.outputs.embedding === undefined
        ? null
        : { pooling: ['mean'], modules: [{ kind: 'normalize' }] },
    );
  });
});

describe.runIf(existsSync(REAL))(
  'bge-small-zh-v1.5, int8 by ONNX Runtime (../shared/models)',
  () => {
    const texts = ['今天天气很好', '今天天气不错', '股票市场大幅下跌'];

    test('keeps every integer of the file', async () => {
      const imported = await importOnnx(REAL);
      const onnx = await readOnnxFolder(REAL, { widen: false });
      expect(onnx.quantized.size).toBe(25);
      await using model = await OnnxModel.load(REAL);
      expect(model.quantization).not.toBeNull();
      const { use, parts } = insideOf(model);
      let compared = 0;
      for (const { name, shape, dtype } of parts.graph.weights) {
        if (dtype !== 's8') continue;
        const [rows = 0, width = 0] = shape;
        const got = await use('test', (program) => readCodes(program, name, 0, rows));
        const source = onnx.named.sources.get(name);
        if (source?.kind !== 'matrix') throw new Error(name);
        const [piece] = source.matrix.pieces;
        const weight = imported.plain.quantized.get(piece?.source ?? '');
        if (weight === undefined || piece === undefined) throw new Error(name);
        const codes = weight.readCodes();
        const stride = weight.dims[1] ?? 1;
        for (let row = 0; row < rows; row += 7) {
          const zero = weight.zeroPoints[weight.axis === null ? 0 : row] ?? 0;
          expect(got.scales[row]).toBe(weight.scales[weight.axis === null ? 0 : row]);
          for (let c = 0; c < width; c++) {
            const at = piece.transposed ? c * stride + row : row * stride + c;
            if (got.data[row * width + c] !== (codes[at] ?? 0) - zero)
              throw new Error(`${name} ${row}`);
            compared++;
          }
        }
      }
      expect(compared).toBeGreaterThan(3e6);
    });

    test('embeds texts, in int8 and widened to f32, alike', async () => {
      const settings = { pooling: 'cls', normalize: true } as const;
      await using int8 = await Encoder.load(REAL, settings);
      await using wide = await Encoder.load(REAL, { ...settings, widen: true });
      const [a, b] = [await int8.embed(texts), await wide.embed(texts)];
      const dot = (x: Float32Array, y: Float32Array) =>
        x.reduce((sum, v, i) => sum + v * (y[i] ?? 0), 0);
      for (let i = 0; i < texts.length; i++) expect(dot(a.row(i), b.row(i))).toBeGreaterThan(0.99);
      expect(dot(b.row(0), b.row(1))).toBeGreaterThan(dot(b.row(0), b.row(2)) + 0.2);
      expect((await int8.info()).quantized).toBe(true);
      expect((await wide.info()).quantized).toBe(false);
    });
  },
);
