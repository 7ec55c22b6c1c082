// Who may call what: API keys, the routes below /admin, web pages, and limits of a key.
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createServer } from '../../lib/server/index.js';
import { CLASSIFIER, serve } from './support.js';

const MODELS = { intents: { path: CLASSIFIER } };
const USER = 'user-key-0123456789';
const ADMIN = 'admin-key-0123456789';
const KEYS = [
  { name: 'user', key: USER },
  { name: 'ops', key: ADMIN, admin: true },
];
const BODY = { inputs: 'a good film' };

describe('with API keys', () => {
  it('a model needs one, in either header; probes and documents do not', async () => {
    const { get, post, records } = await serve(MODELS, { apiKeys: KEYS });
    const none = await post('/predict', BODY);
    expect([none.status, none.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    expect((await post('/v1/embeddings', {})).body).toMatchObject({
      error: { code: 'invalid_api_key' },
    });
    for (const [name, value] of [
      ['authorization', `Bearer ${USER}x`],
      ['authorization', USER],
      ['x-api-key', ''],
      ['x-api-key', `${USER}${USER}`],
    ] as const) {
      const { status } = await post('/predict', BODY, { headers: { [name]: value } });
      expect(status, `${name}: ${value}`).toBe(401);
    }
    for (const headers of [{ authorization: `Bearer ${USER}` }, { 'x-api-key': USER }]) {
      expect((await post('/predict', BODY, { headers })).status).toBe(200);
    }
    for (const path of ['/livez', '/readyz', '/health', '/openapi.json']) {
      expect((await get(path)).status, path).toBe(200);
    }
    expect(new Set(records.map(({ key }) => key))).toEqual(new Set(['', 'user']));
    expect(JSON.stringify(records)).not.toContain(USER);
  });

  it('/admin needs one of kind admin', async () => {
    const { get } = await serve(MODELS, { apiKeys: KEYS });
    expect((await get('/admin/models')).status).toBe(401);
    expect((await get('/admin/models', { 'x-api-key': USER })).status).toBe(403);
    const { status, body } = await get('/admin/models', { 'x-api-key': ADMIN });
    expect([status, body]).toMatchObject([200, { models: [{ name: 'intents', shadow: null }] }]);
  });

  it('keys that are short, doubled or misspelt are refused without being shown', async () => {
    const refused = async (apiKeys: unknown) => {
      const error: unknown = await createServer(MODELS, { apiKeys } as never).catch((e) => e);
      return String(error);
    };
    expect(await refused([{ name: 'a', key: 'short-secret' }])).toMatch(
      /apiKeys\[0\]: key must be at least 16 characters without white space, got 12 characters/,
    );
    expect(await refused([{ name: 'a', key: 'short-secret' }])).not.toContain('short-secret');
    const twice = { name: 'a', key: USER };
    expect(await refused([twice, twice])).toMatch(/keys of different names/);
    expect(await refused([{ ...twice, adnim: true }])).toMatch(/unknown option "adnim"/);
    expect(await refused([{ ...twice, limits: { tokensPerMinute: 0 } }])).toMatch(/from 1/);
  });

  it('other keys take their place while the server runs, but not none', async () => {
    const { post, server } = await serve(MODELS, { apiKeys: KEYS });
    const as = async (key: string) =>
      (await post('/predict', BODY, { headers: { 'x-api-key': key } })).status;
    const next = 'another-key-0123456789';
    server.setApiKeys([{ name: 'user', key: next }]);
    expect([await as(USER), await as(ADMIN), await as(next)]).toEqual([401, 401, 200]);
    expect(() => server.setApiKeys([])).toThrow(/setApiKeys: keys must be at least one key/);
    expect(() => server.setApiKeys([{ name: 'user', key: 'short-secret' }])).toThrow(
      /setApiKeys: keys\[0\]: key must be at least 16 characters/,
    );
    expect(await as(next)).toBe(200);
  });

  it('a key that changes goes on with what was used of its limits; other limits begin anew', async () => {
    const limits = { requestsPerMinute: 2 };
    const { post, server } = await serve(MODELS, {
      apiKeys: [{ name: 'small', key: USER, limits }],
    });
    const as = async (key: string) =>
      (await post('/predict', BODY, { headers: { 'x-api-key': key } })).status;
    expect([await as(USER), await as(USER), await as(USER)]).toEqual([200, 200, 429]);
    server.setApiKeys([{ name: 'small', key: ADMIN, limits }]);
    expect([await as(USER), await as(ADMIN)]).toEqual([401, 429]);
    server.setApiKeys([{ name: 'small', key: ADMIN, limits: { requestsPerMinute: 3 } }]);
    expect(await as(ADMIN)).toBe(200);
  });

  it('a server without keys may get some', async () => {
    const { post, server } = await serve(MODELS, {});
    expect((await post('/predict', BODY)).status).toBe(200);
    server.setApiKeys(KEYS);
    expect((await post('/predict', BODY)).status).toBe(401);
  });

  it('a key has its limits, which others do not feel', async () => {
    const limited = {
      name: 'small',
      key: 'small-key-0123456789',
      limits: { requestsPerMinute: 2 },
    };
    const { post } = await serve(MODELS, { apiKeys: [...KEYS, limited] });
    const as = async (key: string) => post('/predict', BODY, { headers: { 'x-api-key': key } });
    expect((await as(limited.key)).status).toBe(200);
    expect((await as(limited.key)).status).toBe(200);
    const { status, headers, body } = await as(limited.key);
    expect([status, body]).toMatchObject([429, { error_type: 'Overloaded' }]);
    const wait = Number(headers.get('retry-after'));
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(30);
    expect((await as(USER)).status).toBe(200);
  });
});

describe('without API keys', () => {
  it('/admin is for this machine only, not for what passes a proxy or comes from a page', async () => {
    const { get, url } = await serve(MODELS);
    expect((await get('/admin/models')).status).toBe(200);
    expect((await get('/admin/models', { 'x-forwarded-for': '203.0.113.7' })).status).toBe(403);
    expect((await get('/admin/models', { origin: 'https://page.example' })).status).toBe(403);
    const raw = await rawGet(Number(new URL(url).port), '/admin/models', 'rebound.example');
    expect(raw).toMatch(/^HTTP\/1\.1 403 /);
  });
});

describe('web pages', () => {
  const origin = 'https://page.example';

  it('may not call by default', async () => {
    const { get } = await serve(MODELS);
    const { headers } = await get('/livez', { origin });
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });

  it('may where their origin is listed', async () => {
    const { get, url } = await serve(MODELS, { corsAllowOrigins: [origin], apiKeys: KEYS });
    const { headers } = await get('/livez', { origin });
    expect(headers.get('access-control-allow-origin')).toBe(origin);
    expect(headers.get('vary')).toBe('origin');
    const other = await get('/livez', { origin: 'https://other.example' });
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
    const asked = { origin, 'access-control-request-method': 'POST' };
    const preflight = await fetch(`${url}/predict`, { method: 'OPTIONS', headers: asked });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization');
  });
});

/** The head of an answer to a request with a host of one's own, which fetch does not allow. */
function rawGet(port: number, path: string, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', reject);
    socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    socket.setEncoding('utf8').once('data', (text: string) => {
      socket.destroy();
      resolve(text);
    });
  });
}
