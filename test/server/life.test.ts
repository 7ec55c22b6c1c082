// A server from its start to its end: probes, ids, the forms of what goes wrong, and closing with requests open.
import { connect } from 'node:net';
import { getPriority } from 'node:os';
import { describe, expect, it, vi } from 'vitest';
import { Classifier } from '../../lib/models/classifier.js';
import { native } from '../../lib/native/native.js';
import { createServer } from '../../lib/server/index.js';
import { appOf, CLASSIFIER, fixture, longBody, serve, takenPort, until } from './support.js';

// Models of some megabytes, on machines with other work.
vi.setConfig({ testTimeout: 90_000 });

const MODELS = { intents: { path: CLASSIFIER } };

describe('a server', () => {
  it('says that it lives and is ready, and what it serves', async () => {
    const { get, post } = await serve(MODELS);
    for (const path of ['/livez', '/readyz', '/health', '/ping']) {
      expect((await get(path)).status, path).toBe(200);
    }
    expect((await get('/v1/models')).body).toMatchObject({ data: [{ id: 'intents' }] });
    const { status, body, headers } = await post('/predict', { inputs: 'a good film' });
    expect([status, body]).toMatchObject([200, [{ label: 'LABEL_1' }, {}, {}]]);
    expect(headers.get('x-model-version')).toMatch(/^[\da-f]{16}$/);
    expect(Number(headers.get('x-compute-tokens'))).toBeGreaterThan(2);
    expect(headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/);
  });

  it('is not ready before its models have run', async () => {
    await using server = await createServer(MODELS, { port: 0 });
    await appOf(server).ready();
    const { statusCode, body } = await appOf(server).inject('/readyz');
    expect([statusCode, JSON.parse(body)]).toEqual([503, { status: 'starting' }]);
    expect((await appOf(server).inject('/livez')).statusCode).toBe(200);
  });

  // Elsewhere threads have no numbers by which their priority could be set.
  it.runIf(process.platform === 'linux')('computes behind its event loop', async () => {
    await serve(MODELS, { laneNiceness: 11 });
    const threads = [...native().laneThreads()];
    expect(threads).toHaveLength(native().lanes());
    expect(new Set(threads).size).toBe(threads.length);
    for (const thread of threads) expect(getPriority(thread)).toBeGreaterThanOrEqual(11);
    expect(getPriority()).toBeLessThan(11);
  });

  it('refuses a niceness that threads cannot have', async () => {
    await expect(createServer(MODELS, { port: 0, laneNiceness: 20 })).rejects.toThrow(
      /laneNiceness.*from 0 to 19.*20/,
    );
  });

  it('takes the id of a request only where it is harmless', async () => {
    const { get } = await serve(MODELS);
    const of = async (id: string) =>
      (await get('/livez', { 'x-request-id': id })).headers.get('x-request-id');
    expect(await of('abc-123')).toBe('abc-123');
    expect(await of('a"b{}')).toMatch(/^[\da-f-]{36}$/);
    expect(await of('x'.repeat(200))).toMatch(/^[\da-f-]{36}$/);
  });

  it('answers what is no request in JSON', async () => {
    const { get, post, records } = await serve(MODELS);
    expect((await get('/nowhere')).body).toMatchObject({ error: { code: 'not_found' } });
    expect((await get('/v1/nowhere')).body).toMatchObject({
      error: { type: 'invalid_request_error', code: 'unknown_url' },
    });
    const wrong = await get('/predict');
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
    const form = await post('/predict', 'a=b', {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect([form.status, form.body]).toMatchObject([415, { error_type: 'Validation' }]);
    expect((await post('/predict', '{"inputs": ')).status).toBe(400);
    expect((await post('/predict', '')).status).toBe(400);
    const poison = await post('/predict', '{"inputs":"a","__proto__":{"x":1}}');
    expect([400, 422]).toContain(poison.status);
    await until(() => records.length >= 7);
    expect(records.map(({ outcome }) => outcome)).toEqual(Array(7).fill('validation'));
  });

  it('says nothing of its inside when a model fails; the log does, without texts', async () => {
    const lines: string[] = [];
    const model = await Classifier.load(CLASSIFIER);
    const { post, records } = await serve(
      { own: model },
      { logger: { write: (line) => void lines.push(line) } },
    );
    await model.dispose();
    const inputs = 'a secret text';
    const { status, body } = await post(
      '/predict',
      { inputs },
      { headers: { 'x-request-id': 'r1' } },
    );
    const error = "the model failed; the server's log has request r1";
    expect([status, body]).toEqual([424, { error, error_type: 'Backend' }]);
    await until(() => records.length === 1);
    expect(records[0]).toMatchObject({ outcome: 'failed', status: 424, requestId: 'r1' });
    const log = lines.join('');
    expect(log).toContain('DISPOSED');
    expect(log).not.toContain('secret');
  });

  it('logs texts only where it is told to, and only as redacted', async () => {
    const lines: string[] = [];
    const { post, records } = await serve(MODELS, {
      logger: { write: (line) => void lines.push(line) },
      logTexts: true,
      redact: (text) => text.replace(/\d/g, '#'),
    });
    await post('/predict', { inputs: 'card 1234' });
    await until(() => records.length === 1 && lines.some((line) => line.includes('/predict')));
    expect(lines.join('')).toContain('"card ####"');
    expect(lines.join('')).not.toContain('1234');
  });
});

describe('close', () => {
  it('answers what was accepted and refuses what comes later', async () => {
    const { server, post, url } = await serve({ mini: {} });
    const open = post('/v1/embeddings', longBody(12));
    await until(() => server.openRequests === 1);
    const closed = server.close();
    expect((await open).status).toBe(200);
    await closed;
    await expect(fetch(`${url}/livez`)).rejects.toThrow();
  });

  it('aborts what is open when its time is over', async () => {
    const { server, post } = await serve({ mini: {} }, { drainSeconds: 0.05 });
    const open = post('/v1/embeddings', longBody(512));
    await until(() => server.openRequests === 1);
    await server.close();
    const { status, headers } = await open;
    expect([status, headers.get('retry-after')]).toEqual([503, '1']);
  });

  it('closes idle connections and does not wait for them', async () => {
    const { server, url } = await serve(MODELS);
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    const ended = new Promise((resolve) => socket.once('close', resolve));
    socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    const began = performance.now();
    await server.close();
    await ended;
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('leaves a model that it was given to its owner', async () => {
    await using model = await Classifier.load(CLASSIFIER);
    const { server } = await serve({ own: model });
    await server.close();
    expect(await model.predict(['still here'])).toHaveLength(1);
  });
});

it('a port that is taken rejects, and the models are freed', async () => {
  const server = await createServer(MODELS, { port: await takenPort() });
  await expect(server.listen()).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await server.close();
});

it('refuses wrong options and models before it loads anything', async () => {
  await expect(createServer(MODELS, { port: 70_000 })).rejects.toThrow(/port must be/);
  await expect(createServer(MODELS, { prot: 1 } as never)).rejects.toThrow(/unknown option "prot"/);
  const page = { corsAllowOrigins: ['https://page.example/path'] };
  await expect(createServer(MODELS, page)).rejects.toThrow(/corsAllowOrigins\[0\] must be/);
  const batch = { batch: { maxWaitMs: -1 } };
  await expect(createServer(MODELS, batch)).rejects.toThrow(/batch: maxWaitMs must be/);
  await expect(createServer(MODELS, { logger: 'x' as never })).rejects.toThrow(/logger must be/);
  await expect(createServer({})).rejects.toThrow(/at least one model/);
  const odd = { m: { path: CLASSIFIER, share: 1 } } as never;
  await expect(createServer(odd)).rejects.toThrow(/models\.m: unknown option "share"/);
  const pooled = { m: { path: CLASSIFIER, pooling: 'mean' } } as const;
  await expect(createServer(pooled)).rejects.toThrow(/models\.m: pooling must be left out/);
  const task = { m: { path: CLASSIFIER, task: 'tags' } } as const;
  await expect(createServer(task)).rejects.toThrow(/models\.m: task must be one that fits/);
  const missing = { m: { path: fixture('nowhere') } };
  await expect(createServer(missing)).rejects.toThrow(/nowhere/);
});
