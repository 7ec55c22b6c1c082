// The server's part in an app of the user: its routes below a prefix, and nothing else of the app changed.
import fastify from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import { Classifier } from '../../lib/models/classifier.js';
import { sinterPlugin } from '../../lib/server/index.js';
import { ask, CLASSIFIER, until } from './support.js';

it('an app has the routes below a prefix, and its own stay as they are', async () => {
  await using intents = await Classifier.load(CLASSIFIER);
  const app = fastify();
  onTestFinished(() => app.close());
  await app.register(sinterPlugin, {
    prefix: '/ai',
    models: { intents },
    maxClientBatchSize: 2,
    corsAllowOrigins: ['https://page.example'],
  });
  app.post('/own', async ({ body }) => ({ got: body }));
  app.get('/broken', async () => {
    throw new Error('mine');
  });
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const json = (body: string) => ({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  await until(async () => (await ask(`${url}/ai/readyz`, {})).status === 200);
  expect((await ask(`${url}/ai/predict`, json('{"inputs":"good"}'))).status).toBe(200);
  const many = json('{"inputs":[["a"],["b"],["c"]]}');
  expect((await ask(`${url}/ai/predict`, many)).body).toMatchObject({ error_type: 'Validation' });
  expect((await ask(`${url}/readyz`, {})).status).toBe(404);
  const asked = { origin: 'https://page.example', 'access-control-request-method': 'POST' };
  const preflight = await fetch(`${url}/ai/predict`, { method: 'OPTIONS', headers: asked });
  expect(preflight.headers.get('access-control-allow-origin')).toBe('https://page.example');
  const text = { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'plain' };
  expect((await ask(`${url}/own`, text)).body).toEqual({ got: 'plain' });
  expect((await ask(`${url}/broken`, {})).body).toMatchObject({ message: 'mine' });
  await app.close();
  expect(await intents.predict(['still here'])).toHaveLength(1);
});
