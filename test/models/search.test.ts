// Large searches take candidates from products of the native core; they find what the plain comparison of all finds.
import { describe, expect, it } from 'vitest';
import { COMPARISONS } from '../../lib/metrics/comparisons.js';
import { nearestTo } from '../../lib/tasks/embedding/search.js';
import { Random } from '../kernels/native-test.js';
import { engine } from '../native/toy.js';

const WIDTH = 48;

function vectorsOf(count: number, seed: number): Float32Array[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => random.floats(WIDTH));
}

/** Every pair compared in double. */
function plain(
  queries: readonly Float32Array[],
  vectors: readonly Float32Array[],
  k: number,
  similarity: 'cosine' | 'dot' | 'euclidean',
  isLeftOut: (query: number, index: number) => boolean,
) {
  return queries.map((query, i) =>
    vectors
      .map((vector, index) => ({ index, score: COMPARISONS[similarity](query, vector) }))
      .filter(({ index }) => !isLeftOut(i, index))
      .sort((a, b) => b.score - a.score || a.index - b.index)
      .slice(0, k),
  );
}

engine();

describe('a search', () => {
  // More vectors than a block has, and some of them twice.
  const vectors = vectorsOf(4200, 1);
  for (let i = 0; i < 40; i++) vectors[4100 + i] = vectors[i * 7] ?? new Float32Array(WIDTH);
  const queries = [...vectorsOf(300, 2), vectors[0] as Float32Array, new Float32Array(WIDTH)];
  const none = () => false;

  it.each(['cosine', 'dot', 'euclidean'] as const)(
    'by %s finds the nearest',
    async (similarity) => {
      const found = await nearestTo(queries, vectors, 5, similarity, { where: 'test' });
      expect(found).toEqual(plain(queries, vectors, 5, similarity, none));
    },
  );

  it('leaves out what it is told to', async () => {
    const isLeftOut = (query: number, index: number) => (query + index) % 3 === 0;
    const found = await nearestTo(queries, vectors, 7, 'cosine', { where: 'test', isLeftOut });
    expect(found).toEqual(plain(queries, vectors, 7, 'cosine', isLeftOut));
  });

  it('of few vectors has as many as there are, and ends when it is aborted', async () => {
    const few = await nearestTo(queries.slice(0, 2), vectors.slice(0, 3), 5, 'dot', {
      where: 'test',
    });
    expect(few.map((one) => one.length)).toEqual([3, 3]);
    const call = { where: 'test', signal: AbortSignal.abort() };
    const aborted = nearestTo(queries, vectors, 5, 'cosine', call);
    await expect(aborted).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
