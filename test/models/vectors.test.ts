// Vectors fit where they go: one text, a loop, JSON, vector indexes, LangChain.
import { describe, expect, it } from 'vitest';
import { Encoder, Matrix } from '../../lib/index.js';

const TEXTS = ['a red car', 'the weather in Rome'];

describe('one text', () => {
  it('gives one vector, the bits of its row, in memory of its own', async () => {
    await using encoder = await Encoder.load();
    const rows = await encoder.embed(TEXTS);
    const alone = await encoder.embed('a red car');
    expect(alone).toBeInstanceOf(Float32Array);
    expect(alone).toEqual(rows.row(0));
    expect(alone.buffer.byteLength).toBe(4 * encoder.dimensions);
    await expect(encoder.embed(7 as never)).rejects.toThrow(TypeError);
  });
});

describe('a matrix', () => {
  const matrix = new Matrix(Float32Array.of(1, 2, 3, 4, 5, 6), 3, 2);

  it('is its rows in a loop, as views', () => {
    const [first, ...rest] = matrix;
    expect(first).toEqual(Float32Array.of(1, 2));
    expect(rest).toHaveLength(2);
    expect(first?.buffer).toBe(matrix.data.buffer);
    expect([...Matrix.zeros(0, 2)]).toEqual([]);
  });

  it('is nested arrays in JSON', () => {
    const whole = [
      [1, 2],
      [3, 4],
      [5, 6],
    ];
    expect(JSON.parse(JSON.stringify({ matrix }))).toEqual({ matrix: whole });
    expect(matrix.toArray()).toEqual(whole);
  });
});

/**
 * Neither index is a dependency: both bring native code, so what they accept is written down here as their own checks have it
 * (usearch 2.26: one Float32Array of a multiple of the dimensions, keys as bigint; hnswlib-node 3.0: Array.isArray).
 */
describe('vector indexes take them in a line', () => {
  it('usearch: all rows at once, and a query', async () => {
    await using encoder = await Encoder.load();
    const vectors = await encoder.embed(TEXTS);
    const keys = BigUint64Array.from(TEXTS.keys(), BigInt);
    const added = [keys, vectors.data] as const;
    expect(added[1]).toBeInstanceOf(Float32Array);
    expect(added[1].length).toBe(keys.length * vectors.cols);
    expect(added[1].byteOffset).toBe(0);
    expect((await encoder.embed('a car')).length).toBe(vectors.cols);
  });

  it('hnswlib-node: a row at a time, as an array', async () => {
    await using encoder = await Encoder.load();
    const vectors = await encoder.embed(TEXTS);
    for (const row of vectors.toArray()) {
      expect(Array.isArray(row)).toBe(true);
      expect(row).toHaveLength(encoder.dimensions);
    }
  });
});

it('LangChain: documents as arrays of numbers, a query as one', async () => {
  const { SinterEmbeddings } = await import('../../examples/langchain.mjs' as string);
  const embeddings = await SinterEmbeddings.load();
  const documents: number[][] = await embeddings.embedDocuments(TEXTS);
  const query: number[] = await embeddings.embedQuery('a red car');
  expect(documents.every((one) => Array.isArray(one) && one.length === query.length)).toBe(true);
  expect(query).toEqual(documents[0]);
  await embeddings.dispose();
});

it('search.mjs: the nearest texts, as every comparison finds them', async () => {
  const { ExactIndex } = await import('../../examples/search.mjs' as string);
  await using encoder = await Encoder.load();
  const texts = [...TEXTS, 'how to bake bread', 'an old train'];
  const index = await ExactIndex.load();
  expect(await index.search('a fast car')).toEqual([]);
  await index.add(texts.slice(0, 2));
  await index.add(texts.slice(2));
  const found: { index: number; score: number; text: string }[] = await index.search(
    'a fast car',
    2,
  );
  const [query] = await encoder.embed(['a fast car']);
  const all = await encoder.embed(texts);
  const cosine = (vector: Float32Array) =>
    vector.reduce((sum, value, i) => sum + value * (query?.[i] ?? 0), 0);
  const scores = [...all].map(cosine);
  const order = [...scores.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
  expect(found.map(({ index: at }) => at)).toEqual(order.slice(0, 2));
  expect(found.map(({ text }) => text)).toEqual(order.slice(0, 2).map((i) => texts[i]));
  expect(found[0]?.score).toBeCloseTo(scores[order[0] ?? 0] ?? 0, 5);
  await index.dispose();
});
