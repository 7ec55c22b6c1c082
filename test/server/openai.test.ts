// The routes in OpenAI's form: numbers of the model itself, forms and statuses, and the clients that people use.

import { OpenAIEmbeddings } from '@langchain/openai';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CrossEncoder, Encoder } from '../../lib/index.js';
import type { SinterServer } from '../../lib/server/index.js';
import { SMALL_MODELS, send, smallServer } from './small-server.js';

let server: SinterServer;
let encoder: Encoder;
let address: string;

beforeAll(async () => {
  server = await smallServer(['encoder', 'reranker', 'names']);
  encoder = await Encoder.load(SMALL_MODELS.encoder.path, { pooling: 'mean' });
  address = await server.listen();
});

afterAll(async () => {
  await server.close();
  await encoder.dispose();
});

const TEXTS = ['a red car', 'the weather in Rome, and much more of it', '😀 Ünïcode'];
const embed = (body: object) =>
  send(server, 'POST', '/v1/embeddings', { model: 'encoder', ...body });
const vectorsOf = (body: { data: { embedding: number[] }[] }) =>
  body.data.map(({ embedding }) => Float32Array.from(embedding));

describe('POST /v1/embeddings', () => {
  it('gives the bits of embed, as numbers and as base64', async () => {
    const expected = await encoder.embed(TEXTS);
    const { status, body, headers } = await embed({ input: TEXTS });
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(body).toMatchObject({ object: 'list', model: 'encoder' });
    expect(body.data.map((one: { index: number }) => one.index)).toEqual([0, 1, 2]);
    for (const [i, vector] of vectorsOf(body).entries()) expect(vector).toEqual(expected.row(i));

    const coded = await embed({ input: TEXTS, encoding_format: 'base64', user: 'somebody' });
    for (const [i, { embedding }] of coded.body.data.entries()) {
      const bytes = Uint8Array.from(Buffer.from(embedding, 'base64'));
      expect(new Float32Array(bytes.buffer)).toEqual(expected.row(i));
    }
  });

  it('takes one text, and counts the tokens that were computed', async () => {
    const { body } = await embed({ input: TEXTS[0] });
    const { ids } = await encoder.tokenize(TEXTS[0] ?? '');
    expect(body.data).toHaveLength(1);
    const count = ids.length;
    expect(body.usage).toEqual({ prompt_tokens: count, total_tokens: count });
  });

  it('cuts vectors to the dimensions asked for', async () => {
    const { body } = await embed({ input: TEXTS, dimensions: 8 });
    const expected = await encoder.embed(TEXTS, { dimensions: 8 });
    for (const [i, vector] of vectorsOf(body).entries()) expect(vector).toEqual(expected.row(i));
    const { status, body: failure } = await embed({ input: 'a', dimensions: 21 });
    expect(status).toBe(400);
    expect(failure.error).toEqual({
      message: 'dimensions must be a whole number from 1 to 20, got 21',
      type: 'invalid_request_error',
      param: 'dimensions',
      code: null,
    });
  });

  it.each<[string, object | string, number, string]>([
    ['no text', { input: '' }, 400, 'input must not be empty'],
    ['no texts', { input: [] }, 400, 'input must not be empty'],
    ['an empty text', { input: ['a', ''] }, 400, 'input[1] must not be empty'],
    ['no ids', { input: [[1], []] }, 400, 'input[1] must not be empty'],
    ['a number', { input: ['a', 3] }, 400, 'input[1] must be a string, got 3'],
    [
      'a lone surrogate',
      { input: ['a', '\ud800'] },
      400,
      'input[1] must be well-formed Unicode, got a lone surrogate',
    ],
    [
      'another format',
      { input: 'a', encoding_format: 'hex' },
      400,
      'encoding_format must be one of "float", "base64", got "hex"',
    ],
    [
      'an unknown field',
      { input: 'a', dimension: 3 },
      400,
      'dimension is not a known field; did you mean dimensions?',
    ],
    [
      'a model that is not there',
      { input: 'a', model: 'gpt' },
      404,
      'no model is called "gpt"; there is "encoder", "reranker", "names"',
    ],
    [
      'a model for something else',
      { input: 'a', model: 'names' },
      400,
      'the model "names" finds entities; this route is for one that gives vectors',
    ],
  ])('refuses %s', async (_, body, status, message) => {
    const reply = await embed(body as object);
    expect([reply.status, reply.body.error.message]).toEqual([status, message]);
    expect(Object.keys(reply.body.error)).toEqual(['message', 'type', 'param', 'code']);
  });

  it('refuses more inputs than a request may have, before it looks at them', async () => {
    const reply = await embed({ input: Array(100_000).fill('a') });
    expect(reply.status).toBe(400);
    expect(reply.body.error.message).toBe('a request may have 512 inputs, got 100000');
  });

  it('answers at /embeddings, too', async () => {
    const { body } = await send(server, 'POST', '/embeddings', { model: 'encoder', input: 'a' });
    expect(body).toEqual((await embed({ input: 'a' })).body);
  });
});

describe('GET /v1/models', () => {
  it('lists all, and gives one', async () => {
    const { body } = await send(server, 'GET', '/v1/models');
    expect(body.data.map((one: { id: string }) => one.id)).toEqual([
      'encoder',
      'reranker',
      'names',
    ]);
    const one = await send(server, 'GET', '/v1/models/encoder');
    expect(one.body).toEqual(body.data[0]);
    expect(one.body).toMatchObject({ object: 'model', owned_by: 'sinter', dimensions: 20 });
    const none = await send(server, 'GET', '/v1/models/gpt');
    expect([none.status, none.body.error.code]).toEqual([404, 'model_not_found']);
  });
});

describe('POST /v1/rerank', () => {
  const query = 'how warm is it?';
  const documents = ['It is Monday.', { text: 'It is 30 degrees.' }, 'It is Monday.'];

  it('ranks documents as the model scores them, equal ones in their order', async () => {
    const model = await CrossEncoder.load(SMALL_MODELS.reranker.path);
    const texts = documents.map((one) => (typeof one === 'string' ? one : one.text));
    const scores = await model.score(texts.map((text) => [query, text] as const));
    await model.dispose();
    const { body } = await send(server, 'POST', '/v1/rerank', {
      ...{ model: 'reranker', query, documents, return_documents: true },
    });
    const order = [0, 1, 2].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
    expect(body.results.map((one: { index: number }) => one.index)).toEqual(order);
    for (const { index, relevance_score: score, document } of body.results) {
      expect(Math.fround(score)).toBe(Math.fround(scores[index] ?? 0));
      expect(document).toEqual({ text: texts[index] });
    }
    expect(body.usage.total_tokens).toBe(body.meta.tokens.input_tokens);
    const second = await send(server, 'POST', '/v2/rerank', {
      model: 'reranker',
      query,
      documents,
    });
    const places = (all: { index: number }[]) => all.map(({ index }) => index);
    expect(places(second.body.results)).toEqual(places(body.results));
  });

  it('gives the best ones, and refuses what is wrong', async () => {
    const post = (body: object) =>
      send(server, 'POST', '/v1/rerank', { model: 'reranker', query, documents, ...body });
    const { body } = await post({ top_n: 1 });
    expect(body.results).toHaveLength(1);
    expect(body.results[0].document).toBeUndefined();
    expect((await post({ top_n: 9 })).body.results).toHaveLength(3);
    expect((await post({ query: '' })).body.error.message).toBe('query must not be empty');
    expect((await post({ documents: [] })).body.error.message).toBe('documents must not be empty');
    const mixed = await post({ documents: ['a', { txt: 'b' }] });
    expect(mixed.body.error.message).toBe('documents[1].text is missing; it must be a string');
  });
});

describe('clients', () => {
  it('serves the openai client, which asks for base64 by itself', async () => {
    const client = new OpenAI({ baseURL: `${address}/v1`, apiKey: 'none' });
    const expected = await encoder.embed(TEXTS);
    for (const format of [undefined, 'float', 'base64'] as const) {
      const { data, usage } = await client.embeddings.create({
        ...{ model: 'encoder', input: TEXTS },
        ...(format !== undefined && { encoding_format: format }),
      });
      expect(data).toHaveLength(3);
      expect(usage.prompt_tokens).toBeGreaterThan(9);
      if (format === 'base64') continue;
      const vectors = data.map(({ embedding }) => Float32Array.from(embedding));
      for (const [i, vector] of vectors.entries()) expect(vector).toEqual(expected.row(i));
    }
    const models = await client.models.list();
    expect(models.data.map(({ id }) => id)).toEqual(['encoder', 'reranker', 'names']);
    expect((await client.models.retrieve('encoder')).id).toBe('encoder');
    await expect(client.embeddings.create({ model: 'gpt', input: 'a' })).rejects.toMatchObject({
      ...{ status: 404, code: 'model_not_found', param: 'model' },
    });
  });

  it('serves LangChain', async () => {
    const embeddings = new OpenAIEmbeddings({
      ...{ model: 'encoder', apiKey: 'none', maxRetries: 0 },
      configuration: { baseURL: `${address}/v1` },
    });
    const vectors = await embeddings.embedDocuments(TEXTS);
    const expected = await encoder.embed(TEXTS);
    for (const [i, vector] of vectors.entries()) {
      expect(Float32Array.from(vector)).toEqual(expected.row(i));
    }
    expect(Float32Array.from(await embeddings.embedQuery('a red car'))).toEqual(expected.row(0));
  });
});
