/** Exported heads in the pipelines of transformers.js: labels, scores and answers are those that the model itself gives. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  Classifier,
  CrossEncoder,
  Encoder,
  MaskedLM,
  QuestionAnswerer,
  TokenClassifier,
} from '../../lib/index.js';
import { cutFolder } from '../models/cut-folder.js';
import { peerPipeline, peerTokens, runPeer } from './transformers-js.js';

const HEADS = 'test/fixtures/heads';
const TEXT = 'the state of the union';

let scratch = '';
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sinter-pipelines-'));
});
afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

interface Exports {
  exportOnnxFolder(path: string, options: { precisions: ['f32'] }): Promise<void>;
}

async function exported(model: Exports, name: string): Promise<string> {
  const folder = join(scratch, name);
  await model.exportOnnxFolder(folder, { precisions: ['f32'] });
  return folder;
}

interface Scored {
  readonly score: number;
}

it('one label of several: softmax', async () => {
  await using model = await Classifier.load('test/fixtures/encoders/bert-seqcls');
  const pipe = await peerPipeline('text-classification', await exported(model, 'one'));
  const [theirs = []] = (await pipe([TEXT], { top_k: null as never })) as {
    label: string;
    score: number;
  }[][];
  const [ours] = await model.predict([TEXT]);
  expect(theirs[0]?.label).toBe(ours?.label);
  expect(theirs.length).toBe(model.labels.length);
  const scores: Readonly<Record<string, number>> = ours?.scores ?? {};
  for (const { label, score } of theirs) expect(score).toBeCloseTo(scores[label] ?? Number.NaN, 5);
});

it('several labels: a sigmoid for each', async () => {
  const problem = 'multi_label_classification';
  await using model = await Classifier.load(`${HEADS}/bert-multilabel`, { problem });
  const pipe = await peerPipeline('text-classification', await exported(model, 'several'));
  const [theirs = []] = (await pipe([TEXT], { top_k: null as never })) as {
    label: string;
    score: number;
  }[][];
  const [ours] = await model.predict([TEXT]);
  expect(theirs.map(({ label }) => label).slice(0, ours?.labels.length)).toEqual(ours?.labels);
  const scores: Readonly<Record<string, number>> = ours?.scores ?? {};
  for (const { label, score } of theirs) expect(score).toBeCloseTo(scores[label] ?? Number.NaN, 5);
});

it('a cross-encoder: one logit for a pair, whose sigmoid is our score', async () => {
  await using model = await CrossEncoder.load(`${HEADS}/bert-regression`);
  const folder = await exported(model, 'pairs');
  const pairs = [
    ['what is this', 'the state'],
    ['a', 'b c d e f'],
  ] as const;
  const { outputs } = await runPeer(folder, 'classification', { dtype: 'fp32' }, pairs);
  const ours = await model.score(pairs);
  const theirs = [...(outputs.logits?.data ?? [])].map((x) => 1 / (1 + Math.exp(-x)));
  expect(theirs.length).toBe(2);
  for (const [i, score] of theirs.entries()) expect(score).toBeCloseTo(ours[i] ?? Number.NaN, 5);
});

it('tags of tokens', async () => {
  await using model = await TokenClassifier.load(`${HEADS}/bert-tokencls`);
  const pipe = await peerPipeline('token-classification', await exported(model, 'tags'));
  const theirs = (await pipe(TEXT, { ignore_labels: [] })) as {
    entity: string;
    word: string;
    score: number;
  }[];
  const [ours = []] = await model.predict([TEXT]);
  const first = ours[0];
  expect(first).toBeDefined();
  expect(theirs[0]).toMatchObject({ word: first?.word });
  expect(theirs[0]?.entity.replace(/^[BI]-/, '')).toBe(first?.entity);
  expect(theirs[0]?.score).toBeCloseTo(first?.score ?? Number.NaN, 5);
});

it('an answer', async () => {
  await using model = await QuestionAnswerer.load(`${HEADS}/bert-qa`);
  const pipe = await peerPipeline('question-answering', await exported(model, 'answers'));
  const [question, context] = ['what is the state?', 'The state of the union is good.'];
  const theirs = (await pipe(question, context)) as unknown as Scored & { answer: string };
  const [ours] = await model.answer(question, context);
  expect(theirs.answer.replace(/^##/, '')).toBe(ours?.answer.toLowerCase());
  expect(theirs.score).toBeCloseTo(ours?.score ?? Number.NaN, 5);
});

it('a masked token', async () => {
  await using model = await MaskedLM.load('test/fixtures/encoders/bert-mlm');
  const pipe = await peerPipeline('fill-mask', await exported(model, 'mask'));
  const text = 'the state of the [MASK] .';
  const theirs = (await pipe(text)) as { token: number; score: number }[];
  const [ours = []] = await model.fill(text);
  expect(theirs.map(({ token }) => token)).toEqual(ours.map(({ id }) => id));
  for (const [i, { score }] of theirs.entries()) {
    expect(score).toBeCloseTo(ours[i]?.score ?? Number.NaN, 5);
  }
});

it('a model of no family', async () => {
  await using whole = await Encoder.load('test/fixtures/encoders/bert', { pooling: 'mean' });
  const folder = await cutFolder(whole, { heads: new Map([[0, [1]]]) });
  await using encoder = await Encoder.load(folder);
  await using model = await encoder.classifier({ labels: ['a', 'b'] });
  const out = await exported(model, 'cut');
  const { outputs } = await runPeer(out, 'classification', { dtype: 'fp32' }, [TEXT]);
  await using back = await Classifier.load(out);
  for (const own of [model, back]) {
    const logits = (await own.logits([TEXT])).data;
    for (const [i, x] of logits.entries()) expect(outputs.logits?.data[i]).toBeCloseTo(x, 5);
  }
});

it('vectors, of texts longer than the limit of the sentence encoder too', async () => {
  await using model = await Encoder.load();
  const folder = await exported(model, 'vectors');
  const texts = [TEXT, 'Wie geht es?', '你好，世界', `${TEXT} `.repeat(100)];
  const pipe = await peerPipeline('feature-extraction', folder);
  const theirs: number[][] = (await pipe(texts, { pooling: 'mean', normalize: true })).tolist();
  const ours = await model.embed(texts);
  const { ids } = await peerTokens(folder, texts);
  expect(ids.at(-1)?.length).toBe(model.maxTokens);
  expect(model.maxTokens).toBeLessThan(512);
  const cosines = theirs.map((row, i) =>
    row.reduce((sum, x, k) => sum + x * (ours.row(i)[k] ?? Number.NaN), 0),
  );
  // The long text lacks the last special token there.
  for (const [i, cosine] of cosines.entries())
    expect(cosine).toBeGreaterThan(i < 3 ? 0.999999 : 0.99);
});
