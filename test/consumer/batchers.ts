/**
 * A program of a user, that is compiled against the packed declarations and never run: what the batchers of all models take and
 * give.
 */

import {
  type Answer,
  type Batcher,
  type Candidate,
  Classifier,
  type ClassScores,
  CrossEncoder,
  Encoder,
  MaskedLM,
  type Matrix,
  QuestionAnswerer,
  type RunFacts,
  TokenClassifier,
} from 'sinter';

/** Compiles where both types are the same. */
function same<A, B>(
  ..._: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? [] : [never]
) {}

export async function vectors() {
  const encoder = await Encoder.load();
  const batcher = encoder.batch({ maxGroupQueue: 20, maxGroupTokens: 4000 });
  const { result, facts } = await batcher.runWithFacts(
    { ids: [101, 102] },
    { group: 'tenant', timeoutMs: 500, dimensions: 64, normalize: false },
  );
  same<typeof result, Float32Array>();
  same<typeof facts, RunFacts>();
  await batcher.run(['a', 'pair'], { truncationDirection: 'left', promptName: 'query' });
  // @ts-expect-error: an option of tags
  await batcher.run('a', { aggregation: 'simple' });
  // @ts-expect-error: no such direction
  await batcher.run('a', { truncationDirection: 'up' });
  // @ts-expect-error: ids are numbers
  await batcher.run({ ids: ['a'] });
  const tokens = await encoder.batch({ output: 'tokens' }).run('a');
  same<typeof tokens, Matrix>();
  // @ts-expect-error: vectors of tokens are not scaled
  await encoder.batch({ output: 'tokens' }).run('a', { normalize: true });
  const several = await encoder.embedTokens(['a']);
  same<typeof several, Matrix[]>();
  const one: Matrix = await encoder.embedTokens('a');
  const text: string = await encoder.decode(Int32Array.of(1), { skipSpecialTokens: true });
  const { tokens: names } = await encoder.tokenize(text, { addSpecialTokens: false });
  // A batcher is one of fewer options and inputs too.
  const plain: Batcher<Float32Array> = batcher;
  return { one, names, plain };
}

export async function labels() {
  const model = await Classifier.load('model', { labels: ['good', 'bad'] });
  const prediction = await model.batch({ truncate: false }).run('a', { truncate: true });
  same<typeof prediction.label, 'good' | 'bad'>();
  const scores = await model.batch({ output: 'scores' }).run('a');
  same<typeof scores, ClassScores>();
  // @ts-expect-error: no such output
  model.batch({ output: 'logits' });
}

export async function heads() {
  const tags = await TokenClassifier.load('model', { labels: ['O', 'B-PER', 'I-PER'] });
  const [entity] = await tags.batch().run('a', { aggregation: 'first' });
  if (entity !== undefined) {
    const name: 'PER' | 'B-PER' | 'I-PER' = entity.entity;
    // @ts-expect-error: no entity is called so
    const other: 'LOC' = entity.entity;
    console.log(name, other);
  }
  // @ts-expect-error: no ids
  await tags.batch().run({ ids: [1] });
  const answerer = await QuestionAnswerer.load('model');
  const answers = await answerer.batch().run({ question: 'a', context: 'b' }, { topK: 3 });
  same<typeof answers, Answer[]>();
  // @ts-expect-error: a pair
  await answerer.batch().run(['a', 'b']);
  // @ts-expect-error: contexts are never cut
  answerer.batch({ truncate: true });
  const pairs = await CrossEncoder.load('model');
  const score: number = await pairs.batch().run(['a', 'b'], { rawScores: true });
  // @ts-expect-error: one text
  await pairs.batch().run('a');
  const masked = await MaskedLM.load('model');
  const fills = await masked.batch().run('a [MASK]', { topK: 2, priority: 'bulk' });
  same<typeof fills, Candidate[][]>();
  return score;
}
