/**
 * A program of a user, that is compiled against the packed declarations and never run: the training of an encoder, its rows,
 * losses and scores.
 */

import {
  type EmbeddingEvaluation,
  type Encoder,
  evaluateRetrieval,
  mineHardNegatives,
  type RankingRow,
  readEmbeddingRows,
} from 'sinter';

export async function train(encoder: Encoder): Promise<EmbeddingEvaluation> {
  const pairs = [{ anchor: 'who', positive: 'a person' }];
  const report = await encoder.train(pairs, {
    dimensions: [384, 128],
    eval: [{ anchor: 'who', positive: 'a person', negatives: ['a place', 'a time'] }],
    onEpoch: ({ eval: scores }) => {
      if (scores?.kind === 'triplets') console.log(scores.accuracy.toFixed(3));
    },
  });
  report.epochs.at(-1)?.eval?.kind;
  await encoder.train(readEmbeddingRows('rows.csv'), { loss: 'cosent', scale: 20 });
  await encoder.train([{ sentence1: 'a', sentence2: 'b', score: 0.5 }], { loss: 'angle' });
  await encoder.train([{ text: 'a', pair: 'b', label: 1 }], { distance: 'euclidean', margin: 1 });
  await encoder.train([{ text: 'a', label: 'x' }], { batchSampler: 'no_duplicates' });
  const mined: RankingRow[] = await mineHardNegatives(encoder, pairs, { numNegatives: 2 });
  await encoder.train(mined);
  // @ts-expect-error: no such loss
  await encoder.train(pairs, { loss: 'mnrl' });
  // @ts-expect-error: no such distance
  await encoder.train(pairs, { distance: 'hamming' });
  // @ts-expect-error: a misspelt field
  await encoder.train([{ anchor: 'who', postive: 'a person' }]);
  // @ts-expect-error: a pair without a score
  await encoder.train([{ sentence1: 'a', sentence2: 'b' }]);
  // @ts-expect-error: dimensions of one call are a number
  await encoder.embed(['a'], { dimensions: [128] });
  const texts = { queries: { q: 'who' }, corpus: { d: 'a person' }, relevant: { q: ['d'] } };
  const { mrr, ndcg } = await evaluateRetrieval(encoder, texts, { k: 5 });
  console.log(mrr, ndcg);
  return encoder.evaluate(readEmbeddingRows('rows.csv'));
}
