/**
 * A program of a user, that is compiled against the packed declarations and never run: what every head takes and gives.
 *
 * The rule: each wrong call stands under @ts-expect-error, so that one that compiles is an error too.
 */

import {
  Classifier,
  CrossEncoder,
  type Encoder,
  MaskedLM,
  type PairScores,
  QuestionAnswerer,
  type RerankingScores,
  readRerankingRows,
  readRows,
  TokenClassifier,
} from 'sinter';

type Sentiment = 'positive' | 'negative';

/** Compiles where both types are the same. */
function same<A, B>(
  ..._: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? [] : [never]
) {}

export async function oneLabel(encoder: Encoder) {
  const model = await encoder.classifier({ labels: ['positive', 'negative'] });
  same<typeof model, Classifier<Sentiment>>();
  await model.train([{ text: 'good', label: 'positive' }], {
    eval: [{ text: 'bad', pair: 'film', label: 'negative' }],
    onEpoch: ({ eval: scores }) => console.log(scores?.accuracy.toFixed(3)),
  });
  await model.train(readRows('rows.csv'));
  await model.evaluate(readRows('rows.csv'));
  // @ts-expect-error: a misspelt field
  await model.train([{ text: 'good', lable: 'positive' }]);
  const rows = [{ text: 'good', lable: 'positive' }];
  // @ts-expect-error: a misspelt field of rows that were made before
  await model.train(rows);
  // @ts-expect-error: a misspelt field
  await model.evaluate([{ txt: 'good', label: 'positive' }]);
  // @ts-expect-error: labels are strings
  await model.train([{ text: 'good', label: 1 }]);
  // @ts-expect-error: labels are strings
  await model.evaluate([{ text: 'good', label: 1 }]);
  // @ts-expect-error: rows of another problem
  await model.train([{ text: 'good', labels: ['positive'] }]);
  // @ts-expect-error: held-out rows are rows too
  await model.train([{ text: 'good', label: 'positive' }], { eval: [{ text: 'bad' }] });
  // @ts-expect-error: one row
  await model.train({ text: 'good', label: 'positive' });
  // @ts-expect-error: a misspelt option
  await model.train([{ text: 'good', label: 'positive' }], { epoch: 3 });

  await model.train([{ text: 'good', label: 'positive' }], {
    ...{ labelSmoothing: 0.1, classWeights: { positive: 2 }, sampling: 'balanced' },
  });
  await model.train([{ text: 'good', logits: [1, 0] }], { teacher: 'logits', alpha: 1 });
  await model.train([{ text: 'good' }], { teacher: model, alpha: 1 });
  // @ts-expect-error: without alpha: 1 rows have labels
  await model.train([{ text: 'good' }], { teacher: model });
  // @ts-expect-error: a loss for numbers
  await model.train([{ text: 'good', label: 'positive' }], { loss: 'huber' });
  const [maybe] = await model.predict(['good'], { minScore: 0.9 });
  same<NonNullable<typeof maybe>['label'], Sentiment | null>();

  const [first] = await model.predict(['good', ['a', 'pair']]);
  if (first !== undefined) {
    same<typeof first.label, Sentiment>();
    same<typeof first.scores, Readonly<Record<Sentiment, number>>>();
    // @ts-expect-error: no such label
    first.label === 'neutral';
    // @ts-expect-error: of several labels
    first.labels;
  }
  // @ts-expect-error: a text alone
  await model.predict('good');
  // @ts-expect-error: numbers
  await model.predict([1]);
  // @ts-expect-error: a misspelt option
  await model.predict(['good'], { batchsize: 8 });
  const batched = await model.batch().run('good');
  same<typeof batched.label, Sentiment>();
  const { predicted, confusion } = await model.evaluate([{ text: 'bad', label: 'negative' }]);
  same<typeof predicted, readonly Sentiment[]>();
  same<typeof confusion.labels, readonly Sentiment[]>();
  same<typeof model.labels, readonly Sentiment[]>();
  const small = await model.quantize();
  same<typeof small, Classifier<Sentiment>>();
  // @ts-expect-error: the constructor is not for users
  new Classifier();
}

export async function labelsOfTypes(names: string[]) {
  const stated = await Classifier.load<Sentiment>('model');
  same<typeof stated, Classifier<Sentiment>>();
  const listed = await Classifier.load('model', { labels: ['positive', 'negative'] });
  same<typeof listed, Classifier<Sentiment>>();
  const open = await Classifier.load('model');
  same<typeof open, Classifier<string>>();
  const read = await Classifier.load('model', { labels: names });
  same<typeof read, Classifier<string>>();
  const [first] = await open.predict(['good']);
  if (first !== undefined) same<typeof first.label, string>();
}

export async function severalLabels(encoder: Encoder) {
  const problem = 'multi_label_classification';
  const model = await encoder.classifier({ labels: ['fast', 'cheap'], problem });
  same<typeof model, Classifier<'fast' | 'cheap', 'multi_label_classification'>>();
  await model.train([{ text: 'quick', labels: ['fast'] }]);
  // @ts-expect-error: a misspelt field
  await model.train([{ text: 'quick', lables: ['fast'] }]);
  // @ts-expect-error: one label
  await model.train([{ text: 'quick', label: 'fast' }]);
  // @ts-expect-error: labels are a list
  await model.evaluate([{ text: 'quick', labels: 'fast' }]);
  // @ts-expect-error: labels are strings
  await model.evaluate([{ text: 'quick', labels: [1] }]);
  const [first] = await model.predict(['quick'], { threshold: 0.4 });
  if (first !== undefined) same<typeof first.labels, readonly ('fast' | 'cheap')[]>();
  // @ts-expect-error: thresholds are numbers
  await model.predict(['quick'], { threshold: '0.4' });
}

export async function numbers(encoder: Encoder) {
  const model = await encoder.classifier({ labels: ['stars'], problem: 'regression' });
  await model.train([{ text: 'good', value: 4.5 }]);
  await model.evaluate([{ text: 'good', value: [4.5] }]);
  // @ts-expect-error: a misspelt field
  await model.train([{ text: 'good', vaule: 4.5 }]);
  // @ts-expect-error: values are numbers
  await model.train([{ text: 'good', value: '4.5' }]);
  // @ts-expect-error: values are numbers
  await model.evaluate([{ text: 'good', value: null }]);
  const [first] = await model.predict(['good']);
  if (first !== undefined) same<typeof first.value, number>();
  // @ts-expect-error: of one label
  first?.label;
}

export async function tags() {
  const model = await TokenClassifier.load('model', { labels: ['O', 'B-PER', 'I-PER', 'B-LOC'] });
  await model.train([{ words: ['Ada'], tags: ['B-PER'] }]);
  // @ts-expect-error: a misspelt field
  await model.train([{ word: ['Ada'], tags: ['B-PER'] }]);
  // @ts-expect-error: tags are strings
  await model.train([{ words: ['Ada'], tags: [1] }]);
  // @ts-expect-error: tags are a list
  await model.evaluate([{ words: ['Ada'], tags: 'B-PER' }]);
  const [entities] = await model.predict(['Ada in Rome']);
  const [entity] = entities ?? [];
  if (entity !== undefined) same<typeof entity.entity, 'PER' | 'LOC'>();
  const [tokens] = await model.predict(['Ada in Rome'], { aggregation: 'none' });
  const [token] = tokens ?? [];
  if (token !== undefined) same<typeof token.entity, 'B-PER' | 'I-PER' | 'B-LOC'>();
  // @ts-expect-error: no such aggregation
  await model.predict(['Ada in Rome'], { aggregation: 'mean' });
  // @ts-expect-error: pairs
  await model.predict([['Ada', 'Rome']]);
  const { predicted } = await model.evaluate([{ words: ['Ada'], tags: ['B-PER'] }]);
  same<typeof predicted, readonly (readonly ('O' | 'B-PER' | 'I-PER' | 'B-LOC')[])[]>();
  const open = await TokenClassifier.load('model');
  const [any] = (await open.predict(['Ada']))[0] ?? [];
  if (any !== undefined) same<typeof any.entity, string>();
}

export async function questions() {
  const model = await QuestionAnswerer.load();
  const context = 'Ada wrote it';
  await model.train([{ question: 'Who?', context, answers: [{ text: 'Ada', start: 0 }] }]);
  // @ts-expect-error: a misspelt field
  await model.train([{ question: 'Who?', contxt: context, answers: [] }]);
  // @ts-expect-error: an answer without its place
  await model.train([{ question: 'Who?', context, answers: [{ text: 'Ada' }] }]);
  // @ts-expect-error: answers are a list
  await model.evaluate([{ question: 'Who?', context, answers: 'Ada' }]);
  const [answer] = await model.answer('Who?', context, { topK: 2 });
  if (answer !== undefined) same<typeof answer.answer, string>();
  // @ts-expect-error: no context
  await model.answer('Who?');
  // @ts-expect-error: a misspelt option
  await model.answer('Who?', context, { topk: 2 });
}

export async function masks() {
  const model = await MaskedLM.load();
  await model.train(['plain text', { text: 'another' }]);
  // @ts-expect-error: a misspelt field
  await model.train([{ txt: 'plain text' }]);
  // @ts-expect-error: numbers
  await model.evaluate([1]);
  const [candidates] = await model.fill('a [MASK]');
  const token: string | undefined = candidates?.[0]?.token;
  console.log(token);
  // @ts-expect-error: several texts
  await model.fill(['a [MASK]']);
}

export async function pairs() {
  const model = await CrossEncoder.load();
  await model.train([{ text: 'a', pair: 'b', score: 1 }]);
  const lists = [{ query: 'a', docs: ['b'], labels: [1] }];
  const { epochs } = await model.train(lists, { loss: 'lambda', weightingScheme: 'ndcg_loss2' });
  same<(typeof epochs)[0]['eval'], PairScores | null>();
  const held = await model.train([{ query: 'a', positive: 'b' }], { eval: lists });
  same<(typeof held.epochs)[0]['eval'], RerankingScores | null>();
  const ranking = await model.evaluate(lists);
  same<typeof ranking.ndcg, number>();
  await model.train(readRerankingRows('rows.jsonl'));
  // @ts-expect-error: a loss of encoders
  await model.train(lists, { loss: 'cosent' });
  // @ts-expect-error: a misspelt field
  await model.train([{ text: 'a', piar: 'b', score: 1 }]);
  // @ts-expect-error: a label
  await model.train([{ text: 'a', pair: 'b', label: 'yes' }]);
  // @ts-expect-error: scores are numbers
  await model.evaluate([{ text: 'a', pair: 'b', score: '1' }]);
  const scores = await model.score([['a', 'b']]);
  same<typeof scores, number[]>();
  // @ts-expect-error: texts alone
  await model.score(['a', 'b']);
  // @ts-expect-error: pairs
  await model.rank('a', [['a', 'b']]);
}
