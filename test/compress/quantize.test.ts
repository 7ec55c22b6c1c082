/**
 * Dynamic int8: which weights, how exact, and that the original is left alone.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../lib/graph/builder.js';
import { Classifier } from '../../lib/models/classifier.js';
import { Encoder } from '../../lib/models/encoder.js';
import { ensureLanes } from '../../lib/native/lanes.js';
import { buildProgram, deriveProgram } from '../../lib/runtime/program.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { readCodes } from '../native/toy.js';

const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/encoders/${name}`, import.meta.url));

/** A program over one table of s8 rows that are made from these. */
async function quantizedTable(values: Float32Array, width: number) {
  ensureLanes('test', undefined);
  const rows = values.length / width;
  const g = new GraphBuilder();
  g.output('hidden', g.embedding([{ weight: 'table', rows, index: 'token' }], width, 'x'));
  const graph = g.finish({ architecture: 'toy', maxTokens: 8, vocabulary: rows, segments: 1 });
  const [table] = graph.weights;
  if (table === undefined) throw new Error('there is a table');
  const bytes = new Uint8Array(values.buffer);
  const floats = await buildProgram(graph, { trainable: false }, (store) =>
    store.writeWeight('table', 0, 'f32', bytes),
  );
  const s8 = { ...graph, weights: [{ ...table, dtype: 's8' as const }] };
  return deriveProgram(s8, floats.store, { trainable: false });
}

describe('s8 weights made from f32', () => {
  it('are symmetric per row, round half to even and restore within half a step', async () => {
    const width = 5;
    const values = Float32Array.from([
      ...[-127, 126.5, 2.5, 3.5, -0.5],
      ...[0, 0, 0, 0, 0],
      ...[1e-3, -2e-3, 5e-4, 1.9e-3, -1e-6],
    ]);
    const program = await quantizedTable(values, width);
    const { data, scales } = await readCodes(program, 'table', 0, 3);
    expect([...data.subarray(0, 5)]).toEqual([-127, 126, 2, 4, 0]);
    expect([...data.subarray(5, 10)]).toEqual([0, 0, 0, 0, 0]);
    expect(scales[0]).toBe(1);
    for (const [i, value] of values.entries()) {
      const scale = scales[Math.floor(i / width)] ?? 0;
      expect(Math.abs((data[i] ?? 0) * scale - value)).toBeLessThanOrEqual(0.5001 * scale);
    }
  });
});

describe('quantize', () => {
  it('takes products over tokens and the token table, and leaves head, norms and the original', async () => {
    await using model = await Classifier.load(fixture('bert-seqcls'));
    const before = await model.logits(['the people']);
    await using small = await model.quantize();
    // Two layers of six matrices, and the token table.
    expect(small.quantization?.quantized).toBe(13);
    await using bare = await model.quantize({ embeddings: false });
    expect(bare.quantization?.quantized).toBe(12);
    expect(model.quantization).toBeNull();
    expect(await model.logits(['the people'])).toEqual(before);
    const { bytesBefore = 0, bytesAfter = 0 } = small.quantization ?? {};
    const [info, smallInfo] = [await model.info(), await small.info()];
    expect([info.storedBytes, smallInfo.storedBytes]).toEqual([bytesBefore, bytesAfter]);
    expect(smallInfo).toMatchObject({ quantized: true, parameters: info.parameters });
    const logits = await small.logits(['the people']);
    expect(logits).not.toEqual(before);
    for (const [i, value] of logits.data.entries()) {
      expect(Math.abs(value - (before.data[i] ?? 0))).toBeLessThan(0.1);
    }
  });

  it.each([8, 7] as const)(
    'makes the embedded model almost four times smaller and keeps its vectors with activations of %d bits',
    async (activationBits) => {
      await using encoder = await Encoder.load();
      await using small = await encoder.quantize({ activationBits });
      expect(small.quantization).toMatchObject({ activationBits });
      const { bytesBefore = 0, bytesAfter = 1 } = small.quantization ?? {};
      expect(bytesBefore / bytesAfter).toBeGreaterThan(3.7);
      const texts = ['a red car', 'What is Deep Learning?', 'the cat sat on the mat', 'naïve 東京'];
      const [a, b] = [await encoder.embed(texts), await small.embed(texts)];
      for (let i = 0; i < texts.length; i++) {
        const other = b.row(i);
        const cosine = a.row(i).reduce((sum, value, j) => sum + value * (other[j] ?? 0), 0);
        expect(cosine).toBeGreaterThan(activationBits === 8 ? 0.99 : 0.98);
      }
    },
  );

  it('the width of the activations is 8 by default, changes the result, and is kept by save and load', async () => {
    await using model = await Classifier.load(fixture('bert-seqcls'));
    expect(await model.info()).toMatchObject({ quantized: false, activationBits: null });
    const texts = ['the people', 'a red car', ''];
    const logits = new Map<8 | 7, Float32Array>();
    for (const activationBits of [8, 7] as const) {
      await using small = await model.quantize({ activationBits });
      expect(await small.info()).toMatchObject({ quantized: true, activationBits });
      const folder = join(await temporaryFolder(), 'model');
      await small.save(folder);
      const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as object;
      expect(config).toMatchObject({ quantization_config: { activation_bits: activationBits } });
      await using loaded = await Classifier.load(folder);
      expect(await loaded.info()).toMatchObject({ activationBits });
      const { data } = await small.logits(texts);
      expect(await loaded.logits(texts)).toMatchObject({ data });
      logits.set(activationBits, data);

      const wider = {
        ...config,
        quantization_config: { quant_method: 'sinter', activation_bits: 9 },
      };
      await writeFile(join(folder, 'config.json'), JSON.stringify(wider));
      await expect(Classifier.load(folder)).rejects.toMatchObject({
        code: 'UNSUPPORTED_MODEL',
        message: expect.stringContaining('activation_bits 9 (supported: "sinter" with 8 or 7)'),
      });
    }
    expect(logits.get(8)).not.toEqual(logits.get(7));
    await using standard = await model.quantize();
    expect((await standard.logits(texts)).data).toEqual(logits.get(8));
    await using bare = await model.quantize({ activationBits: 7, embeddings: false });
    expect(bare.quantization?.activationBits).toBe(7);
  });

  it('refuses another width', async () => {
    await using encoder = await Encoder.load(fixture('bert'), { pooling: 'mean' });
    for (const [activationBits, error] of [
      [6, RangeError],
      ['8', TypeError],
    ] as const) {
      const refused = encoder.quantize({ activationBits: activationBits as never });
      const message = `quantize: activationBits must be one of 8, 7, got ${JSON.stringify(activationBits)}`;
      await expect(refused).rejects.toThrow(new error(message));
    }
  });

  it('refuses to be done twice, to be trained, to be the base of a classifier', async () => {
    await using encoder = await Encoder.load(fixture('bert'), { pooling: 'mean' });
    await using small = await encoder.quantize();
    const unsupported = { code: 'UNSUPPORTED_MODEL' };
    await expect(small.quantize()).rejects.toMatchObject(unsupported);
    await expect(small.classifier({ labels: ['a', 'b'] })).rejects.toMatchObject(unsupported);
    await using model = await Classifier.load(fixture('bert-seqcls'));
    await using smaller = await model.quantize();
    const rows = [{ text: 'x', label: 'LABEL_0' }];
    await expect(smaller.train(rows)).rejects.toMatchObject(unsupported);
    await expect(encoder.quantize({ embedding: true } as never)).rejects.toThrow(TypeError);
    const signal = AbortSignal.abort();
    await expect(encoder.quantize({ signal })).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
