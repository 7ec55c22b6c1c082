/** Few-shot training: the encoder on pairs of rows, then the head on the vectors of the rows. */

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Classifier, CrossEncoder, Encoder, type StepProgress } from '../../lib/index.js';
import { encoderFolder } from '../architectures/encoders.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { expectSameBits } from '../kernels/native-test.js';

const TINY = encoderFolder('bert') ?? '';
const WORDS = 'the of and to in that is for our we'.split(' ');
const rows = Array.from({ length: 20 }, (_, i) => {
  const first = (i * 7) % WORDS.length;
  const text = [0, 3, 5].map((step) => WORDS[(first + step * i) % WORDS.length]).join(' ');
  return { text, label: first < 5 ? 'low' : 'high' };
});
const texts = rows.map(({ text }) => text);
const labels = ['low', 'high'];
const FEW = { method: 'few-shot', epochs: 20, batchSize: 8 } as const;
const fresh = () => Classifier.load(TINY, { labels, newHead: true, seed: 3 });

describe("method: 'few-shot'", () => {
  it('trains both phases, tells their progress and evaluates the whole classifier', async () => {
    await using model = await fresh();
    const progress: StepProgress[] = [];
    const phases: unknown[] = [];
    const report = await model.train(rows, {
      ...FEW,
      fewShot: { numEpochs: 2, bodyLearningRate: 2e-3 },
      eval: rows,
      onStep: (one) => void progress.push(one),
      onEpoch: ({ phase, eval: scores }) => void phases.push([phase, scores !== null]),
    });
    // 100 pairs of two labels, and 90 of one label until there are as many.
    expect(report.embedding).toMatchObject({ pairs: 200, positives: 100 });
    expect(report.embedding?.steps).toHaveLength(2 * Math.ceil(200 / 16));
    const losses = report.embedding?.epochs.map(({ trainLoss }) => trainLoss) ?? [];
    expect(losses[1]).toBeLessThan(losses[0] ?? 0);
    expect(report.steps).toHaveLength(60);
    expect(progress.map(({ phase }) => phase)).toEqual([
      ...Array(26).fill('embedding'),
      ...Array(60).fill('head'),
    ]);
    expect(progress[0]).toMatchObject({ step: 1, totalSteps: 26, totalEpochs: 2 });
    expect(progress[26]).toMatchObject({ step: 1, totalSteps: 60, totalEpochs: 20 });
    expect(phases.slice(0, 3)).toEqual([
      ['embedding', false],
      ['embedding', false],
      ['head', true],
    ]);
    const { accuracy, loss } = await model.evaluate(rows);
    expect(report.evaluations.at(-1)?.scores).toMatchObject({ accuracy, loss });
    expect(accuracy).toBeGreaterThan(0.9);
    const { training, untrained } = await model.info();
    expect(training).toMatchObject({
      settings: { method: 'few-shot', epochs: 20, learningRate: 1e-2, fewShot: { numEpochs: 2 } },
    });
    expect(untrained).toEqual([]);
  });

  it('puts rows of one label closer together than the encoder had them', async () => {
    await using model = await fresh();
    const gap = async (path: string) => {
      await using encoder = await Encoder.load(path, { pooling: 'cls' });
      const vectors = await encoder.embed(texts);
      const means = [0, 0];
      const counts = [0, 0];
      for (let i = 0; i < rows.length; i++) {
        for (let j = 0; j < i; j++) {
          const kind = rows[i]?.label === rows[j]?.label ? 0 : 1;
          means[kind] = (means[kind] ?? 0) + cosine(vectors.row(i), vectors.row(j));
          counts[kind] = (counts[kind] ?? 0) + 1;
        }
      }
      return (means[0] ?? 0) / (counts[0] ?? 1) - (means[1] ?? 0) / (counts[1] ?? 1);
    };
    const folder = join(await temporaryFolder(), 'model');
    await model.train(rows, {
      ...FEW,
      epochs: 1,
      fewShot: { numEpochs: 6, bodyLearningRate: 1e-3 },
    });
    await model.save(folder);
    expect(await gap(folder)).toBeGreaterThan((await gap(TINY)) + 0.1);
  });

  it('gives the same bits again with the same seed, and others with another', async () => {
    const run = async (seed: number) => {
      await using model = await fresh();
      await model.train(rows, { ...FEW, epochs: 2, seed, fewShot: { numIterations: 1 } });
      return (await model.logits(texts)).data;
    };
    expectSameBits(await run(1), await run(1), 'logits');
    expect(await run(2)).not.toEqual(await run(1));
  });

  it.each(['embedding', 'head'] as const)(
    'leaves the model as it was when it is aborted in the phase %s',
    async (at) => {
      await using model = await fresh();
      const before = (await model.logits(texts)).data;
      const abort = new AbortController();
      const running = model.train(rows, {
        ...FEW,
        signal: abort.signal,
        onStep: ({ phase, step }) => {
          if (phase === at && step === 3) abort.abort();
        },
      });
      await expect(running).rejects.toMatchObject({ code: 'CANCELLED' });
      expectSameBits((await model.logits(texts)).data, before, 'logits');
    },
  );

  it('trains on rows with several labels: a pair that shares one belongs together', async () => {
    const many = rows.map(({ text, label }, i) => ({
      text,
      labels: i % 3 === 0 ? [label, 'third'] : [label],
    }));
    await using model = await Classifier.load(TINY, {
      labels: [...labels, 'third'],
      problem: 'multi_label_classification',
      newHead: true,
    });
    const { embedding, epochs } = await model.train(many, {
      ...FEW,
      eval: many,
      fewShot: { samplingStrategy: 'unique', bodyLearningRate: 1e-3 },
    });
    // 7 rows have the third label, so 10 to 11 of their 21 pairs join the 90 pairs of one label.
    const thirds = many.filter((_, i) => i % 3 === 0).map(({ labels: [own] }) => own);
    const crossing = thirds.flatMap((a, i) => thirds.slice(i + 1).filter((b) => a !== b)).length;
    expect(embedding).toMatchObject({ pairs: 190, positives: 90 + crossing });
    expect(epochs.at(-1)?.eval?.microF1).toBeGreaterThan(epochs[0]?.eval?.microF1 ?? 1);
  });

  it('trains a head over pooled tokens, which a saved model keeps', async () => {
    await using encoder = await Encoder.load(TINY, { pooling: 'mean' });
    await using model = await encoder.classifier({ labels, pooling: 'mean', seed: 3 });
    await model.train(rows, { ...FEW, fewShot: { bodyLearningRate: 1e-3 } });
    const folder = join(await temporaryFolder(), 'model');
    await model.save(folder);
    await using again = await Classifier.load(folder);
    expectSameBits((await again.logits(texts)).data, (await model.logits(texts)).data, 'logits');
    await again.train(rows, { ...FEW, epochs: 1 });
    await expect(encoder.classifier({ labels, pooling: 'middle' as 'mean' })).rejects.toThrow(
      /^classifier: pooling must be one of/,
    );
  });

  it('is refused where it cannot be had', async () => {
    await using model = await fresh();
    const train = (options: object) => model.train(rows, { ...FEW, ...options });
    await expect(train({ freeze: ['embeddings'] })).rejects.toThrow(
      /^train: method must be 'full' where freeze is given/,
    );
    await expect(train({ trainable: 'biases' })).rejects.toThrow(/where trainable is given/);
    await expect(train({ lora: {} })).rejects.toThrow(/^train: method must be 'lora'/);
    await expect(train({ saveTo: 'checkpoints' })).rejects.toThrow(
      /^train: saveTo must be left out with method 'few-shot'/,
    );
    await expect(train({ teacher: 'logits' })).rejects.toThrow(
      /^train: method must be another one here; 'few-shot' is for rows with labels/,
    );
    await expect(model.train(rows, { fewShot: {} })).rejects.toThrow(
      /^train: method must be 'few-shot' where fewShot is given/,
    );
    await using pairs = await CrossEncoder.load(TINY, { newHead: true });
    await expect(
      pairs.train([{ text: 'the', pair: 'of', score: 1 }], { method: 'few-shot' }),
    ).rejects.toThrow(/^train: method must be another one here/);
    await using encoder = await Encoder.load(TINY, { pooling: 'mean' });
    await expect(
      encoder.train([{ text: 'the', label: 1 }], { method: 'few-shot' }),
    ).rejects.toThrow(/^train: method must be/);
  });
});

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (p: Float32Array, q: Float32Array) => p.reduce((s, v, i) => s + v * (q[i] ?? 0), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
