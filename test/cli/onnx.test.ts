/**
 * ONNX files on the command line: written, inspected, converted back; what comes back computes the same bits.
 */
import { readdir } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { Classifier, Encoder } from '../../lib/index.js';
import { jsonOf, Scratch, sinter, TINY } from './support.js';

const scratch = new Scratch();
let onnx = '';

beforeAll(async () => {
  onnx = scratch.path('onnx');
  const args = ['convert', '--model', TINY, '--to', 'onnx', '--precisions', 'f32', '--out', onnx];
  expect((await sinter(args)).code).toBe(0);
});

describe('an ONNX folder', () => {
  it('is inspected: what was recovered, folded and verified', async () => {
    const { code, stdout } = await sinter(['inspect', `${onnx}/onnx/model.onnx`]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/task +classification \(bert\)/);
    expect(stdout).toMatch(/rules +.*gelu-arithmetic \d/);
    expect(stdout).toMatch(/verified +.*differ by \d/);
    const json = jsonOf<{
      family: string;
      inputs: object;
      outputs: object;
      verification: { difference: number };
    }>(await sinter(['inspect', onnx, '--json', '--no-graph']));
    expect(json.family).toBe('bert');
    expect(Object.values(json.inputs)).toContain('ids');
    expect(Object.values(json.outputs)).toContain('logits');
    expect(json.verification.difference).toBeLessThan(1e-4);
  });

  it('loads as the model that it was written from, to the bit', async () => {
    await using from = await Classifier.load(TINY);
    await using back = await Classifier.load(onnx);
    const texts = ['a good day', 'an awful, long and rainy day', ''];
    expect(await back.predict(texts)).toEqual(await from.predict(texts));
    await using encoder = await Encoder.load(onnx, { pooling: 'mean' });
    await using own = await Encoder.load(TINY, { pooling: 'mean' });
    expect((await encoder.embed(texts)).data).toEqual((await own.embed(texts)).data);
    // A new head on it learns.
    await using classifier = await encoder.classifier({ labels: ['bad', 'good'] });
    const rows = Array.from({ length: 32 }, (_, i) => ({
      text: i % 2 ? 'good fine nice' : 'bad awful poor',
      label: i % 2 ? ('good' as const) : ('bad' as const),
    }));
    const { steps } = await classifier.train(rows, { epochs: 6, learningRate: 5e-3, batchSize: 8 });
    expect(steps.at(-1)?.loss).toBeLessThan((steps[0]?.loss ?? 0) / 2);
  });

  it('is converted to a model folder', async () => {
    const out = scratch.path('back');
    const { code } = await sinter(['convert', '--model', onnx, '--out', out]);
    expect(code).toBe(0);
    expect(await readdir(out)).toEqual(
      expect.arrayContaining(['config.json', 'model.safetensors', 'tokenizer.json']),
    );
    await using from = await Classifier.load(TINY);
    await using back = await Classifier.load(out);
    expect(await back.predict(['a good day'])).toEqual(await from.predict(['a good day']));
  });

  it('refuses what the file does not have', async () => {
    const out = scratch.path('never');
    const { code, stderr } = await sinter([
      ...['convert', '--model', onnx, '--out', out, '--precision', 'int8'],
    ]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/precision/);
  });
});
