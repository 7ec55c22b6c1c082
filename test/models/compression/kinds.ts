/** A small trained model of each kind, with rows that it has learned, for the tests of compression. */

import {
  Classifier,
  CrossEncoder,
  Encoder,
  QuestionAnswerer,
  TokenClassifier,
} from '../../../lib/index.js';
import { encoderFolder } from '../../architectures/encoders.js';

/** Three layers of four heads and 32 neurons. */
export const TINY = encoderFolder('bert') ?? '';

const WORDS = 'the of and to in that is for our we people states'.split(' ');
const word = (i: number) => WORDS[i % WORDS.length] ?? '';

/** Five words, of which no two rows have the same. */
function textOf(i: number): string {
  return [i, i * 5 + 1, Math.floor(i / 12) + i * 7, i * 3 + 2, Math.floor(i / 12)]
    .map(word)
    .join(' ');
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Texts of which no two are the same. */
export function textsOf(count: number): string[] {
  const texts = [...new Set(range(40 * count).map(textOf))];
  return texts.slice(0, count);
}

export const LABELS = ['early', 'late'] as const;
const isEarly = (text: string) => word(0) <= text && WORDS.indexOf(text.split(' ')[0] ?? '') < 6;

export const labelRows = (count: number) =>
  textsOf(count).map((text) => ({ text, label: isEarly(text) ? 'early' : 'late' }));

export const listRows = (count: number) =>
  textsOf(count).map((text) => ({
    text,
    labels: [...(isEarly(text) ? ['early'] : []), ...(text.includes('people') ? ['people'] : [])],
  }));

export const valueRows = (count: number) =>
  textsOf(count).map((text) => ({ text, value: WORDS.indexOf(text.split(' ')[0] ?? '') / 12 }));

export const tagRows = (count: number) =>
  textsOf(count).map((text) => {
    const words = text.split(' ');
    return { words, tags: words.map((one) => (WORDS.indexOf(one) < 6 ? 'O' : 'B-x')) };
  });

export const answerRows = (count: number) =>
  textsOf(count).map((text, i) => {
    const words = text.split(' ').map((one) => (one === 'people' ? 'states' : one));
    words[i % 5] = 'people';
    const context = `${words.join(' ')} ${word(i)} ${word(i >> 3)}`;
    const answers = [{ text: 'people', start: context.indexOf('people') }];
    return { question: 'who is it', context, answers };
  });

export const pairRows = (count: number) =>
  textsOf(count).map((text, i) => ({
    text,
    pair: i % 2 === 0 ? 'people of the states' : 'that is for our',
    score: (i % 2 === 0) === isEarly(text) ? 1 : 0,
  }));

export const rankedRows = (count: number) =>
  textsOf(count).map((query) => ({
    query,
    docs: ['that is for our', 'people of the states', 'in and to'],
    labels: isEarly(query) ? [0, 1, 0] : [1, 0, 0],
  }));

const FAST = { epochs: 6, batchSize: 8, learningRate: 3e-3, warmup: 0, seed: 5 } as const;

export async function labelModel(): Promise<Classifier<'early' | 'late'>> {
  const model = await Classifier.load(TINY, { labels: LABELS, seed: 1 });
  await model.train(labelRows(80), FAST);
  return model;
}

export async function listModel() {
  const labels = ['early', 'people'] as const;
  const problem = 'multi_label_classification';
  const model = await Classifier.load(TINY, { labels, problem, seed: 1 });
  await model.train(listRows(80), FAST);
  return model;
}

export async function valueModel() {
  const model = await Classifier.load(TINY, { labels: ['value'], problem: 'regression', seed: 1 });
  await model.train(valueRows(80), { ...FAST, epochs: 12 });
  return model;
}

export async function tagModel() {
  const model = await TokenClassifier.load(TINY, { labels: ['O', 'B-x'], seed: 1 });
  await model.train(tagRows(80), FAST);
  return model;
}

export async function answerModel(): Promise<QuestionAnswerer> {
  const model = await QuestionAnswerer.load(TINY, { newHead: true, seed: 1 });
  await model.train(answerRows(80), FAST);
  return model;
}

export async function pairModel(): Promise<CrossEncoder> {
  const model = await CrossEncoder.load(TINY, { newHead: true, seed: 1 });
  await model.train(pairRows(120), { ...FAST, epochs: 12 });
  return model;
}

export const vectorModel = (): Promise<Encoder> => Encoder.load(TINY, { pooling: 'mean' });

/** A search that takes a second. */
export const QUICK = {
  epochs: 2,
  batchSize: 16,
  learningRate: 3e-3,
  maxDrop: 0.5,
  seed: 7,
} as const;
