// What every training has, for encoders: evaluations by which the best weights are kept, checkpoints, low-rank adapters, and
// refused options that could have no effect.

import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type EmbeddingRow, Encoder, type EncoderTrainOptions } from '../../lib/index.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

const folder = fileURLToPath(new URL('../fixtures/encoders/bert', import.meta.url));
const load = () => Encoder.load(folder, { pooling: 'mean', lanes: 2 });

const TEXTS = ['the people', 'the war', 'this year', 'our people', 'a world at war', 'last year'];
const ranking = Array.from({ length: 12 }, (_, i) => ({
  anchor: `${TEXTS[i % 6]} ${Math.floor(i / 6)}`,
  positive: `${TEXTS[(i + 3) % 6]}, ${Math.floor(i / 6)}`,
}));
const triplets = ranking.map((row, i) => ({ ...row, negative: TEXTS[(i + 1) % 6] ?? '' }));
const scored = ranking.map(({ anchor, positive }, i) => ({
  sentence1: anchor,
  sentence2: positive,
  score: (i % 5) / 4,
}));
const labelled = scored.map(({ score, ...texts }) => ({ ...texts, label: score > 0.5 ? 1 : 0 }));
const classes = TEXTS.map((text, i) => ({ text, label: ['people', 'war', 'years'][i % 3] ?? '' }));

const SHORT = { epochs: 2, batchSize: 4, learningRate: 1e-3, seed: 1 } as const;

const METRICS: readonly [string, readonly EmbeddingRow[]][] = [
  ['ndcg', ranking],
  ['accuracy', triplets],
  ['spearman', scored],
  ['averagePrecision', labelled],
  ['accuracy', classes],
];

describe('the best evaluation', () => {
  it.each(METRICS)('has the highest %s where no score is named', async (metric, rows) => {
    await using encoder = await load();
    const options = { ...SHORT, epochs: 4, eval: rows, loadBestModelAtEnd: true } as const;
    const { evaluations, best } = await encoder.train(rows, options);
    const values = evaluations.map(
      ({ scores }) => (scores as unknown as Record<string, number>)[metric],
    );
    expect(best?.value).toBe(Math.max(...values.map((value) => value ?? Number.NaN)));
    const kept = (await encoder.evaluate(rows)) as unknown as Record<string, number>;
    expect(kept[metric]).toBe(best?.value);
  });

  it('has another score where one is named', async () => {
    await using encoder = await load();
    const options = { ...SHORT, eval: scored, metricForBestModel: 'pearson' } as const;
    const { evaluations, best } = await encoder.train(scored, options);
    const values = evaluations.map(({ scores }) => (scores as { pearson: number }).pearson);
    expect(best?.value).toBe(Math.max(...values));
    await expect(
      encoder.train(scored, { ...SHORT, eval: scored, metricForBestModel: 'loss' }),
    ).rejects.toThrow(/metricForBestModel must be one of .*"spearman", "pearson"/);
  });
});

describe('checkpoints', () => {
  /** Trains to the end, or stops after `stop` steps. */
  async function trained(options: EncoderTrainOptions, stop?: number): Promise<Float32Array> {
    await using encoder = await load();
    const ended = new AbortController();
    const onStep = ({ step }: { step: number }) => {
      if (step === stop) ended.abort();
    };
    const run = encoder.train(ranking, {
      ...SHORT,
      ...options,
      eval: scored,
      onStep,
      signal: ended.signal,
    });
    if (stop === undefined) await run;
    else await expect(run).rejects.toMatchObject({ code: 'CANCELLED' });
    return (await encoder.embed(TEXTS)).data;
  }

  it('go on with the same bits, and with the same rows and losses only', async () => {
    const place = await temporaryFolder();
    const saved = { saveTo: place, saveEvery: 2 } as const;
    const whole = await trained({});
    await trained(saved, 3);
    const resumed = { ...saved, resume: true } as const;
    await expect(trained({ ...resumed, scale: 10 })).rejects.toThrow(/scale was .*, not 10/);
    await using other = await load();
    const last = { anchor: 'ten years', positive: 'the end' };
    await expect(
      other.train([...ranking.slice(0, -1), last], { ...SHORT, ...resumed, eval: scored }),
    ).rejects.toThrow(/other rows/);
    expect(await trained(resumed)).toEqual(whole);
  });
});

it('batches of an accumulated step are compared with each other', async () => {
  const vectors = async (options: EncoderTrainOptions) => {
    await using encoder = await load();
    await encoder.train(ranking, { ...SHORT, ...options });
    return (await encoder.embed(TEXTS)).data;
  };
  const whole = await vectors({ batchSize: 4 });
  expect(await vectors({ batchSize: 2, gradientAccumulationSteps: 2 })).toEqual(whole);
  expect(await vectors({ batchSize: 2 })).not.toEqual(whole);
});

it('low-rank adapters are trained, saved and merged', async () => {
  const place = await temporaryFolder();
  await using encoder = await load();
  const before = (await encoder.embed(TEXTS)).data;
  const options = { ...SHORT, method: 'lora', lora: { r: 2 }, eval: scored } as const;
  const { evaluations } = await encoder.train(ranking, options);
  const after = (await encoder.embed(TEXTS)).data;
  expect(after).not.toEqual(before);
  expect(evaluations).toHaveLength(2);
  const path = `${place}/adapter`;
  await encoder.saveAdapter(path);
  await using merged = await load();
  await merged.mergeAdapter(path);
  expect((await merged.embed(TEXTS)).data).toEqual(after);
});

const REFUSED: readonly [EncoderTrainOptions, string][] = [
  [
    { method: 'head' },
    "train: method must be 'full', 'lora', 'ia3' or 'bottleneck' for an encoder, got \"head\"",
  ],
  [
    { groupByLength: true },
    'train: groupByLength must be false where no batch may hold a text twice',
  ],
  [{ evalSteps: 2 }, 'train: evalSteps needs eval'],
];

it.each(REFUSED)('%j is refused', async (options, message) => {
  await using encoder = await load();
  await expect(encoder.train(ranking, { ...SHORT, ...options })).rejects.toThrow(message);
});

it('refuses to freeze all that makes the vectors, though the pooler is left', async () => {
  await using encoder = await load();
  await expect(encoder.train(ranking, { ...SHORT, freeze: ['encoder'] })).rejects.toThrow(
    'train: freeze leaves no weight to train',
  );
});
