// Evaluation of encoders, and what is said of rows and options that training and evaluation cannot use.
import { describe, expect, it } from 'vitest';
import type { EmbeddingRow, EncoderTrainOptions } from '../../lib/index.js';
import {
  classes,
  labelled,
  load,
  margins,
  PEOPLE,
  ranking,
  scored,
  triplets,
} from './encoder-rows.js';

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
