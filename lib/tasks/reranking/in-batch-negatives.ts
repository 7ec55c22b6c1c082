/**
 * In-batch negatives of a cross-encoder: each query of a batch is also read with documents of other rows, which are drawn
 * anew in every step.
 */

import { SinterError } from '../../core/errors.js';
import { type SeededRandom, shuffled } from '../../core/random.js';
import { trimSegments } from '../../runtime/forward.js';
import type { TextPair } from '../../tokenize/text-tokenizer.js';
import { CorpusBuilder } from '../../train/corpus.js';
import type { RowSource } from './list-rows.js';
import type { Extender } from './reranking-losses.js';
import type { RerankingRow } from './reranking-rows.js';

/** Appends to each list of a batch the pairs of its query with `numNegatives` documents of the batch's other rows. */
export function inBatchNegatives(
  rows: readonly RerankingRow[],
  { tokenizer, graph }: RowSource,
  {
    numNegatives,
    maxTokens,
  }: { readonly numNegatives: number | 'all'; readonly maxTokens: number },
): Extender {
  return async ({ tokens, targets, lists }, random) => {
    if (lists === undefined) throw new SinterError('INTERNAL', 'a batch without lists');
    const batch = lists.indices.map((index) => rows[index] as RerankingRow);
    const drawn = batch.map((_, i) => drawOthers(batch, i, numNegatives, random));
    const pairs = batch.flatMap(({ query }, i): TextPair[] =>
      (drawn[i] ?? []).map((doc) => [query, doc] as const),
    );
    const own = new CorpusBuilder();
    own.add({ tokens, targets });
    if (pairs.length > 0) {
      const encoded = await tokenizer.encode(pairs, { maxTokens, where: 'train' });
      const values = new Float32Array(pairs.length);
      own.add({
        tokens: trimSegments(graph, encoded),
        targets: { unit: 'text', width: 1, values },
      });
    }
    const lengths = lists.lengths.map((length, i) => length + (drawn[i]?.length ?? 0));
    const whole = own.finish().gather(interleaved(lists.lengths, drawn));
    return { ...whole, lists: { ...lists, lengths } };
  };
}

/** Documents of other rows of the batch. */
function drawOthers(
  batch: readonly RerankingRow[],
  index: number,
  numNegatives: number | 'all',
  random: SeededRandom,
): string[] {
  const others = batch.flatMap(({ docs }, i) => (i === index ? [] : docs));
  if (numNegatives === 'all' || numNegatives >= others.length) return others;
  return shuffled(others, random).slice(0, numNegatives);
}

/** Places of the texts of each list, its own first, where all own texts come before all drawn ones. */
function interleaved(lengths: Int32Array, drawn: readonly (readonly string[])[]): number[] {
  const places: number[] = [];
  let own = 0;
  let other = lengths.reduce((sum, length) => sum + length, 0);
  for (const [i, length] of lengths.entries()) {
    for (let k = 0; k < length; k++) places.push(own++);
    for (let k = 0; k < (drawn[i]?.length ?? 0); k++) places.push(other++);
  }
  return places;
}
