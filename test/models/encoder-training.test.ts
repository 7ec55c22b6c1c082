// Training of an encoder on rows of several texts: every loss learns its rows, and what was trained is saved
// as a folder of sentence-transformers.
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../lib/core/random.js';
import { type EmbeddingRow, Encoder, type EncoderTrainOptions } from '../../lib/index.js';
import { drawLinear } from '../../lib/train/draw-linear.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { at, CASES, load, ranking, related, SHORT, scored, triplets } from './encoder-rows.js';

describe('an encoder learns', () => {
  it.each(CASES)('%s', async (_, rows, options) => {
    await using encoder = await load();
    const before = await encoder.evaluate(rows);
    const { epochs, rows: count } = await encoder.train(rows, { ...SHORT, ...options, eval: rows });
    expect(count).toBe(rows.length);
    const [first, last] = [epochs[0]?.trainLoss ?? 0, epochs.at(-1)?.trainLoss ?? 1];
    expect(last).toBeLessThan(0.8 * first);
    const after = await encoder.evaluate(rows);
    expect(after).toEqual(epochs.at(-1)?.eval);
    const main = (scores: object) => {
      const { spearman, map, accuracy } = scores as Record<string, number | undefined>;
      return spearman ?? map ?? accuracy ?? 0;
    };
    expect(main(after)).toBeGreaterThanOrEqual(main(before));
  });

  it.each([
    ['names of classes', related, {}],
    ['the product of the vectors', related, { concatenationSentMultiplication: true }],
    [
      'numbers that are classes',
      related.map((row, i) => ({ ...row, label: 7 * (i % 3) })),
      { loss: 'softmax' },
    ],
  ] as const)('softmax: %s, and keeps no weight of the classifier', async (_, rows, options) => {
    await using encoder = await load();
    const { parameters } = await encoder.info();
    const report = await encoder.train(rows, { ...SHORT, ...options, eval: scored });
    const losses = report.epochs.map(({ trainLoss }) => trainLoss);
    expect(losses[0]).toBeLessThan(1.6);
    expect(losses.at(-1)).toBeLessThan(0.7 * (losses[0] ?? 0));
    expect(report.epochs.at(-1)?.eval?.kind).toBe('similarity');
    const { parameters: left, training } = await encoder.info();
    expect(left).toBe(parameters);
    expect(training?.settings).toMatchObject({ loss: 'softmax' });
    const folder = await temporaryFolder();
    await encoder.save(join(folder, 'model'));
    await using again = await Encoder.load(join(folder, 'model'));
    expect(await again.embed('the war')).toEqual(await encoder.embed('the war'));
  });

  it.each([false, true])(
    'softmax: accuracy of its classifier on held-out pairs, product: %s',
    async (product) => {
      // A rate at which no weight moves: the classifier is the drawn one, and the vectors are those of the encoder.
      await using encoder = await load();
      const held = [
        ...related.slice(3, 12),
        { sentence1: 'the war', sentence2: 'of', label: 'same' },
      ];
      const options = {
        ...{ ...SHORT, epochs: 1, learningRate: 1e-30, weightDecay: 0, seed: 5, eval: held },
        ...(product && { concatenationSentMultiplication: true }),
      };
      const before = await encoder.embed('the war');
      const { evaluations, best } = await encoder.train(related, options);
      const width = before.length;
      const inputs = (product ? 4 : 3) * width;
      const weight = drawLinear(3, inputs, new SeededRandom(5));
      const classes = ['same', 'next', 'other'];
      const found: number[][] = [];
      for (const { sentence1, sentence2 } of held) {
        const [u, v] = await encoder.embed([sentence1, sentence2]);
        const parts = [
          ...(u ?? []),
          ...(v ?? []),
          ...(u ?? []).map((a, k) => Math.abs(a - (v?.[k] ?? 0))),
        ];
        if (product) parts.push(...(u ?? []).map((a, k) => a * (v?.[k] ?? 0)));
        found.push(
          classes.map((_, c) =>
            parts.reduce((sum, one, k) => sum + one * (weight[c * inputs + k] ?? Number.NaN), 0),
          ),
        );
      }
      const truth = held.map(({ label }) => classes.indexOf(label));
      const right = found.filter((row, i) => row.indexOf(Math.max(...row)) === truth[i]).length;
      const losses = found.map(
        (row, i) =>
          Math.log(row.reduce((sum, one) => sum + Math.exp(one), 0)) - (row[truth[i] ?? 0] ?? 0),
      );
      const scores = evaluations.at(-1)?.scores;
      expect(scores).toMatchObject({ kind: 'label-accuracy', rows: 10, accuracy: right / 10 });
      const loss = losses.reduce((sum, one) => sum + one, 0) / 10;
      expect((scores as { loss: number }).loss).toBeCloseTo(loss, 5);
      expect(best?.value).toBe(right / 10);
    },
  );

  it('softmax finds the classes of its rows, and goes on from a checkpoint with the same bits', async () => {
    const numbered = related.map((row, i) => ({ ...row, label: i % 3 }));
    const own = { loss: 'softmax', epochs: 20, loadBestModelAtEnd: true, evalSteps: 3 } as const;
    const train = async (options: EncoderTrainOptions) => {
      await using encoder = await load();
      const report = await encoder.train(numbered, {
        ...SHORT,
        ...own,
        eval: numbered,
        ...options,
      });
      const { steps, evaluations, best } = report;
      return { steps, evaluations, best, of: await encoder.embed('the war') };
    };
    const straight = await train({});
    const accuracies = straight.evaluations.map(
      ({ scores }) => (scores as { accuracy: number }).accuracy,
    );
    expect(Math.max(...accuracies)).toBeGreaterThan(0.9);
    expect(accuracies[0]).toBeLessThan(0.9);
    expect(straight.best?.value).toBe(Math.max(...accuracies));
    const saving = { saveTo: await temporaryFolder(), saveEvery: 1 } as const;
    for (const end of [7, 8, 23]) {
      const stop = ({ step }: { step: number }) => {
        if (step === end) throw new Error('stopped');
      };
      const stopped = train({ ...saving, resume: true, onStep: stop });
      await expect(stopped).rejects.toThrow('stopped');
    }
    expect(await train({ ...saving, resume: true })).toEqual(straight);
  });

  it('softmax refuses a held-out class that no row to train on has', async () => {
    await using encoder = await load();
    const held = [{ sentence1: 'the war', sentence2: 'of', label: 'unknown' }];
    await expect(encoder.train(related, { ...SHORT, eval: held })).rejects.toThrow(
      'train: eval[0].label must be a class of the rows to train on: "same", "next", "other"',
    );
  });

  it('softmax with the same bits for the same seed', async () => {
    const losses = await Promise.all(
      [1, 1, 2].map(async (seed) => {
        await using encoder = await load();
        const report = await encoder.train(related, { ...SHORT, epochs: 2, seed });
        return report.steps.map(({ loss }) => loss);
      }),
    );
    expect(losses[0]).toEqual(losses[1]);
    expect(losses[0]).not.toEqual(losses[2]);
  });

  it('softmax refuses what it cannot read', async () => {
    await using encoder = await load();
    const refused = (rows: readonly EmbeddingRow[], options: EncoderTrainOptions = {}) =>
      expect(encoder.train(rows, { ...SHORT, ...options })).rejects;
    await refused(scored, { loss: 'softmax' }).toThrow('rows[0] must be a row of sentence1');
    await refused(related.slice(0, 1)).toThrow('at least two different labels');
    await refused(related, { loss: 'contrastive' }).toThrow('rows[0] must be a row of');
    await refused(related, { loss: 'softmax', dimensions: [16] }).toThrow('train: dimensions');
    await refused(related, { dimensions: [16] }).toThrow('train: dimensions');
    await refused(related, { method: 'lora' }).toThrow("'full' with a loss");
    await refused([{ sentence1: 'a', sentence2: 'b', label: 0.5 }], { loss: 'softmax' }).toThrow(
      'rows[0].label must be a class',
    );
    await refused(ranking, { concatenationSentMultiplication: true }).toThrow(
      'concatenationSentMultiplication must be left out',
    );
    await expect(encoder.evaluate(related)).rejects.toThrow('rows[0].label must be a finite');
  });

  it('with the same bits for the same seed', async () => {
    const losses = await Promise.all(
      [1, 1, 2].map(async (seed) => {
        await using encoder = await load();
        const report = await encoder.train(triplets, { ...SHORT, epochs: 2, seed });
        return report.steps.map(({ loss }) => loss);
      }),
    );
    expect(losses[0]).toEqual(losses[1]);
    expect(losses[0]).not.toEqual(losses[2]);
  });

  it('and records with which settings', async () => {
    await using encoder = await load();
    const options = { dimensions: [20, 8], scale: 10, epochs: 1 } as const;
    await encoder.train(ranking, options);
    const { training } = await encoder.info();
    expect(training?.settings).toMatchObject({
      loss: 'multiple_negatives_ranking',
      scale: 10,
      dimensions: [20, 8],
      dimensionWeights: [1, 1],
      batchSampler: 'no_duplicates',
      epochs: 1,
      batchSize: 32,
    });
  });

  it('and keeps texts apart that are equal, where other texts are negatives', async () => {
    await using encoder = await load();
    // One anchor for all twelve rows: no two of them may meet.
    const rows = Array.from({ length: 12 }, (_, i) => ({
      anchor: 'the war',
      positive: `${i} wars`,
    }));
    const report = await encoder.train(rows, { ...SHORT, epochs: 1 });
    expect(report.steps).toHaveLength(12);
    const plain = { ...SHORT, epochs: 1, batchSampler: 'batch_sampler' } as const;
    expect((await encoder.train(rows, plain)).steps).toHaveLength(1);
  });
});

describe('a trained encoder', () => {
  it('is saved with its prompts, pooling and similarity, and loads with the same vectors', async () => {
    const folder = join(await temporaryFolder(), 'model');
    await cp(at('encoders/bert'), folder, { recursive: true });
    await cp(at('sentence/dense/1_Pooling'), join(folder, '1_Pooling'), { recursive: true });
    const pooling = { embedding_dimension: 20, pooling_mode: 'mean', include_prompt: true };
    await writeFile(join(folder, '1_Pooling/config.json'), JSON.stringify(pooling));
    const module = (path: string, type: string) => ({
      path,
      type: `sentence_transformers.models.${type}`,
    });
    const modules = [
      module('', 'Transformer'),
      module('1_Pooling', 'Pooling'),
      module('2_Normalize', 'Normalize'),
    ];
    const settings = {
      prompts: { query: 'the ' },
      default_prompt_name: 'query',
      similarity_fn_name: 'dot',
    };
    await writeFile(join(folder, 'modules.json'), JSON.stringify(modules));
    await writeFile(join(folder, 'config_sentence_transformers.json'), JSON.stringify(settings));
    await using encoder = await Encoder.load(folder, { lanes: 2 });
    const before = await encoder.embed('people');
    await encoder.train(ranking, { ...SHORT, epochs: 2 });
    const after = await encoder.embed('people');
    expect([...after]).not.toEqual([...before]);
    const out = join(await temporaryFolder(), 'saved');
    await encoder.save(out);
    await using again = await Encoder.load(out);
    expect([...(await again.embed('people'))]).toEqual([...after]);
    expect(again.prompts).toMatchObject({ query: 'the ' });
    expect(again.similarityFnName).toBe('dot');
    const written = JSON.parse(
      await readFile(join(out, 'config_sentence_transformers.json'), 'utf8'),
    );
    expect(written).toMatchObject({ default_prompt_name: 'query', similarity_fn_name: 'dot' });
    const kinds = JSON.parse(await readFile(join(out, 'modules.json'), 'utf8')) as {
      type: string;
    }[];
    expect(kinds.map(({ type }) => type.split('.').at(-1))).toEqual([
      'Transformer',
      'Pooling',
      'Normalize',
    ]);
  });

  it('cannot be one whose pooling leaves the prompt out', async () => {
    const folder = join(await temporaryFolder(), 'model');
    await cp(at('encoders/bert'), folder, { recursive: true });
    await cp(at('sentence/dense/1_Pooling'), join(folder, '1_Pooling'), { recursive: true });
    const pooling = { embedding_dimension: 20, pooling_mode: 'mean', include_prompt: false };
    await writeFile(join(folder, '1_Pooling/config.json'), JSON.stringify(pooling));
    const module = (path: string, type: string) => ({
      path,
      type: `sentence_transformers.models.${type}`,
    });
    const settings = { prompts: { query: 'the ' }, default_prompt_name: 'query' };
    await writeFile(
      join(folder, 'modules.json'),
      JSON.stringify([module('', 'Transformer'), module('1_Pooling', 'Pooling')]),
    );
    await writeFile(join(folder, 'config_sentence_transformers.json'), JSON.stringify(settings));
    await using encoder = await Encoder.load(folder, { lanes: 2 });
    await expect(encoder.train(ranking)).rejects.toThrow('its pooling leaves the prompt out');
    expect((await encoder.evaluate(ranking)).kind).toBe('retrieval');
  });
});
