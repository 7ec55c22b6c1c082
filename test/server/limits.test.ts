// Limits: inputs, bytes, requests at a time, time for an answer, and connections that are slow on purpose.
import { connect } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { CLASSIFIER, longBody, serve, until } from './support.js';

// Models of some megabytes, on machines with other work.
vi.setConfig({ testTimeout: 90_000 });

const MODELS = { intents: { path: CLASSIFIER } };

describe('the size of a request', () => {
  it('is limited in inputs and in bytes', async () => {
    const { post, records } = await serve(MODELS, { maxClientBatchSize: 3, bodyLimit: 1000 });
    const many = await post('/predict', { inputs: [['a'], ['b'], ['c'], ['d']] });
    expect([many.status, many.body]).toMatchObject([
      422,
      { error: 'a request may have 3 inputs, got 4', error_type: 'Validation' },
    ]);
    expect((await post('/predict', { inputs: 'a'.repeat(2000) })).status).toBe(413);
    await until(() => records.length === 2);
    expect(records.map(({ outcome }) => outcome)).toEqual(['too_large', 'too_large']);
  });
});

describe('too many requests at a time', () => {
  it('are refused at once, with the time after which to come again', async () => {
    const { server, post, records } = await serve({ mini: {} }, { maxConcurrentRequests: 1 });
    const open = post('/v1/embeddings', longBody(12));
    await until(() => server.openRequests === 1);
    const began = performance.now();
    const refused = await post('/v1/embeddings', { model: 'mini', input: 'short' });
    expect(performance.now() - began).toBeLessThan(1000);
    expect([refused.status, refused.body]).toMatchObject([
      429,
      { error: { type: 'rate_limit_error', code: 'rate_limit_exceeded' } },
    ]);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect((await open).status).toBe(200);
    expect((await post('/v1/embeddings', { model: 'mini', input: 'short' })).status).toBe(200);
    await until(() => records.length === 3);
    expect(records.map(({ outcome }) => outcome).sort()).toEqual(['ok', 'ok', 'overloaded']);
  });

  it('are refused by the tokens that wait for a model, unless none do', async () => {
    const { server, post } = await serve({ mini: { maxQueueTokens: 1000 } });
    const open = post('/v1/embeddings', longBody(8));
    await until(() => server.openRequests === 1);
    expect((await post('/v1/embeddings', longBody(1))).status).toBe(429);
    expect((await open).status).toBe(200);
    expect((await post('/v1/embeddings', longBody(1))).status).toBe(200);
  });
});

it('requests are refused by the time that they would wait', async () => {
  const { server, post } = await serve({ mini: { maxQueueMs: 1 } });
  const open = post('/v1/embeddings', longBody(64));
  await until(() => server.openRequests === 1);
  const refused = await post('/v1/embeddings', { model: 'mini', input: 'short' });
  expect([refused.status, refused.body]).toMatchObject([
    429,
    { error: { message: expect.stringMatching(/^the model "mini" has work for \d+ ms already$/) } },
  ]);
  expect((await open).status).toBe(200);
  expect((await post('/v1/embeddings', { model: 'mini', input: 'short' })).status).toBe(200);
});

describe('the time for an answer', () => {
  it('is what the request says, at most what the server allows; the rest is not computed', async () => {
    const { get, post, records } = await serve({ mini: {} }, { requestTimeoutMs: 30_000 });
    const body = longBody(256);
    const began = performance.now();
    const headers = { 'x-request-timeout-ms': '300' };
    const { status, body: failure } = await post('/v1/embeddings', body, { headers });
    expect([status, failure]).toMatchObject([
      504,
      { error: { message: 'the request took longer than 300 ms', code: 'timeout' } },
    ]);
    expect(performance.now() - began).toBeLessThan(5000);
    await until(async () => (await stateOf(get)).openRequests === 0);
    const { cancelled } = await stateOf(get);
    expect(cancelled).toBeGreaterThan(100);
    expect(records.find(({ outcome }) => outcome === 'timeout')).toMatchObject({ status: 504 });
  });

  it('must be a number', async () => {
    const { post } = await serve(MODELS);
    const headers = { 'x-request-timeout-ms': 'soon' };
    const { status, body } = await post('/predict', { inputs: 'a' }, { headers });
    expect([status, body]).toMatchObject([422, { error_type: 'Validation' }]);
  });
});

it('a client that hangs up ends its work', async () => {
  const { server, get, post, records } = await serve({ mini: {} });
  const gone = new AbortController();
  const open = post('/v1/embeddings', longBody(256), { signal: gone.signal });
  await until(() => server.openRequests === 1);
  gone.abort();
  await expect(open).rejects.toThrow(/abort/);
  await until(() => server.openRequests === 0, 3000);
  await until(async () => (await stateOf(get)).openRequests === 0);
  const { cancelled } = await stateOf(get);
  expect(cancelled).toBeGreaterThan(100);
  expect(records.find(({ outcome }) => outcome === 'cancelled')).toMatchObject({ status: 499 });
});

describe('a connection that is slow on purpose', () => {
  const options = { headersTimeoutMs: 300, receiveTimeoutMs: 600 };

  it('is closed when its headers do not come', async () => {
    const { url } = await serve(MODELS, options);
    const found = await drip(url, 'GET /livez HTTP/1.1\r\nhost: x\r\n', 'a: b\r\n');
    expect(found).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('is closed when its body does not come', async () => {
    const { url } = await serve(MODELS, options);
    const head =
      'POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n';
    expect(await drip(url, head, ' ')).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('is told when its headers are too large or no HTTP', async () => {
    const { url } = await serve(MODELS);
    const large = `GET /livez HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`;
    expect(await drip(url, large, '')).toMatch(/^HTTP\/1\.1 431 /);
    expect(await drip(url, 'GARBAGE\r\n\r\n', '')).toMatch(/^HTTP\/1\.1 400 [\s\S]*"malformed"/);
  });
});

/** Sends `head` and then `more` again and again, until the server closes the connection; what it answered. */
function drip(url: string, head: string, more: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let answer = '';
    socket.write(head);
    const timer = setInterval(() => more !== '' && socket.write(more), 100);
    socket.on('error', () => {});
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    socket.once('close', () => {
      clearInterval(timer);
      resolve(answer);
    });
  });
}

async function stateOf(
  get: (path: string) => Promise<{ readonly body: never }>,
): Promise<{ readonly openRequests: number; readonly cancelled: number }> {
  const { models } = (await get('/admin/models')).body as {
    readonly models: readonly [{ readonly openRequests: number; readonly cancelled: number }];
  };
  return models[0];
}
