/**
 * Forms of a file besides its numbers: data in a second file, outputs of question answering, shared weights, types of
 * f16 files, ranges of static int8.
 */

import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { atOnce } from '../../lib/core/turns.js';
import { ActivationHistogram } from '../../lib/formats/onnx/activation-histogram.js';
import type { OnnxOptions } from '../../lib/formats/onnx/onnx-options.js';
import { activationCodes } from '../../lib/formats/onnx/ranges.js';
import { writeOnnx } from '../../lib/formats/onnx/write-onnx.js';
import { checkModel } from './check-model.js';
import { parseOnnx } from './parse.js';
import { quantizedGraph, runOnnx, weightSource, withFolder } from './support.js';
import { tinyGraph, tinySource } from './tiny.js';
import { batchOf, difference, runToy, textsOf } from './toy-runs.js';
import { type Toy, toys } from './toys.js';

function toy(name: string): Toy {
  const found = toys().find((one) => one.name === name);
  if (found === undefined) throw new Error(name);
  return found;
}

const BERT = toy('bert classification');
const DECODER = toy('bert masked language model, tied');

async function write(folder: string, name: string, of: Toy, options: Partial<OnnxOptions> = {}) {
  const path = join(folder, name);
  await writeOnnx(path, of.graph, weightSource(of.graph, of.weights), {
    precision: 'f32',
    outputs: ['logits'],
    producerVersion: '0',
    ...options,
  });
  return path;
}

describe('data in a second file', () => {
  it('has the same numbers, on pages, and the model is small', async () => {
    await withFolder(async (folder) => {
      const texts = textsOf(BERT);
      const [inside, outside] = [
        await write(folder, 'inside.onnx', BERT),
        await write(folder, 'outside.onnx', BERT, { externalData: true }),
      ];
      const parsed = parseOnnx(await readFile(outside));
      checkModel(parsed);
      const placed = parsed.tensors.filter(({ external }) => external.size > 0);
      expect(placed.length).toBeGreaterThan(5);
      const data = await readFile(`${outside}_data`);
      for (const { external } of placed) {
        expect(external.get('location')).toBe('outside.onnx_data');
        expect(Number(external.get('offset')) % 4096).toBe(0);
        const end = Number(external.get('offset')) + Number(external.get('length'));
        expect(end).toBeLessThanOrEqual(data.length);
      }
      // Shapes and small vectors stay inside.
      expect(
        parsed.tensors.filter(({ type, external }) => type === 7 && external.size > 0),
      ).toEqual([]);
      const [a, b] = [
        await runOnnx(inside, batchOf(texts)),
        await runOnnx(outside, batchOf(texts)),
      ];
      expect(b.logits?.data).toEqual(a.logits?.data);
      expect(b.logits?.data.some((x) => x !== 0)).toBe(true);
    });
  });

  it('a failure leaves the pair that was there', async () => {
    await withFolder(async (folder) => {
      const path = await write(folder, 'model.onnx', BERT, { externalData: true });
      const before = await Promise.all([path, `${path}_data`].map((file) => readFile(file)));
      const source = weightSource(BERT.graph, BERT.weights);
      const broken = { ...source, f32: () => Promise.reject(new Error('the disk is gone')) };
      const options = { precision: 'f32', outputs: ['logits'], externalData: true } as const;
      const failed = writeOnnx(path, BERT.graph, broken, { ...options, producerVersion: '0' });
      await expect(failed).rejects.toThrow('the disk is gone');
      expect((await readdir(folder)).sort()).toEqual(['model.onnx', 'model.onnx_data']);
      const after = await Promise.all([path, `${path}_data`].map((file) => readFile(file)));
      expect(after).toEqual(before);
    });
  });

  it('a model that cannot take its name puts the old data back', async () => {
    await withFolder(async (folder) => {
      // A folder with content cannot be replaced by a file.
      await mkdir(join(folder, 'model.onnx'));
      await writeFile(join(folder, 'model.onnx', 'file'), '');
      await writeFile(join(folder, 'model.onnx_data'), 'old');
      await expect(write(folder, 'model.onnx', BERT, { externalData: true })).rejects.toThrow();
      expect(await readFile(join(folder, 'model.onnx_data'), 'utf8')).toBe('old');
      expect((await readdir(folder)).sort()).toEqual(['model.onnx', 'model.onnx_data']);
    });
  });
});

describe('question answering', () => {
  it('gives start_logits and end_logits', async () => {
    const spans = toy('roberta spans, relu');
    const texts = textsOf(spans);
    await withFolder(async (folder) => {
      const outputs = ['hidden', 'logits'] as const;
      const path = await write(folder, 'model.onnx', spans, { spans: true, outputs });
      const model = parseOnnx(await readFile(path));
      checkModel(model);
      expect(model.outputs.map(({ name, dims }) => [name, dims])).toEqual([
        ['last_hidden_state', ['batch', 'sequence', 16]],
        ['start_logits', ['batch', 'sequence']],
        ['end_logits', ['batch', 'sequence']],
      ]);
      const {
        start_logits: starts,
        end_logits: ends,
        ...rest
      } = await runOnnx(path, batchOf(texts));
      const data = Float32Array.from(
        [...(starts?.data ?? [])].flatMap((x, i) => [x, ends?.data[i] ?? 0]),
      );
      const joined = { ...rest, logits: { dims: [...(starts?.dims ?? []), 2], data } };
      expect(difference(spans, texts, joined)).toBeLessThan(1e-5);
    });
  });

  it('is refused for other logits', async () => {
    await withFolder(async (folder) => {
      await expect(write(folder, 'model.onnx', BERT, { spans: true })).rejects.toThrow(
        'spans must be false for a model whose logits are not two per token, got true',
      );
    });
  });
});

describe('shared weights', () => {
  it.each(['f32', 'f16', 'int8'] as const)('%s: a tied table is stored once', async (precision) => {
    const graph = precision === 'int8' ? quantizedGraph(DECODER.graph, true) : DECODER.graph;
    const { parsed } = await runToy(DECODER, [], { precision, graph });
    const large = parsed.tensors.filter(({ dims }) => dims.includes(40) && dims.includes(16));
    expect(large.map(({ name }) => name)).toEqual([
      precision === 'int8' ? 'words.quantized' : 'words',
    ]);
  });

  it('shared layers are stored once', async () => {
    const albert = toy('albert, shared layers, projection');
    const { parsed } = await runToy(albert, []);
    expect(parsed.nodes.filter(({ op }) => op === 'Softmax').length).toBe(3);
    expect(parsed.tensors.filter(({ name }) => name.startsWith('layer.up.weight')).length).toBe(1);
  });
});

describe('f16', () => {
  it('gives f32 outputs, f16 ones on request', async () => {
    for (const [outputType, type] of [
      ['f32', 1],
      ['f16', 10],
    ] as const) {
      await withFolder(async (folder) => {
        const options = { precision: 'f16', outputType, outputs: ['hidden', 'logits'] } as const;
        const model = parseOnnx(await readFile(await write(folder, 'm.onnx', BERT, options)));
        checkModel(model);
        expect(model.outputs.map((output) => output.type)).toEqual([type, type]);
      });
    }
  });

  it('is half the size', async () => {
    await withFolder(async (folder) => {
      const sizes = await Promise.all(
        (['f32', 'f16'] as const).map(async (precision) => {
          const options = { precision, externalData: true };
          return (await stat(`${await write(folder, precision, BERT, options)}_data`)).size;
        }),
      );
      expect((sizes[1] ?? 0) / (sizes[0] ?? 1)).toBeLessThan(0.6);
    });
  });

  it('a weight beyond its range is refused by name', async () => {
    const graph = tinyGraph({ vocabulary: 3, width: 2, outputs: 2 });
    const source = tinySource(graph, [1, 2, 3, 4, 5, 70000], [1, 2, 3, 4]);
    await withFolder(async (folder) => {
      const options = { precision: 'f16', outputs: ['hidden'], producerVersion: '0' } as const;
      await expect(writeOnnx(join(folder, 'm.onnx'), graph, source, options)).rejects.toMatchObject(
        {
          code: 'INVALID_DATA',
          message:
            'ONNX export: weight "table" has 70000, too large for f16; export it with precision "f32"',
        },
      );
    });
  });
});

describe('static int8', () => {
  it.each([
    ['uint8', { min: -0.5, max: 1.5 }, [0, 0.4]],
    ['int8', { min: -2, max: 1 }, [0, 0.4]],
  ] as const)('%s codes on paper', async (codes, range, [first, second]) => {
    const graph = quantizedGraph(tinyGraph({ vocabulary: 2, width: 2, outputs: 2 }), false);
    const source = tinySource(graph, [first, second, 7, -7], [1, 0, 0, 1]);
    const { scale, zeroPoint } = activationCodes(range, codes);
    const [low, high] = codes === 'uint8' ? [0, 255] : [-128, 127];
    const through = (x: number): number =>
      (Math.min(Math.max(Math.round(x / scale) + zeroPoint, low), high) - zeroPoint) * scale;
    await withFolder(async (folder) => {
      const path = join(folder, 'm.onnx');
      const ranges = new Map([['wide', range]]);
      const options = { precision: 'int8-static', outputs: ['hidden'], ranges, codes } as const;
      await writeOnnx(path, graph, source, { ...options, producerVersion: '0' });
      const batch = { input_ids: [[0, 1]], attention_mask: [[1, 1]] };
      const got = [...((await runOnnx(path, batch)).last_hidden_state?.data ?? [])];
      const wanted = [first, second, 7, -7].map(through);
      for (const [i, x] of wanted.entries()) expect(got[i]).toBeCloseTo(x, 5);
    });
  });

  it('0 has a code of its own', () => {
    expect(activationCodes({ min: 0, max: 2.55 }, 'uint8').zeroPoint).toBe(0);
    expect(activationCodes({ min: 1, max: 2.55 }, 'uint8')).toMatchObject({ zeroPoint: 0 });
    expect(activationCodes({ min: -2.55, max: -1 }, 'uint8').zeroPoint).toBe(255);
    expect(activationCodes({ min: 0, max: 0 }, 'uint8').scale).toBeGreaterThan(0);
  });

  it('a histogram finds the range that keeps a share of the numbers', () => {
    const histogram = new ActivationHistogram();
    const values = Float32Array.from({ length: 10000 }, (_, i) => (i - 5000) / 1000);
    atOnce(histogram.add(values, null));
    atOnce(histogram.add(Float32Array.of(1000, -500), null));
    expect(histogram.range(100)).toEqual({ min: -500, max: 1000 });
    const { min, max } = histogram.range(99.9);
    // Five numbers of ten thousand lie beyond either end; bins are about one percent wide.
    for (const end of [-min, max]) expect(Math.abs(end - 4.995)).toBeLessThan(0.06);
    const scaled = new ActivationHistogram();
    atOnce(scaled.add(Float32Array.of(1, 1, -1, -1), Float32Array.of(2, 3)));
    expect(scaled.range(100)).toEqual({ min: -3, max: 3 });
  });
});
