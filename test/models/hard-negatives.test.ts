// Mined negatives, searches and shortened vectors, on the encoder in this package.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Encoder, evaluateRetrieval, mineHardNegatives, similarity } from '../../lib/index.js';

const ROWS = [
  {
    anchor: 'How do I reset my password?',
    positive: 'Open the settings to choose a new password.',
  },
  { anchor: 'How do I reset my password?', positive: 'Ask for a link that sets a new password.' },
  { anchor: 'Where is my parcel?', positive: 'Follow your delivery with the tracking number.' },
  { anchor: 'Can I send it back?', positive: 'Goods may be returned within thirty days.' },
];
const CORPUS = [
  'Passwords must have twelve characters.',
  'A password is never sent by mail.',
  'Bananas are yellow.',
  'Open the settings to choose a new password.',
];

let encoder: Encoder;
beforeAll(async () => {
  encoder = await Encoder.load(undefined, { lanes: 2 });
});
afterAll(() => encoder.dispose());

const scoresOf = async (query: string, texts: readonly string[]) => [
  ...similarity(await encoder.embed([query]), await encoder.embed(texts)).row(0),
];

describe('mineHardNegatives', () => {
  it('gives the most similar texts that are no positives of the anchor in any row', async () => {
    const mined = await mineHardNegatives(encoder, ROWS, { numNegatives: 1 });
    expect(mined).toHaveLength(4);
    for (const [i, { anchor, positive, negative = '' }] of mined.entries()) {
      expect({ anchor, positive }).toEqual(ROWS[i]);
      const own = ROWS.filter((row) => row.anchor === anchor).map((row) => row.positive);
      const others = [...new Set(ROWS.map((row) => row.positive))].filter((t) => !own.includes(t));
      const scores = await scoresOf(anchor, others);
      expect(negative).toBe(others[scores.indexOf(Math.max(...scores))]);
    }
  });

  it('takes a corpus, ranks and limits', async () => {
    const [row] = ROWS;
    if (row === undefined) throw new Error('no row');
    const mine = async (options: object) =>
      (await mineHardNegatives(encoder, [row], { corpus: CORPUS, ...options })).map(
        (one) => one.negative,
      );
    const open = CORPUS.slice(0, 3);
    const scores = await scoresOf(row.anchor, open);
    const order = [...open].sort(
      (a, b) => (scores[open.indexOf(b)] ?? 0) - (scores[open.indexOf(a)] ?? 0),
    );
    expect(await mine({ numNegatives: 3 })).toEqual(order);
    expect(await mine({ numNegatives: 2, rangeMin: 1 })).toEqual(order.slice(1));
    const [top = 0, second = 0] = [...scores].sort((a, b) => b - a);
    expect(await mine({ maxScore: (top + second) / 2 })).toEqual(order.slice(1));
    expect(await mine({ minScore: (top + second) / 2 })).toEqual(order.slice(0, 1));
    const [positive = 0] = await scoresOf(row.anchor, [row.positive]);
    expect(await mine({ absoluteMargin: positive - (top + second) / 2 })).toEqual(order.slice(1));
    expect(await mine({ relativeMargin: 1 - (top + second) / 2 / positive })).toEqual(
      order.slice(1),
    );
  });

  it('leaves out rows with too few negatives where all must have as many', async () => {
    const options = { outputFormat: 'n-tuple', numNegatives: 3 } as const;
    const mined = await mineHardNegatives(encoder, ROWS, options);
    expect(mined.map(({ anchor }) => anchor)).toEqual([
      'Where is my parcel?',
      'Can I send it back?',
    ]);
    expect(mined.every(({ negatives }) => negatives?.length === 3)).toBe(true);
  });

  it('draws at random with a seed', async () => {
    const draw = (seed: number) =>
      mineHardNegatives(encoder, ROWS, { samplingStrategy: 'random', numNegatives: 1, seed });
    expect(await draw(1)).toEqual(await draw(1));
    const drawn = await Promise.all([1, 2, 3, 4, 5, 6].map(draw));
    expect(new Set(drawn.map((rows) => JSON.stringify(rows))).size).toBeGreaterThan(1);
  });

  it.each([
    [[], {}, 'rows must be at least one row'],
    [[{ anchor: 'a' }], {}, 'rows[0].positive must be a text'],
    [
      [{ sentence1: 'a', sentence2: 'b', score: 1 }],
      {},
      'rows[0] must be a row of anchor and positive',
    ],
    [ROWS, { corpus: [1] }, 'corpus[0] must be a string'],
    [ROWS, { rangeMin: 5, rangeMax: 6 }, 'rangeMax must be at least rangeMin + numNegatives, 8'],
    [ROWS, { relativeMargin: 2 }, 'relativeMargin must be from 0 to 1'],
  ])('refuses what it cannot use: %#', async (rows, options, message) => {
    await expect(mineHardNegatives(encoder, rows as never, options as never)).rejects.toThrow(
      message,
    );
  });
});

describe('evaluateRetrieval', () => {
  const corpus = Object.fromEntries(ROWS.map(({ positive }, i) => [`d${i}`, positive]));
  const queries = { q1: ROWS[0]?.anchor ?? '', q2: ROWS[2]?.anchor ?? '', q3: 'nothing' };

  it('scores what each query finds, without queries that nothing is relevant to', async () => {
    const relevant = { q1: ['d0', 'd1'], q2: { d2: 1, d3: 0 } };
    const found = await evaluateRetrieval(encoder, { queries, corpus, relevant }, { k: 2 });
    expect(found).toMatchObject({ kind: 'retrieval', queries: 2, documents: 4, k: 2 });
    expect(found).toMatchObject({
      mrr: 1,
      ndcg: 1,
      recall: 1,
      map: 1,
      accuracy: 1,
      precision: 0.75,
    });
  });

  it('counts the rank at which a document stands', async () => {
    const scores = await scoresOf(queries.q2, Object.values(corpus));
    const worst = `d${scores.indexOf(Math.min(...scores))}`;
    const found = await evaluateRetrieval(encoder, { queries, corpus, relevant: { q2: [worst] } });
    expect(found.mrr).toBe(1 / 4);
  });

  it.each([
    [
      { queries, corpus, relevant: { q1: ['d9'] } },
      'relevant["q1"] must be ids of corpus, got "d9"',
    ],
    [{ queries: ['a'], corpus, relevant: {} }, 'queries must be an object with texts'],
    [{ queries, corpus: { d: 1 }, relevant: {} }, 'corpus["d"] must be a string'],
    [{ queries, corpus, relevant: {} }, 'at least one query with a relevant document'],
  ])('refuses what it cannot use: %#', async (data, message) => {
    await expect(evaluateRetrieval(encoder, data as never)).rejects.toThrow(message);
  });
});

describe('embed with dimensions', () => {
  it('keeps the first numbers, scaled to length 1 again where whole vectors are', async () => {
    const whole = await encoder.embed('a red car');
    const short = await encoder.embed('a red car', { dimensions: 64 });
    const norm = Math.sqrt(whole.subarray(0, 64).reduce((sum, x) => sum + x * x, 0));
    expect(short).toHaveLength(64);
    for (const [i, x] of short.entries())
      expect(Math.abs(x - (whole[i] ?? 0) / norm)).toBeLessThan(1e-6);
    const batcher = encoder.batch({ dimensions: 64 });
    expect([...(await batcher.run('a red car'))]).toEqual([...short]);
    await batcher.dispose();
  });

  it('has the bits of the whole vector with all dimensions, up to their length', async () => {
    await using plain = await Encoder.load(undefined, { normalize: false, lanes: 2 });
    const whole = await plain.embed(['a red car', 'a fast car']);
    const short = await plain.embed(['a red car', 'a fast car'], { dimensions: 10 });
    expect([...short.row(1)]).toEqual([...whole.row(1).subarray(0, 10)]);
  });

  it.each([0, 1.5, 385, '64'])('refuses %o', async (dimensions) => {
    const options = { dimensions: dimensions as number };
    const message = 'dimensions must be a whole number from 1 to 384';
    await expect(encoder.embed(['a'], options)).rejects.toThrow(message);
    expect(() => encoder.batch(options)).toThrow(message);
  });
});
