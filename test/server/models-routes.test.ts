// Sinter's own routes: every task of every model by its name, with the answers of the library's calls.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Classifier, MaskedLM, QuestionAnswerer, TokenClassifier } from '../../lib/index.js';
import type { SinterServer } from '../../lib/server/index.js';
import { SMALL_MODELS, type SmallModel, send, smallServer } from './small-server.js';

let server: SinterServer;

beforeAll(async () => {
  server = await smallServer(Object.keys(SMALL_MODELS) as SmallModel[]);
});

afterAll(() => server.close());

const post = (url: string, body: unknown) => send(server, 'POST', `/models/${url}`, body);

describe('embed', () => {
  it('takes texts, pairs and ids, and gives numbers or base64', async () => {
    const inputs = ['a red car', ['a', 'b']];
    const { body, status } = await post('encoder/embed', { inputs });
    expect(status).toBe(200);
    expect(Object.keys(body)).toEqual(['model', 'version', 'results', 'usage']);
    expect(body.results.map((vector: number[]) => vector.length)).toEqual([20, 20]);
    expect(body.usage).toMatchObject({ inputs: 2, truncated: 0 });
    const coded = await post('encoder/embed', { inputs, encoding: 'base64', dimensions: 4 });
    const plain = await post('encoder/embed', { inputs, dimensions: 4 });
    for (const [i, text] of coded.body.results.entries()) {
      const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
      expect(new Float32Array(bytes.buffer)).toEqual(Float32Array.from(plain.body.results[i]));
    }
  });

  it('takes an empty text, as the library does, and no empty list', async () => {
    expect((await post('encoder/embed', { inputs: '' })).status).toBe(200);
    for (const inputs of [[], ['a', []]]) {
      expect((await post('encoder/embed', { inputs })).status).toBe(400);
    }
  });

  it('names what is wrong in its own form', async () => {
    const { status, body } = await post('encoder/embed', { inputs: ['a', ['b']] });
    expect(status).toBe(422);
    expect(body.error).toMatchObject({ code: 'validation', param: 'inputs[1]' });
    expect(typeof body.error.requestId).toBe('string');
    const none = await post('nothing/embed', { inputs: 'a' });
    expect([none.status, none.body.error.code]).toEqual([404, 'model_not_found']);
    const other = await post('names/embed', { inputs: 'a' });
    expect([other.status, other.body.error.code]).toEqual([422, 'wrong_model']);
  });
});

describe('classify', () => {
  it('gives one label with all scores, and logits if asked for', async () => {
    const model = await Classifier.load(SMALL_MODELS.sentiment.path);
    const [expected] = await model.predict(['a fine film']);
    const logits = await model.logits(['a fine film']);
    await model.dispose();
    const { body } = await post('sentiment/classify', { inputs: 'a fine film', logits: true });
    const [result] = body.results;
    expect(result.label).toBe(expected?.label);
    expect(result.score).toBeCloseTo(expected?.score ?? 0, 6);
    const scores: Readonly<Record<string, number>> = expected?.scores ?? {};
    for (const { label, score } of result.scores) {
      expect(score).toBeCloseTo(scores[label] ?? -1, 6);
    }
    expect(Float32Array.from(result.logits)).toEqual(logits.row(0));
    const top = await post('sentiment/classify', { inputs: ['a', 'b'], topK: 1 });
    expect(top.body.results.map((one: { scores: [] }) => one.scores.length)).toEqual([1, 1]);
  });

  it('chooses several labels by thresholds', async () => {
    const choose = async (threshold?: unknown) =>
      (await post('topics/classify', { inputs: 'a', threshold })).body.results[0];
    const { labels, scores } = await choose();
    const reached = (least: number) =>
      scores
        .filter(({ score }: { score: number }) => score >= least)
        .map(({ label }: { label: string }) => label);
    expect(labels).toEqual(reached(0.5));
    expect((await choose(0.9)).labels).toEqual(reached(0.9));
    const [best] = scores;
    expect((await choose({ [best.label]: 1 })).labels).toEqual(reached(0.5).slice(1));
    const other = await post('topics/classify', { inputs: 'a', threshold: { nothing: 0.5 } });
    expect([other.status, other.body.error.param]).toEqual([422, 'threshold']);
    const single = await post('sentiment/classify', { inputs: 'a', threshold: 0.5 });
    expect([single.status, single.body.error.param]).toEqual([422, 'threshold']);
  });

  it('gives the numbers of a regression, and says which texts were cut', async () => {
    const inputs = ['a', 'a fine film '.repeat(50)];
    const { body } = await post('stars/classify', { inputs });
    expect(body.results[0].values).toEqual([body.results[0].value]);
    expect(body.results.map((one: { truncated: boolean }) => one.truncated)).toEqual([false, true]);
    expect(body.usage.truncated).toBe(1);
  });
});

describe('tag', () => {
  const text = '😀 Ada lives in Rome.';

  it('gives the entities of predict, in each way of aggregation', async () => {
    const model = await TokenClassifier.load(SMALL_MODELS.names.path);
    for (const aggregation of ['none', 'simple', 'first', 'average', 'max'] as const) {
      const [expected] = await model.predict([text], { aggregation });
      const { body } = await post('names/tag', { inputs: [text], aggregation });
      expect(body.results).toEqual([expected]);
    }
    await model.dispose();
  });

  it('counts places in UTF-16 units, code points or both', async () => {
    const chars = [...text];
    const both = (await post('names/tag', { inputs: text, offsets: 'both' })).body.results[0];
    expect(both.length).toBeGreaterThan(0);
    for (const { word, start, end, startCodePoint, endCodePoint } of both) {
      expect(text.slice(start, end)).toBe(word);
      expect(chars.slice(startCodePoint, endCodePoint).join('')).toBe(word);
    }
    const points = (await post('names/tag', { inputs: text, offsets: 'codePoint' })).body
      .results[0];
    expect(Object.keys(points[0])).toEqual([
      'entity',
      'score',
      'word',
      'startCodePoint',
      'endCodePoint',
    ]);
  });
});

describe('answer', () => {
  it('gives the answers of the model', async () => {
    const model = await QuestionAnswerer.load(SMALL_MODELS.answers.path);
    const [question, context] = ['Where does Ada live?', '😀 Ada lives in Rome.'];
    for (const options of [{}, { topK: 3, allowNoAnswer: true, maxAnswerTokens: 4 }]) {
      const expected = await model.answer(question, context, options);
      const { body } = await post('answers/answer', { inputs: { question, context }, ...options });
      expect(body.results).toEqual([expected]);
    }
    await model.dispose();
    const inputs = [
      { question, context },
      { question: '', context },
    ];
    const empty = await post('answers/answer', { inputs });
    expect([empty.status, empty.body.error.param]).toEqual([400, 'inputs[1].question']);
  });

  it('limits what costs time', async () => {
    const inputs = { question: 'a', context: 'b' };
    for (const field of [{ topK: 101 }, { maxAnswerTokens: 129 }, { topK: 0 }]) {
      expect((await post('answers/answer', { inputs, ...field })).status).toBe(422);
    }
  });
});

describe('rerank and fill-mask', () => {
  it('rank as the other forms do', async () => {
    const body = { query: 'q', texts: ['a', 'b c', 'd'] };
    const ours = (await post('reranker/rerank', { ...body, topK: 2, returnTexts: true })).body;
    const tei = (await send(server, 'POST', '/rerank', { ...body, return_text: true })).body;
    expect(ours.results).toEqual(tei.slice(0, 2));
    expect(ours.usage.inputs).toBe(3);
  });

  it('fill every mask', async () => {
    const model = await MaskedLM.load(SMALL_MODELS.masks.path);
    const text = 'the [MASK] car [MASK]';
    const expected = await model.fill(text, { topK: 2 });
    await model.dispose();
    const { body } = await post('masks/fill-mask', { inputs: [text], topK: 2 });
    expect(body.results).toEqual([expected]);
    const none = await post('masks/fill-mask', { inputs: 'the car' });
    expect([none.status, none.body.error.param]).toEqual([422, 'inputs']);
    expect(none.body.error.message).not.toContain('the car');
  });
});

describe('GET /models', () => {
  it('tells all facts of the models', async () => {
    const { body } = await send(server, 'GET', '/models');
    expect(body.models.map((one: { name: string }) => one.name)).toEqual(Object.keys(SMALL_MODELS));
    const { body: one } = await send(server, 'GET', '/models/topics');
    expect(one).toEqual(body.models[2]);
    expect(one).toMatchObject({ task: 'classify', problem: 'multi_label_classification' });
    expect((await send(server, 'GET', '/models/nothing')).status).toBe(404);
  });
});
