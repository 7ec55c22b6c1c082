// Models that are loaded again under load, and candidates that run beside them.
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Classifier } from '../../lib/models/classifier.js';
import { native } from '../../lib/native/native.js';
import { CLASSIFIER, fixture, serve, type TestServer, until } from './support.js';

// Models of some megabytes, on machines with other work.
vi.setConfig({ testTimeout: 90_000 });

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sinter-reload-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A copy of the classifier, in a folder of its own. */
async function copyOf(name: string, from = CLASSIFIER): Promise<string> {
  const path = join(folder, name);
  await cp(from, path, { recursive: true, filter: (file) => !file.includes('golden') });
  return path;
}

/** Puts the model with an untrained head in the place of the trained one. */
async function replaceByUntrained(path: string): Promise<void> {
  await using trained = await Classifier.load(CLASSIFIER);
  const { labels } = trained;
  await using model = await Classifier.load(CLASSIFIER, { labels, newHead: true, seed: 3 });
  await model.save(path, { overwrite: true });
}

/** Puts the model itself in its place again. */
async function replaceByTrained(path: string): Promise<void> {
  await using model = await Classifier.load(CLASSIFIER);
  await model.save(path, { overwrite: true });
}

/** Puts the int8 form of the model in the place of the f32 one. */
async function replaceBySmall(path: string): Promise<void> {
  await using model = await Classifier.load(CLASSIFIER);
  await using small = await model.quantize();
  await small.save(path, { overwrite: true });
}

describe('reload', () => {
  it('puts a new model in the place of the old one without a failed request', async () => {
    const path = await copyOf('intents');
    const { post, server } = await serve({ intents: { path } });
    const before = server.models.get('intents');
    let stop = false;
    const versions = new Map<string | null, number>();
    const failed: unknown[] = [];
    const client = async () => {
      while (!stop) {
        const { status, headers, body } = await post('/predict', { inputs: 'a good film' });
        if (status !== 200) failed.push(body);
        const version = headers.get('x-model-version');
        versions.set(version, (versions.get(version) ?? 0) + 1);
      }
    };
    const clients = Array.from({ length: 4 }, client);
    onTestFinished(() => {
      stop = true;
    });
    const seen = () => [...versions.values()].reduce((a, b) => a + b, 0);
    await until(() => seen() > 50);
    await replaceBySmall(path);
    const { status, body } = await post('/admin/reload', { model: 'intents' });
    const after = seen();
    await until(() => seen() > after + 50);
    stop = true;
    await Promise.all(clients);
    expect(failed).toEqual([]);
    const info = server.models.get('intents');
    expect([status, body]).toMatchObject([
      200,
      { from: before?.version, to: info?.version, agreement: expect.any(Number) },
    ]);
    expect(info?.version).not.toBe(before?.version);
    expect(info?.dtype).toBe('int8');
    expect([...versions.keys()].sort()).toEqual([before?.version, info?.version].sort());
  });

  it('of unchanged files gives the same version and full agreement', async () => {
    const { server } = await serve({
      vectors: { path: fixture('encoders/bert'), pooling: 'mean' },
    });
    const { from, to, agreement, minCosine } = await server.reload('vectors');
    expect(to).toBe(from);
    expect(agreement).toBeCloseTo(1, 6);
    expect(minCosine).toBeCloseTo(1, 6);
  });

  it('frees what it replaces, again and again', async () => {
    const path = await copyOf('many');
    const { server, post } = await serve({ many: { path } });
    const before = native().weightBytes();
    for (let i = 0; i < 4; i++) {
      await (i % 2 === 0 ? replaceBySmall(path) : replaceByTrained(path));
      await Promise.all([server.reload('many'), post('/predict', { inputs: 'meanwhile' })]);
    }
    await until(() => native().weightBytes() === before);
  });

  it('leaves the old model where the new one is damaged, has other labels or says other things', async () => {
    const path = await copyOf('kept');
    const canary = { texts: ['one more'], minAgreement: 1 };
    const { post, server } = await serve({ kept: { path, canary } });
    const version = server.models.get('kept')?.version;
    const refused = async (what: RegExp) => {
      const { status, body } = await post('/admin/reload', { model: 'kept' });
      const { error } = body as { readonly error: { readonly message: string } };
      expect([status, error.message]).toEqual([422, expect.stringMatching(what)]);
      expect(server.models.get('kept')?.version).toBe(version);
      expect((await post('/predict', { inputs: 'a' })).status).toBe(200);
    };
    await writeFile(join(path, 'model.safetensors'), 'nothing of the kind');
    await refused(/the old model stays: .*model\.safetensors/);
    await rm(path, { recursive: true });
    await replaceByUntrained(path);
    await refused(/agrees with the model it would replace on 0\.\d+ of the canary texts/);
    await rm(path, { recursive: true });
    await copyOf('kept', fixture('heads/bert-tokencls'));
    await refused(/its task are "tag"/);
  });

  it('loads a model from another place, which it then has; limits stay those of the start', async () => {
    const path = await copyOf('first');
    const { server, post } = await serve({ moved: { path, maxQueueTokens: 1000 } });
    const version = server.models.get('moved')?.version;
    const small = await copyOf('second');
    await replaceBySmall(small);
    const { from, to } = await server.reload('moved', { path: small, maxQueueTokens: 1000 });
    expect(from).toBe(version);
    expect(to).not.toBe(from);
    const { body } = await post('/admin/reload', { model: 'moved' });
    expect(body).toMatchObject({ from: to, to });
    await expect(server.reload('moved', { path })).rejects.toThrow(
      /^reload: models\.moved: maxQueueTokens must be as it was \(1000\)/,
    );
    await expect(server.reload('moved', { path, lanes: 2 } as never)).rejects.toThrow(
      /^reload: models\.moved: unknown option "lanes"/,
    );
    await expect(
      server.reload('moved', { path: join(folder, 'nowhere'), maxQueueTokens: 1000 }),
    ).rejects.toThrow(/nowhere/);
    expect(server.models.get('moved')?.version).toBe(to);
  });

  it('refuses a name that is not served, and a model that was given as an object', async () => {
    await using own = await Classifier.load(CLASSIFIER);
    const { post } = await serve({ own });
    expect((await post('/admin/reload', { model: 'other' })).status).toBe(404);
    const { status, body } = await post('/admin/reload', { model: 'own' });
    expect([status, body]).toMatchObject([422, { error: { code: 'validation' } }]);
    expect((await post('/admin/reload', {})).status).toBe(422);
  });
});

describe('a shadow', () => {
  it('runs beside the model and is counted, and answers stay those of the model', async () => {
    const path = join(folder, 'candidate');
    await replaceBySmall(path);
    const plain = await serve({ intents: { path: CLASSIFIER } });
    const watched = await serve({ intents: { path: CLASSIFIER, shadow: { path, share: 1 } } });
    for (let i = 0; i < 5; i++) {
      const body = { inputs: [[`text ${i}`], ['a good film']] };
      const [a, b] = [await plain.post('/predict', body), await watched.post('/predict', body)];
      expect(b.body).toEqual(a.body);
    }
    await until(async () => (await shadowOf(watched)).requests === 5);
    const { results, agreement, failed } = await shadowOf(watched);
    expect([results, failed]).toEqual([10, 0]);
    expect(agreement).toBeGreaterThan(0);
  });

  it('of an encoder has cosines; one that is the model itself has 1', async () => {
    const path = fixture('encoders/bert');
    const shadow = { path, share: 1 };
    const server = await serve({ vectors: { path, pooling: 'mean', shadow } });
    await server.post('/v1/embeddings', { model: 'vectors', input: ['a', 'b c'] });
    await until(async () => (await shadowOf(server)).requests === 1);
    const { meanCosine, minCosine } = await shadowOf(server);
    expect(minCosine).toBeCloseTo(1, 6);
    expect(meanCosine).toBeCloseTo(1, 6);
  });
});

interface ShadowState {
  readonly requests: number;
  readonly failed: number;
  readonly results: number;
  readonly agreement: number | null;
  readonly meanCosine: number | null;
  readonly minCosine: number | null;
}

async function shadowOf({ get }: TestServer): Promise<ShadowState> {
  const { models } = (await get('/admin/models')).body as {
    readonly models: readonly [{ readonly shadow: ShadowState }];
  };
  return models[0].shadow;
}
