/**
 * Models as ONNX files, run by onnxruntime-node on padded batches and compared with Sinter's own results.
 */

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Matrix } from '../../lib/core/matrix.js';
import { Classifier } from '../../lib/models/classifier.js';
import { Encoder } from '../../lib/models/encoder.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { runOnnx } from './run-onnx.js';

const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/encoders/${name}`, import.meta.url));

const TEXTS = ['a red car', 'What is Deep Learning?', '', 'the people of the united states'];

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) =>
    x.reduce((sum, v, i) => sum + v * (y[i] ?? 0), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

function expectClose(ours: Matrix, theirs: Float32Array): void {
  expect(theirs).toHaveLength(ours.data.length);
  const worst = Math.max(...ours.data.map((v, i) => Math.abs(v - (theirs[i] ?? Number.NaN))));
  expect(worst).toBeLessThan(1e-4);
}

/** The tokenizer's files, which every export has beside it. */
const TOKENIZER = ['special_tokens_map.json', 'tokenizer.json', 'tokenizer_config.json'];

describe('exportOnnx', () => {
  it('replaces a file that is there only with overwrite', async () => {
    const folder = await temporaryFolder();
    await using encoder = await Encoder.load(fixture('bert'), { pooling: 'mean' });
    const path = join(folder, 'model.onnx');
    await writeFile(path, 'mine');
    const refused = encoder.exportOnnx(path);
    await expect(refused).rejects.toThrow(RangeError);
    await expect(refused).rejects.toThrow(
      /exportOnnx: path must be a new file \(or pass overwrite: true\), got ".*model\.onnx"/,
    );
    expect(await readFile(path, 'utf8')).toBe('mine');
    await encoder.exportOnnx(path, { overwrite: true });
    expect((await readFile(path)).length).toBeGreaterThan(1000);
    await writeFile(join(folder, 'other.onnx_data'), 'mine');
    const outside = encoder.exportOnnx(join(folder, 'other.onnx'), { externalData: true });
    await expect(outside).rejects.toThrow(/got ".*other\.onnx_data"/);
    expect((await readdir(folder)).sort()).toEqual(['model.onnx', 'other.onnx_data', ...TOKENIZER]);
    await expect(encoder.exportOnnx(path, { overwrite: 1 as never })).rejects.toThrow(TypeError);
  });

  it('the embedded encoder, f32 and int8', async () => {
    const folder = await temporaryFolder();
    await using encoder = await Encoder.load();
    await encoder.exportOnnx(join(folder, 'f32.onnx'));
    const f32 = await runOnnx(join(folder, 'f32.onnx'), encoder, 'sentence_embedding', TEXTS);
    expectClose(await encoder.embed(TEXTS), f32);
    let wide = f32;
    // The file rounds zero points a little otherwise, so that single codes differ by one: of the size of the loss itself.
    for (const [activationBits, least] of [
      [8, 0.99],
      [7, 0.95],
    ] as const) {
      await using small = await encoder.quantize({ activationBits });
      const path = join(folder, `int8-${activationBits}.onnx`);
      await small.exportOnnx(path);
      const int8 = await runOnnx(path, small, 'sentence_embedding', TEXTS);
      const ours = await small.embed(TEXTS);
      for (let i = 0; i < TEXTS.length; i++) {
        const row = int8.subarray(i * ours.cols, (i + 1) * ours.cols);
        expect(cosine(ours.row(i), row), TEXTS[i]).toBeGreaterThan(least);
      }
      // Codes of 8 bits under the name of 7 would pass the cosine.
      expect(Math.max(...int8.map((v, i) => Math.abs(v - (wide[i] ?? 0))))).toBeGreaterThan(1e-3);
      wide = int8;
      const tensor = small.exportOnnx(path, { activations: 'tensor', overwrite: true });
      if (activationBits === 8) await tensor;
      else await expect(tensor).rejects.toThrow(RangeError);
    }
  }, 60_000);

  it('a classifier, at three opsets', async () => {
    const folder = await temporaryFolder();
    await using model = await Classifier.load(fixture('bert-seqcls'));
    const ours = await model.logits(TEXTS);
    for (const opset of [14, 17, 21] as const) {
      const path = join(folder, `${opset}.onnx`);
      await model.exportOnnx(path, { opset });
      expectClose(ours, await runOnnx(path, model, 'logits', TEXTS));
    }
    const wrong = model.exportOnnx(join(folder, 'x.onnx'), { opset: 5 as never });
    await expect(wrong).rejects.toThrow(
      new RangeError('exportOnnx: opset must be one of 14, 15, 16, 17, 18, 19, 20, 21, got 5'),
    );
    await expect(model.exportOnnx(join(folder, 'no', 'x.onnx'))).rejects.toThrow(RangeError);
    expect((await readdir(folder)).sort()).toEqual(['14.onnx', '17.onnx', '21.onnx', ...TOKENIZER]);
  });
});
