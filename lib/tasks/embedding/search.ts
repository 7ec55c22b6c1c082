/**
 * Finds the vectors most similar to others.
 *
 * Large searches take candidates from products of the native core, in f32, and score those again in double: they find what
 * the plain search finds, with the same scores.
 */

import { throwIfAborted } from '../../core/errors.js';
import { makeInTurns } from '../../core/turns.js';
import { GraphBuilder } from '../../graph/builder.js';
import type { SimilarityName } from '../../graph/checkpoint.js';
import { COMPARISONS } from '../../metrics/comparisons.js';
import type { Neighbour } from '../../metrics/similarity.js';
import type { NativeProgram } from '../../native/program.js';
import { runBatch } from '../../runtime/forward.js';
import { buildProgram, disposeProgram } from '../../runtime/program.js';

/** Multiply-adds from which a search uses the native core: about 30 ms of JavaScript. */
const NATIVE_WORK = 1 << 25;
/** Vectors and queries of one product, which a few lanes share: its scores take 32 MB. */
const BLOCK_VECTORS = 4096;
const BLOCK_QUERIES = 2048;
/** Candidates beyond k, because products in f32 may exchange neighbours whose scores are nearly equal. */
const SPARE = 16;

export interface SearchCall {
  readonly where: string;
  readonly signal?: AbortSignal | undefined;
  /** Pairs of query and vector that are not compared. Default: none. */
  readonly isLeftOut?: (query: number, index: number) => boolean;
}

/**
 * The `k` most similar of `vectors` to each query, best first; equal ones in their order. Throws CANCELLED soon after the signal
 * aborts.
 */
export async function nearestTo(
  queries: readonly Float32Array[],
  vectors: readonly Float32Array[],
  k: number,
  similarity: SimilarityName,
  call: SearchCall,
): Promise<Neighbour[][]> {
  const work = queries.length * vectors.length * (vectors[0]?.length ?? 0);
  const isProduct = similarity === 'cosine' || similarity === 'dot';
  if (isProduct && work >= NATIVE_WORK) {
    return searchInBlocks(queries, vectors, k, { ...call, similarity });
  }
  const { where, signal, isLeftOut = () => false } = call;
  return makeInTurns(
    queries.length,
    queriesPerTurn(vectors.length),
    (i) =>
      mostSimilar(queries[i] ?? new Float32Array(), vectors, k, similarity, (index) =>
        isLeftOut(i, index),
      ),
    { where, signal },
  );
}

/** The `k` most similar of `vectors` to `query`, best first; equal ones in their order. */
function mostSimilar(
  query: Float32Array,
  vectors: readonly Float32Array[],
  k: number,
  similarity: SimilarityName,
  isLeftOut: (index: number) => boolean,
): Neighbour[] {
  const compare = COMPARISONS[similarity];
  const best: Neighbour[] = [];
  for (const [index, vector] of vectors.entries()) {
    if (!isLeftOut(index)) keep(best, k, index, compare(query, vector));
  }
  return best;
}

/** Puts a vector among the best `k`, behind those with the same score. */
function keep(best: Neighbour[], k: number, index: number, score: number): void {
  if (best.length === k && !(score > (best[k - 1]?.score ?? 0))) return;
  let at = best.length;
  while (at > 0 && score > (best[at - 1]?.score ?? 0)) at -= 1;
  best.splice(at, 0, { index, score });
  if (best.length > k) best.pop();
}

/** How many queries against `count` vectors may be computed before the event loop turns: about a millisecond. */
function queriesPerTurn(count: number): number {
  return Math.max(1, Math.floor(2048 / Math.max(1, count)));
}

async function searchInBlocks(
  queries: readonly Float32Array[],
  vectors: readonly Float32Array[],
  k: number,
  call: SearchCall & { readonly similarity: 'cosine' | 'dot' },
): Promise<Neighbour[][]> {
  const { where, signal, similarity, isLeftOut = () => false } = call;
  const isUnit = similarity === 'cosine';
  const found = queries.map((): Neighbour[] => []);
  for (let first = 0; first < vectors.length; first += BLOCK_VECTORS) {
    const block = vectors.slice(first, first + BLOCK_VECTORS);
    const program = await productWith(rowsOf(block, isUnit), block.length, call);
    try {
      for (let begin = 0; begin < queries.length; begin += BLOCK_QUERIES) {
        const own = queries.slice(begin, begin + BLOCK_QUERIES);
        const scores = new Float32Array(own.length * block.length);
        await runBatch(program, featuresOf(rowsOf(own, isUnit), own.length), 'logits', scores, {
          ...{ where, signal, priority: 'bulk' },
        });
        await makeInTurns(own.length, queriesPerTurn(block.length / 64), (i) => {
          const best = found[begin + i] as Neighbour[];
          const row = scores.subarray(i * block.length, (i + 1) * block.length);
          collect(best, row, {
            first,
            most: k + SPARE,
            isLeftOut: (at) => isLeftOut(begin + i, at),
          });
        });
      }
    } finally {
      disposeProgram(program);
    }
  }
  throwIfAborted(signal, where);
  const compare = COMPARISONS[similarity];
  return found.map((candidates, i) =>
    candidates
      .map(({ index }) => ({
        index,
        score: compare(queries[i] ?? new Float32Array(), vectors[index] ?? new Float32Array()),
      }))
      .sort((a, b) => b.score - a.score || a.index - b.index)
      .slice(0, k),
  );
}

/** Puts the best of a row of scores among the candidates. */
function collect(
  best: Neighbour[],
  row: Float32Array,
  {
    first,
    most,
    isLeftOut,
  }: { readonly first: number; readonly most: number; isLeftOut(index: number): boolean },
): void {
  let least = best.length === most ? (best[most - 1]?.score ?? 0) : Number.NEGATIVE_INFINITY;
  for (let i = 0; i < row.length; i++) {
    const score = row[i] as number;
    if (!(score > least) || isLeftOut(first + i)) continue;
    keep(best, most, first + i, score);
    if (best.length === most) least = best[most - 1]?.score ?? 0;
  }
}

/** Vectors as the rows of a matrix; `isUnit`: scaled to length 1. */
function rowsOf(vectors: readonly Float32Array[], isUnit: boolean): Float32Array {
  const width = vectors[0]?.length ?? 0;
  const rows = new Float32Array(vectors.length * width);
  for (const [i, vector] of vectors.entries()) {
    const length = isUnit ? Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0)) : 1;
    rows.set(length === 0 || length === 1 ? vector : vector.map((x) => x / length), i * width);
  }
  return rows;
}

/** A program whose logits are the products of features with these rows. */
async function productWith(
  rows: Float32Array,
  count: number,
  { where, signal }: SearchCall,
): Promise<NativeProgram> {
  const width = rows.length / count;
  const g = new GraphBuilder();
  const features = g.add({ op: 'features', width, output: 'features' });
  const product = { name: 'vectors', inputs: width, outputs: count, bias: false };
  g.output('logits', g.linear([product], 'none', features, 'scores'));
  const graph = g.finish({ architecture: 'features', maxTokens: 1, vocabulary: 1, segments: 1 });
  const options = { trainable: false, where, signal } as const;
  return buildProgram(graph, options, (store, { name }) =>
    store.writeWeight(name, 0, 'f32', new Uint8Array(rows.buffer)),
  );
}

function featuresOf(features: Float32Array, count: number) {
  const offsets = Int32Array.from({ length: count + 1 }, (_, i) => i);
  return { ids: new Int32Array(count), offsets, segments: null, features };
}
