// Training of an encoder on rows of several texts: every loss learns its rows, bad rows and options are named, and what was
// trained is saved as a folder of sentence-transformers.
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../lib/core/random.js';
import { type EmbeddingRow, Encoder, type EncoderTrainOptions } from '../../lib/index.js';
import { drawLinear } from '../../lib/train/draw-linear.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

const at = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const load = () => Encoder.load(at('encoders/bert'), { pooling: 'mean', lanes: 2 });

const PEOPLE = ['the people', 'people of the nation', 'our people', 'the nation and its people'];
const WAR = ['the war', 'war and peace', 'a world at war', 'the end of the war'];
const YEARS = ['this year', 'last year', 'ten years', 'in the years to come'];
const groups = [PEOPLE, WAR, YEARS];
const text = (g: number, i: number) => groups[g % 3]?.[i % 4] ?? '';

const ranking = Array.from({ length: 24 }, (_, i) => ({
  anchor: text(i, i),
  positive: text(i, i + 1 + Math.floor(i / 12)),
}));
const triplets = ranking.map((row, i) => ({ ...row, negative: text(i + 1, i) }));
const scored = Array.from({ length: 24 }, (_, i) => ({
  sentence1: text(i, i),
  sentence2: text(i + (i % 2), i + 1),
  score: i % 2 === 0 ? 0.75 + (i % 4) / 16 : (i % 3) / 8,
}));
const labelled = scored.map(({ score, ...texts }) => ({ ...texts, label: score > 0.5 ? 1 : 0 }));
const classes = Array.from({ length: 24 }, (_, i) => ({
  text: text(i, Math.floor(i / 3)),
  label: ['people', 'war', 'years'][i % 3] ?? '',
}));
const margins = triplets.map((row) => ({ ...row, score: 2 }));

const DIRECTIONS = ['query_to_doc', 'query_to_query', 'doc_to_query', 'doc_to_doc'] as const;

const CASES: readonly [string, readonly EmbeddingRow[], EncoderTrainOptions][] = [
  ['multiple_negatives_ranking', ranking, {}],
  ['multiple_negatives_ranking with hard negatives', triplets, {}],
  ['cosent', scored, {}],
  // Scores are of the cosine, which long steps towards the angle lower again.
  ['angle', scored, { loss: 'angle', learningRate: 3e-4 }],
  ['cosine_similarity', scored, { loss: 'cosine_similarity' }],
  ['contrastive', labelled, {}],
  ['online_contrastive', labelled, { loss: 'online_contrastive' }],
  ['triplet', triplets, { loss: 'triplet' }],
  ['triplet, cosine', triplets, { loss: 'triplet', distance: 'cosine', margin: 0.5 }],
  ['batch_hard_triplet', classes, {}],
  ['margin_mse', margins, {}],
  ['distill_kl_div', margins, { loss: 'distill_kl_div', temperature: 2 }],
  ['symmetric ranking', triplets, { loss: 'multiple_negatives_symmetric_ranking' }],
  ['all directions', triplets, { directions: [...DIRECTIONS] }],
  ['dot products', triplets, { similarityFct: 'dot_score', scale: 1 }],
  [
    'a softmax per direction',
    ranking,
    { directions: ['query_to_doc', 'doc_to_query'], partitionMode: 'per_direction' },
  ],
  ['angle over triplets', triplets, { loss: 'angle' }],
  ['dimensions', triplets, { dimensions: [20, 16, 8], dimensionWeights: [1, 0.5, 0.5] }],
];

/** Pairs with the class of what the second text is to the first. */
const related = Array.from({ length: 24 }, (_, i) => ({
  sentence1: text(i, i),
  sentence2: text(i + (i % 3), i + 1),
  label: ['same', 'next', 'other'][i % 3] ?? '',
}));

const SHORT = { epochs: 12, batchSize: 12, learningRate: 1e-3, seed: 1 } as const;

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

describe('evaluate', () => {
  it('scores by the shape of the rows', async () => {
    await using encoder = await load();
    const kinds = await Promise.all(
      [ranking, triplets, scored, labelled, classes, margins].map(
        async (rows) => (await encoder.evaluate(rows)).kind,
      ),
    );
    expect(kinds).toEqual([
      'retrieval',
      'triplets',
      'similarity',
      'pair-classification',
      'nearest-class',
      'triplets',
    ]);
  });

  it('compares the vectors that embed gives', async () => {
    await using encoder = await load();
    const { data } = await encoder.embed(PEOPLE);
    const cosine = (i: number, j: number) => {
      const [a, b] = [i, j].map((row) =>
        data.subarray(row * encoder.dimensions).slice(0, encoder.dimensions),
      );
      const dot = (x: Float32Array, y: Float32Array) =>
        x.reduce((s, v, k) => s + v * (y[k] ?? 0), 0);
      if (a === undefined || b === undefined) throw new Error('no row');
      return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
    };
    const nearer = cosine(0, 1) > cosine(0, 2) ? 1 : 0;
    const [anchor = '', positive = '', negative = ''] = PEOPLE;
    const evaluation = await encoder.evaluate([{ anchor, positive, negative }]);
    expect(evaluation).toEqual({ kind: 'triplets', rows: 1, accuracy: nearer });
  });
});

describe('rows and options that cannot be used are named', () => {
  const bad = (rows: readonly unknown[]) => rows as readonly EmbeddingRow[];
  const [first] = ranking;
  it.each([
    ['no row', [], {}, 'train: rows must have at least one row'],
    [
      'no query_to_doc',
      ranking,
      { directions: ['doc_to_doc'] },
      'directions must be a list with query_to_doc',
    ],
    ['a direction', ranking, { directions: ['query_to_doc', 'up'] }, 'got [query_to_doc, up]'],
    [
      'a softmax without a positive',
      ranking,
      { directions: ['query_to_doc', 'doc_to_doc'], partitionMode: 'per_direction' },
      "partitionMode must be 'joint' with query_to_query or doc_to_doc",
    ],
    ['a mode', ranking, { partitionMode: 'each' }, 'partitionMode must be one of "joint"'],
    ['a similarity', ranking, { similarityFct: 'l2' }, 'similarityFct must be one of "cos_sim"'],
    [
      'a temperature',
      margins,
      { temperature: 1 },
      'temperature must be left out: the loss margin_mse',
    ],
    [
      'angle of a positive alone',
      ranking,
      { loss: 'angle' },
      'for the loss angle, got anchor and positive',
    ],
    ['no object', ['a text'], {}, 'rows[0] must be an object with anchor and positive'],
    ['no known fields', [{ a: 'x', b: 'y' }], {}, 'rows[0] must be a row of anchor'],
    ['a blank text', [first, { anchor: 'a', positive: ' ' }], {}, 'rows[1].positive must be'],
    [
      'another shape',
      [first, ...triplets],
      {},
      'rows[1] must be a row of anchor and positive as the first',
    ],
    ['no score', [{ sentence1: 'a', sentence2: 'b' }], {}, 'rows[0].score must be a finite number'],
    [
      'too many scores',
      [{ ...triplets[0], score: [1, 2, 3] }],
      {},
      'rows[0].score must be 1 finite',
    ],
    [
      'a score that is no cosine',
      [scored[0], { sentence1: 'a', sentence2: 'b', score: 5 }],
      { loss: 'cosine_similarity' },
      'rows[1].score must be a similarity from -1 to 1',
    ],
    [
      'a label that is neither',
      [{ sentence1: 'a', sentence2: 'b', label: 2 }],
      {},
      'rows[0].label must be 1',
    ],
    ['rows of another loss', scored, { loss: 'triplet' }, 'rows[0] must be a row of anchor'],
    [
      'no negative',
      ranking,
      { loss: 'triplet' },
      'rows[0] must be a row of anchor, positive and negative for the loss triplet, got anchor',
    ],
    [
      'an unknown loss',
      ranking,
      { loss: 'mnrl' as never },
      'train: loss must be one of "multiple_',
    ],
    ['an option of another loss', ranking, { loss: 'triplet', scale: 5 }, 'scale must be left out'],
    [
      'one of another default loss',
      ranking,
      { margin: 5 },
      'margin must be left out: the loss mul',
    ],
    ['a scale of 0', ranking, { scale: 0 }, 'train: scale must be above 0, at most 300, got 0'],
    ['rising dimensions', ranking, { dimensions: [8, 16] }, 'dimensions must be decreasing'],
    ['too many dimensions', ranking, { dimensions: [64] }, 'numbers from 1 to 20'],
    [
      'a weight missing',
      ranking,
      { dimensions: [16, 8], dimensionWeights: [1] },
      'dimensionWeights must be 2 positive numbers',
    ],
  ] as const)('%s', async (_, rows, options, message) => {
    await using encoder = await load();
    await expect(encoder.train(bad(rows), options as EncoderTrainOptions)).rejects.toThrow(message);
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
