/**
 * Sensitivities of products, and the search for those that stay f32, on a model that int8 breaks in one place.
 *
 * The model is the embedded one with one channel of the values of layer 2 made 4096 times as large and the column that reads it
 * as much smaller: powers of two, so f32 keeps its bits, but int8 spends the codes of that product's input on one channel.
 */

import { afterAll, describe, expect, it } from 'vitest';
import type { PrecisionState } from '../../lib/compress/mixed-precision.js';
import { modelOver } from '../../lib/models/adapted-model.js';
import { Classifier } from '../../lib/models/classifier.js';
import { Encoder } from '../../lib/models/encoder.js';
import { MaskedLM } from '../../lib/models/masked-lm.js';
import { measureSensitivity, searchMixedPrecision } from '../../lib/models/precision.js';
import { insideOf } from '../../lib/models/text-model.js';
import { deriveProgram } from '../../lib/runtime/program.js';
import { SharedProgram } from '../../lib/runtime/shared-program.js';

const GUILTY = 'encoder.layer.2.attention.output.dense';
const CHANNEL = 7;
const FACTOR = 4096;

const TEXTS = [
  'a red car stands in front of the house',
  'What is deep learning, and who needs it?',
  'the cat sat on the mat',
  'Shares fell by three percent on Tuesday.',
  'please cancel my card, it was stolen',
  'an unforgettable film, though half an hour too long',
];
const HELD = ['how do I top up by bank transfer?', 'rain is expected in the north', 'he sold it'];

/** The model with an outlying channel; `model` stays as it is. */
async function withOutlier(model: Encoder): Promise<Encoder> {
  const { parts } = insideOf(model);
  const { graph } = parts;
  return parts.program.use('test', async (program) => {
    const [value, bias] = ['weight', 'bias'].map(
      (name) => `encoder.layer.2.attention.self.value.${name}`,
    ) as [string, string];
    const written = new Map(
      [value, bias, `${GUILTY}.weight`].map((name) => [name, program.store.readWeight(name)]),
    );
    const width = 384;
    const [rows, column] = [written.get(value), written.get(`${GUILTY}.weight`)];
    if (rows === undefined || column === undefined) throw new Error('the weights are there');
    for (let i = 0; i < width; i++) {
      rows[CHANNEL * width + i] = (rows[CHANNEL * width + i] ?? 0) * FACTOR;
      column[i * width + CHANNEL] = (column[i * width + CHANNEL] ?? 0) / FACTOR;
    }
    const biases = written.get(bias) ?? new Float32Array();
    biases[CHANNEL] = (biases[CHANNEL] ?? 0) * FACTOR;
    const changed = await deriveProgram(graph, program.store, { trainable: false }, { written });
    return modelOver(model, { ...parts, program: new SharedProgram(changed) });
  });
}

function lowestCosine(a: { row(i: number): Float32Array }, b: typeof a, count: number): number {
  const cosines = Array.from({ length: count }, (_, i) =>
    a.row(i).reduce((sum, x, j) => sum + x * (b.row(i)[j] ?? 0), 0),
  );
  return Math.min(...cosines);
}

describe('a model that int8 breaks in one product', async () => {
  const plain = await Encoder.load();
  const model = await withOutlier(plain);
  afterAll(() => Promise.all([plain.dispose(), model.dispose()]));
  const wanted = await plain.embed(HELD);

  const gate = async (candidate: Encoder) => {
    const score = lowestCosine(wanted, await candidate.embed(HELD), HELD.length);
    return { score, passes: score > 0.99 };
  };

  it('has the vectors of the plain one in f32, and loses them in int8', async () => {
    expect((await model.embed(HELD)).data).toEqual(wanted.data);
    await using small = await model.quantize();
    expect((await gate(small)).score).toBeLessThan(0.98);
    await using fine = await plain.quantize();
    expect((await gate(fine)).passes).toBe(true);
  });

  it('shows the product, its noise and the outlying channel', async () => {
    const done: number[] = [];
    const found = await measureSensitivity(model, TEXTS, {
      score: async (candidate) => (await gate(candidate)).score,
      onProgress: (progress) => done.push(progress.done),
    });
    expect(found).toMatchObject({ measure: 'cosine', texts: TEXTS.length });
    expect(found.products).toHaveLength(25);
    expect(done).toEqual(Array.from({ length: 25 }, (_, i) => i + 1));
    const [worst, next] = found.products.toSorted((a, b) => b.divergence - a.divergence);
    expect(worst?.name).toBe(GUILTY);
    expect(worst?.divergence).toBeGreaterThan(10 * (next?.divergence ?? 1));
    expect(worst?.scoreChange).toBeLessThan(-0.02);
    expect(worst?.outlierRatio).toBeGreaterThan(100);
    expect(Math.min(...found.products.map(({ sqnr }) => sqnr))).toBe(worst?.sqnr);
    expect(found.score).toBeCloseTo(1, 6);
    const shares = found.products.map(({ macShare }) => macShare);
    const sum = shares.reduce((a, b) => a + b, 0);
    expect(sum).toBeGreaterThan(0.9);
    expect(sum).toBeLessThan(1);
    const again = await measureSensitivity(model, TEXTS);
    expect(again.products.map(({ divergence }) => divergence)).toEqual(
      found.products.map(({ divergence }) => divergence),
    );
  }, 120_000);

  it('is mended by keeping exactly this product, from any state of the search', async () => {
    const states: PrecisionState[] = [];
    const found = await searchMixedPrecision(model, {
      gate,
      texts: TEXTS,
      onState: (state) => states.push(structuredClone(state)),
    });
    expect(found).toMatchObject({ passes: true, exclude: [GUILTY] });
    expect(found.steps).toMatchObject([
      { product: null, kept: 0, passes: false },
      { product: GUILTY, kept: 1, passes: true, undone: false },
    ]);
    await using small = await model.quantize({ exclude: found.exclude });
    expect(small.quantization?.excluded).toEqual([GUILTY]);
    // The candidate of the search had the bits of the model that `quantize` makes.
    expect((await gate(small)).score).toBe(found.steps[1]?.score);
    for (const state of states.slice(0, -1)) {
      const saved = JSON.parse(JSON.stringify(state)) as PrecisionState;
      const resumed = await searchMixedPrecision(model, { gate, texts: TEXTS, state: saved });
      expect(resumed).toEqual(found);
    }
  }, 120_000);

  it('ends with CANCELLED', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const stopped = measureSensitivity(model, TEXTS, {
      signal,
      onProgress: () => controller.abort(),
    });
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
    const search = searchMixedPrecision(model, { gate, texts: TEXTS, signal });
    await expect(search).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('the search', () => {
  const fixture = (name: string) => `test/fixtures/encoders/${name}`;

  it('undoes a step that is worse, ranks anew and puts the product last; all of them may fail', async () => {
    await using model = await Classifier.load(fixture('bert-seqcls'));
    // Worse after the first step, better from then on.
    const scores = [0.5, 0.4, 0.6, 0.7];
    let asked = 0;
    const gate = () => ({ score: scores[asked++] ?? 0.8, passes: false });
    const { steps, exclude, passes } = await searchMixedPrecision(model, { gate, texts: TEXTS });
    expect(steps.map(({ undone }) => undone)).toEqual([false, true, ...Array(9).fill(false)]);
    expect(steps.at(-1)?.product).toBe(steps[1]?.product);
    expect(steps.map(({ kept }) => kept)).toEqual([0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect([passes, exclude.length]).toEqual([false, 9]);
    const few = await searchMixedPrecision(model, { gate, texts: TEXTS, maxProducts: 2 });
    expect([few.passes, few.exclude.length]).toEqual([false, 2]);
  });

  it('leaves a model alone that passes, and refuses wrong arguments', async () => {
    await using model = await Classifier.load(fixture('bert-seqcls'));
    const gate = () => ({ score: 1, passes: true });
    const found = await searchMixedPrecision(model, { gate, texts: TEXTS });
    expect(found).toMatchObject({ passes: true, exclude: [], steps: [{ product: null }] });
    const refused = (options: object) =>
      expect(searchMixedPrecision(model, { gate, texts: TEXTS, ...options } as never)).rejects;
    await refused({ gate: undefined }).toThrow(TypeError);
    await refused({ gate: () => ({ score: Number.NaN, passes: false }) }).toThrow(TypeError);
    await refused({ texts: 'one' }).toThrow(TypeError);
    await refused({ texts: [] }).toThrow(RangeError);
    await refused({ state: { kept: ['layer.9'], steps: [], ranking: null, last: null } }).toThrow(
      RangeError,
    );
    await refused({ maxProducts: 0 }).toThrow(RangeError);
  });
});

describe('divergences', () => {
  const fixture = (name: string) => `test/fixtures/encoders/${name}`;

  it('of a classifier are those of the probabilities of its logits', async () => {
    await using model = await Classifier.load(fixture('bert-seqcls'));
    await using small = await model.quantize();
    const [a, b] = [await model.logits(TEXTS), await small.logits(TEXTS)];
    const softmax = (row: Float32Array) => {
      const powers = Array.from(row, (x) => Math.exp(x));
      const sum = powers.reduce((x, y) => x + y, 0);
      return powers.map((x) => x / sum);
    };
    const divergences = TEXTS.map((_, i) => {
      const [p, q] = [softmax(a.row(i)), softmax(b.row(i))];
      return p.reduce((sum, x, k) => sum + x * Math.log(x / (q[k] ?? 0)), 0);
    });
    const mean = divergences.reduce((x, y) => x + y, 0) / TEXTS.length;
    const found = await measureSensitivity(model, TEXTS);
    expect(found.measure).toBe('kl');
    expect(mean).toBeGreaterThan(0);
    expect(found.divergence / mean).toBeCloseTo(1, 3);
  });

  it('are there for a masked language model with a tied table, and for shared layers', async () => {
    await using masked = await MaskedLM.load(fixture('bert-mlm'));
    const found = await measureSensitivity(masked, TEXTS);
    await using albert = await Encoder.load(fixture('albert'), { pooling: 'mean' });
    const shared = await measureSensitivity(albert, TEXTS);
    for (const { measure, products, divergence } of [found, shared]) {
      expect(divergence).toBeGreaterThan(0);
      expect(['kl', 'cosine']).toContain(measure);
      for (const product of products) {
        expect(product.divergence).toBeGreaterThan(0);
        expect(product.sqnr).toBeGreaterThan(10);
      }
    }
  });
});
