// The documents about the routes: they describe what the server does, because its answers fit them.
import swagger from '@fastify/swagger';
import fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createServer, type SinterServer, sinterPlugin } from '../../lib/server/index.js';
import type { ApiOperation, OpenApi } from '../../lib/server/openapi/document.js';
import { findMistake } from '../../lib/server/schemas/check.js';
import { SMALL_MODELS, send } from './small-server.js';
import { appOf } from './support.js';

/** The names that the examples of the documents use. */
const { encoder: minilm, sentiment, ...others } = SMALL_MODELS;

let server: SinterServer;
let document: OpenApi;

beforeAll(async () => {
  const models = { ...others, minilm, sentiment };
  server = await createServer(models, { port: 0, warmUp: false });
  document = (await send(server, 'GET', '/openapi.json')).body;
});

afterAll(() => server.close());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]) => ({ path, method, one })),
  );

/** The model for a route of a document. */
function modelOf(path: string): string {
  const task = path.split('/').at(-1) ?? '';
  const byTask: Readonly<Record<string, string>> = {
    ...{ classify: 'topics', predict: 'topics', tag: 'names', answer: 'answers' },
    ...{ rerank: 'reranker', 'fill-mask': 'masks' },
  };
  return byTask[task] ?? 'minilm';
}

/** Asks a route for its own example. */
function ask(path: string, method: string, { requestBody }: ApiOperation) {
  const model = modelOf(path);
  const url = path.replace('{name}', model).replace('{id}', model);
  const needsModel = !url.startsWith('/v1/') && !url.startsWith('/models') && url !== '/embeddings';
  const { example } = requestBody?.content['application/json'] ?? {};
  const body = path === '/decode' ? { ids: [2, 5, 3] } : example;
  const isPost = method === 'post';
  const query = needsModel && (isPost || url === '/info') ? `?model=${model}` : '';
  return send(server, isPost ? 'POST' : 'GET', url + query, isPost ? body : undefined);
}

describe('/openapi.json', () => {
  it('is OpenAPI 3.1 and the same at the address of TEI', async () => {
    expect(document.openapi).toBe('3.1.0');
    expect((await send(server, 'GET', '/api-doc/openapi.json')).body).toEqual(document);
    for (const { path, one } of operations()) {
      expect(path).not.toContain(':');
      for (const { description } of Object.values(one.responses)) expect(description).not.toBe('');
    }
  });

  it('has the routes of the server', () => {
    for (const { path, method } of operations()) {
      const url = path.replace(/\{(\w+)\}/g, ':$1');
      const found = appOf(server).hasRoute({ url, method: method.toUpperCase() as 'GET' });
      expect([path, method, found]).toEqual([path, method, true]);
    }
    const paths = operations().map(({ path }) => path);
    const wanted = ['/v1/embeddings', '/embed', '/predict', '/models/{name}/tag', '/livez'];
    expect(paths).toEqual(expect.arrayContaining(wanted));
  });

  it('describes examples that work and answers that come', async () => {
    let asked = 0;
    for (const { path, method, one } of operations()) {
      if (path.startsWith('/admin') || path === '/embed_sparse') continue;
      const { status, body } = await ask(path, method, one);
      // Probes say 503 until a server listens.
      if (['/readyz', '/health', '/ping'].includes(path)) continue;
      expect([path, status, body.error]).toEqual([path, 200, undefined]);
      const { schema } = one.responses['200']?.content?.['application/json'] ?? {};
      if (schema === undefined) continue;
      expect([path, findMistake(schema, body, 'the answer')]).toEqual([path, null]);
      asked += 1;
    }
    expect(asked).toBeGreaterThanOrEqual(20);
  });

  it('describes errors that come', async () => {
    for (const [path, url] of [
      ['/v1/embeddings', '/v1/embeddings'],
      ['/embed', '/embed'],
      ['/models/{name}/embed', '/models/minilm/embed'],
    ] as const) {
      const { status, body } = await send(server, 'POST', url, { inputs: 5 });
      expect(status).toBeGreaterThanOrEqual(400);
      const answer = document.paths[path]?.post?.responses['4XX'];
      const { schema = {} } = answer?.content?.['application/json'] ?? {};
      expect(findMistake(schema, body, 'the answer')).toBeNull();
    }
  });
});

describe('/docs', () => {
  it('is a page without scripts that has every route, and loads nothing', async () => {
    const { status, headers, body: page } = await send(server, 'GET', '/docs');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(page).not.toMatch(/<script|<link|<img|src=|https?:\/\//i);
    for (const { path } of operations()) expect(page).toContain(path);
    expect(page).toContain('prefers-color-scheme:dark');
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, target] of page.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(target);
  });

  it('needs no key', async () => {
    const keys = [{ name: 'somebody', key: 'a-key-of-20-characters' }];
    const closed = await createServer({ minilm }, { port: 0, warmUp: false, apiKeys: keys });
    expect((await send(closed, 'GET', '/docs')).status).toBe(200);
    expect((await send(closed, 'GET', '/openapi.json')).status).toBe(200);
    expect((await send(closed, 'POST', '/embed', { inputs: 'a' })).status).toBe(401);
    expect((await send(closed, 'GET', '/models')).status).toBe(401);
    await closed.close();
  });
});

describe('in an app of the user', () => {
  it('keeps its documents apart from those of the app, below the prefix', async () => {
    const app = fastify();
    await app.register(swagger, { openapi: { info: { title: 'own', version: '1' } } });
    const models = { minilm };
    await app.register(sinterPlugin, { prefix: '/ai', models, warmUp: false });
    app.get('/own', async () => 'own');
    await app.ready();
    const own: OpenApi = (await app.inject('/ai/openapi.json')).json();
    expect(Object.keys(own.paths)).toContain('/ai/embed');
    expect(Object.keys(own.paths)).not.toContain('/own');
    expect((app.swagger() as OpenApi).info.title).toBe('own');
    expect((await app.inject('/ai/docs')).body).toContain('/ai/embed');
    const payload = { inputs: 'a', normalize: 'true' };
    const strict = await app.inject({ method: 'POST', url: '/ai/embed', payload });
    expect([strict.statusCode, strict.json().error]).toEqual([
      422,
      'normalize must be true or false, got a string',
    ]);
    await app.close();
  });
});
