// The routes in the form of TEI: shapes, defaults, statuses, and the numbers of the model itself.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Classifier, Encoder } from '../../lib/index.js';
import type { SinterServer } from '../../lib/server/index.js';
import { SMALL_MODELS, send, smallServer } from './small-server.js';

let server: SinterServer;
let encoder: Encoder;

beforeAll(async () => {
  server = await smallServer(['encoder', 'sentiment', 'topics', 'stars', 'reranker', 'names']);
  encoder = await Encoder.load(SMALL_MODELS.encoder.path, { pooling: 'mean' });
});

afterAll(async () => {
  await server.close();
  await encoder.dispose();
});

const post = (url: string, body: unknown, headers = {}) => send(server, 'POST', url, body, headers);
const lengthOf = (vector: number[]) => Math.hypot(...vector);

describe('POST /embed', () => {
  it('gives a list also for one text, of vectors of length 1', async () => {
    const { status, body, headers } = await post('/embed', { inputs: 'a red car' });
    expect(status).toBe(200);
    expect(body).toHaveLength(1);
    expect(lengthOf(body[0])).toBeCloseTo(1, 5);
    const [raw] = (await encoder.embed(['a red car'])).toArray();
    const length = lengthOf(raw ?? []);
    for (const [i, x] of (raw ?? []).entries()) expect(body[0][i]).toBeCloseTo(x / length, 5);
    for (const name of ['x-compute-type', 'x-compute-tokens', 'x-total-time', 'x-queue-time']) {
      expect(headers[name]).toBeDefined();
    }
  });

  it('keeps the length of vectors with normalize false', async () => {
    const { body } = await post('/embed', { inputs: ['a red car', 'b'], normalize: false });
    const expected = await encoder.embed(['a red car', 'b']);
    const vectors = body.map((vector: number[]) => Float32Array.from(vector));
    expect(vectors).toEqual([expected.row(0), expected.row(1)]);
  });

  it('takes token ids as the texts that they are of', async () => {
    const texts = ['a red car', 'the weather'];
    const tokens = await Promise.all(texts.map((one) => encoder.tokenize(one)));
    const ids = tokens.map((one) => [...one.ids]);
    const [byText, byIds, one] = await Promise.all(
      [texts, ids, ids[0]].map((inputs) => post('/embed', { inputs })),
    );
    expect(byIds?.status).toBe(200);
    expect(byIds?.body).toEqual(byText?.body);
    expect(one?.body).toEqual([byText?.body[0]]);
  });

  it('cuts long texts at the end asked for, or refuses them', async () => {
    const long = 'a red car and '.repeat(60);
    const cut = await Promise.all(
      ['Right', 'Left'].map((truncation_direction) =>
        post('/embed', { inputs: long, truncation_direction }),
      ),
    );
    expect(cut.map(({ status }) => status)).toEqual([200, 200]);
    expect(cut[0]?.body).not.toEqual(cut[1]?.body);
    const refused = await post('/embed', { inputs: ['a', long], truncate: false });
    expect(refused.status).toBe(422);
    expect(refused.body.error_type).toBe('Validation');
    expect(refused.body.error).toMatch(/^inputs\[1\] must /);
  });

  it.each<[string, unknown, number, string, string]>([
    ['no text', { inputs: '' }, 400, 'Empty', 'inputs must not be empty'],
    ['no texts', { inputs: [] }, 400, 'Empty', 'inputs must not be empty'],
    [
      'a wrong type',
      { inputs: ['a', null] },
      422,
      'Validation',
      'inputs[1] must be a string, got null',
    ],
    [
      'too many',
      { inputs: Array(513).fill('a') },
      422,
      'Validation',
      'a request may have 512 inputs, got 513',
    ],
    [
      'a prompt that is not there',
      { inputs: 'a', prompt_name: 'query' },
      422,
      'Validation',
      'prompt_name must be left out, as the model has no prompts',
    ],
    ['no JSON', '{"inputs":', 400, 'Validation', 'the body is not valid JSON'],
    [
      'an id beyond the vocabulary',
      {
        inputs: [
          [2, 3],
          [2, 999_999],
        ],
      },
      422,
      'Validation',
      'inputs[1]',
    ],
  ])('refuses %s', async (_, body, status, type, message) => {
    const reply = await post('/embed', body);
    expect([reply.status, reply.body.error_type]).toEqual([status, type]);
    expect(reply.body.error).toContain(message);
    expect(Object.keys(reply.body)).toEqual(['error', 'error_type']);
  });

  it('names the model by query or header, and refuses two names', async () => {
    const inputs = 'a';
    const byQuery = await post('/predict?model=topics', { inputs });
    const byHeader = await post('/predict', { inputs }, { 'x-model': 'topics' });
    expect(byQuery.status).toBe(200);
    expect(byHeader.body).toEqual(byQuery.body);
    const both = await post('/predict?model=topics', { inputs }, { 'x-model': 'sentiment' });
    expect([both.status, both.body.error]).toEqual([
      422,
      'model must be named once, got one name in the query and another in x-model',
    ]);
    const none = await post('/predict', { inputs });
    expect(none.status).toBe(422);
    expect(none.body.error).toContain('"sentiment", "topics", "stars"');
    expect((await post('/embed?model=nope', { inputs })).status).toBe(404);
    expect((await post('/embed?model=names', { inputs })).status).toBe(424);
    expect((await post('/embed?modell=encoder', { inputs })).status).toBe(422);
  });
});

describe('POST /embed_all, /embed_sparse and /similarity', () => {
  it('gives a vector for each token', async () => {
    const texts = ['a red car', 'b'];
    const { status, body } = await post('/embed_all', { inputs: texts });
    expect(status).toBe(200);
    const expected = await encoder.embedTokens(texts);
    const found = body.map((tokens: number[][]) => tokens.map((one) => Float32Array.from(one)));
    expect(found).toEqual(
      expected.map((one) => Array.from({ length: one.rows }, (_, i) => one.row(i))),
    );
  });

  it('streams an answer of many numbers, all of them right', async () => {
    const texts = Array.from({ length: 100 }, (_, i) => `${'a red car '.repeat(20)} ${i}`);
    const { status, body } = await post('/embed_all', { inputs: texts });
    expect(status).toBe(200);
    const expected = await encoder.embedTokens(texts);
    expect(expected.reduce((sum, one) => sum + one.data.length, 0)).toBeGreaterThan(2 ** 16);
    for (const [i, tokens] of expected.entries()) {
      expect(Float32Array.from(body[i].flat())).toEqual(tokens.data);
    }
  });

  it('says that there are no sparse vectors', async () => {
    const { status, body } = await post('/embed_sparse', { inputs: 'a' });
    expect([status, body.error_type]).toEqual([424, 'Backend']);
    expect(body.error).toContain('no sparse ones');
  });

  it('gives cosines', async () => {
    const sentences = ['a red car', 'the weather'];
    const { body } = await post('/similarity', {
      inputs: { source_sentence: 'a red car', sentences },
    });
    const [a, b] = (await encoder.embed(sentences)).toArray();
    const dot = (a ?? []).reduce((sum, x, i) => sum + x * (b?.[i] ?? 0), 0);
    expect(body[0]).toBeCloseTo(1, 6);
    expect(body[1]).toBeCloseTo(dot / (lengthOf(a ?? []) * lengthOf(b ?? [])), 6);
    const empty = await post('/similarity', { inputs: { source_sentence: '', sentences } });
    expect([empty.status, empty.body.error_type]).toEqual([400, 'Empty']);
  });
});

describe('POST /predict', () => {
  it('tells a text, a pair and a batch', async () => {
    const url = '/predict?model=sentiment';
    const single = await post(url, { inputs: 'a fine film' });
    const pair = await post(url, { inputs: ['a', 'b'] });
    const batch = await post(url, { inputs: [['a fine film'], ['a', 'b']] });
    expect(batch.body).toEqual([single.body, pair.body]);
    expect(single.body).toHaveLength(3);
    expect(pair.body).not.toEqual(single.body);
  });

  it('gives softmax for one label, sigmoids for several, and numbers, all sorted', async () => {
    const text = 'a fine film';
    const one = (await post('/predict?model=sentiment', { inputs: text })).body;
    const sum = (list: { score: number }[]) => list.reduce((all, { score }) => all + score, 0);
    expect(sum(one)).toBeCloseTo(1, 5);
    const several = (await post('/predict?model=topics', { inputs: text })).body;
    const raw = (await post('/predict?model=topics', { inputs: text, raw_scores: true })).body;
    for (const list of [one, several, raw]) {
      const scores = list.map(({ score }: { score: number }) => score);
      expect(scores).toEqual([...scores].sort((a, b) => b - a));
    }
    for (const [i, { label, score }] of raw.entries()) {
      expect(several[i].label).toBe(label);
      expect(several[i].score).toBeCloseTo(1 / (1 + Math.exp(-score)), 5);
    }
    const model = await Classifier.load(SMALL_MODELS.topics.path, {
      problem: 'multi_label_classification',
    });
    const [logits] = (await model.logits([text])).toArray();
    await model.dispose();
    const expected = [...(logits ?? [])].sort((a, b) => b - a);
    expect(raw.map(({ score }: { score: number }) => Math.fround(score))).toEqual(expected);
    const stars = (await post('/predict?model=stars', { inputs: text })).body;
    const rawStars = (await post('/predict?model=stars', { inputs: text, raw_scores: true })).body;
    expect(stars).toEqual(rawStars);
  });
});

describe('POST /rerank', () => {
  it('sorts texts, with raw scores and texts if asked for', async () => {
    const query = 'how warm is it?';
    const texts = ['It is Monday.', 'It is 30 degrees.'];
    const plain = (await post('/rerank', { query, texts })).body;
    const raw = (await post('/rerank', { query, texts, raw_scores: true, return_text: true })).body;
    expect(plain.map(({ index }: { index: number }) => index)).toEqual(
      raw.map(({ index }: { index: number }) => index),
    );
    for (const [i, { index, score, text }] of raw.entries()) {
      expect(text).toBe(texts[index]);
      expect(plain[i].score).toBeCloseTo(1 / (1 + Math.exp(-score)), 5);
      expect(plain[i].text).toBeUndefined();
    }
  });
});

describe('POST /tokenize and /decode', () => {
  it('counts code points, as TEI does', async () => {
    const text = '😀 united states';
    const { body } = await post('/tokenize?model=encoder', { inputs: text });
    const chars = [...text];
    for (const { special, start, stop, text: part } of body[0]) {
      if (special) expect([start, stop]).toEqual([null, null]);
      else expect(chars.slice(start, stop).join('')).toBe(part === '[UNK]' ? '😀' : part);
    }
    const bare = await post('/tokenize?model=encoder', {
      inputs: [text],
      add_special_tokens: false,
    });
    expect(bare.body[0]).toHaveLength(body[0].length - 2);
  });

  it('turns ids back into texts', async () => {
    const tokens = (await post('/tokenize?model=encoder', { inputs: 'united states' })).body[0];
    const ids = tokens.map(({ id }: { id: number }) => id);
    expect((await post('/decode?model=encoder', { ids })).body).toEqual(['united states']);
    const whole = await post('/decode?model=encoder', {
      ids: [ids, ids],
      skip_special_tokens: false,
    });
    expect(whole.body).toEqual(Array(2).fill('[CLS] united states [SEP]'));
  });

  it('refuses ids that no token has', async () => {
    const { status, body } = await post('/decode?model=encoder', { ids: [[2], [999_999]] });
    expect([status, body.error_type]).toEqual([422, 'Validation']);
  });
});

describe('POST / and /invocations', () => {
  it('do what the model is for', async () => {
    const inputs = 'a red car';
    for (const url of ['/', '/invocations']) {
      const main = await post(`${url}?model=encoder`, { inputs });
      expect(main.body).toEqual((await post('/embed', { inputs })).body);
      const tags = await post(url, { inputs }, { 'x-model': 'names' });
      expect(tags.body.results).toHaveLength(1);
      const wrong = await post(`${url}?model=topics`, { texts: inputs });
      expect([wrong.status, wrong.body.error]).toEqual([
        422,
        expect.stringContaining('inputs is missing'),
      ]);
    }
  });
});

describe('GET /info', () => {
  it('tells of models of every kind', async () => {
    const info = async (model: string) => (await send(server, 'GET', `/info?model=${model}`)).body;
    expect((await info('encoder')).model_type).toEqual({ embedding: { pooling: 'mean' } });
    const { model_type: type } = await info('sentiment');
    expect(type.classifier.label2id[type.classifier.id2label['1']]).toBe(1);
    expect(Object.keys((await info('reranker')).model_type)).toEqual(['reranker']);
    expect(Object.keys((await info('names')).model_type)).toEqual(['token_classifier']);
  });
});
