// `sinter serve` as a process: the address, signals, the log, the configuration file, and mistakes in how it is called.
import { cp, writeFile } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import { Classifier } from '../../lib/models/classifier.js';
import { Scratch, sinter } from '../cli/support.js';
import { post, serveChild } from './serve-child.js';
import { CLASSIFIER, fixture, longBody, takenPort, until } from './support.js';

// Models of some megabytes, on machines with other work.
vi.setConfig({ testTimeout: 90_000 });

const scratch = new Scratch();
const KEY = 'a-key-of-the-tests-01';

/** Whether a model of the server is answering. */
async function isOpen(url: string): Promise<boolean> {
  const { models } = (await (await fetch(`${url}/admin/models`)).json()) as {
    readonly models: readonly { readonly openRequests: number }[];
  };
  return models.some(({ openRequests }) => openRequests > 0);
}

/** Whether the port takes no connections any more. */
async function isClosed(url: string): Promise<boolean> {
  return fetch(`${url}/livez`, { headers: { connection: 'close' } }).then(
    () => false,
    () => true,
  );
}

describe('sinter serve', () => {
  it('prints one line with the address, logs requests as JSON without texts, and ends with 0', async () => {
    const { child, url, ended, stdout, stderr } = await serveChild([`intents=${CLASSIFIER}`]);
    expect(stdout()).toBe(`listening on ${url}\n`);
    const answer = await post(url, '/predict', { inputs: 'my secret text' });
    expect(answer.status).toBe(200);
    await until(() => stderr().includes('"/predict"'));
    const lines = stderr()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.find(({ route }) => route === '/predict')).toMatchObject({
      ...{ status: 200, outcome: 'ok', model: 'intents', texts: 1, key: '' },
    });
    expect(stderr()).not.toContain('secret');
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  it('with --json prints one document; with --quiet it logs nothing', async () => {
    const { child, url, ended, stdout, stderr } = await serveChild([
      CLASSIFIER,
      '--json',
      '--quiet',
    ]);
    expect(JSON.parse(stdout())).toEqual({
      address: url,
      models: [{ name: 'bert-seqcls', task: 'classify' }],
    });
    expect((await post(url, '/predict', { inputs: 'a' })).status).toBe(200);
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    expect([stdout().split('\n').length, stderr()]).toEqual([2, '']);
  });

  it('SIGTERM lets an open request be answered; a second one does not wait', async () => {
    const { child, url, ended } = await serveChild([]);
    const open = post(url, '/v1/embeddings', longBody(12, 'all-MiniLM-L6-v2'));
    await until(() => isOpen(url));
    child.kill('SIGTERM');
    const answer = await open;
    expect(answer.status).toBe(200);
    expect(((await answer.json()) as { data: unknown[] }).data).toHaveLength(12);
    expect(await ended).toBe(0);
    const other = await serveChild([]);
    const lost = post(other.url, '/v1/embeddings', longBody(512, 'all-MiniLM-L6-v2')).catch(
      () => 'lost',
    );
    await until(() => isOpen(other.url));
    other.child.kill('SIGTERM');
    await until(() => isClosed(other.url));
    other.child.kill('SIGTERM');
    expect(await other.ended).toBe(130);
    expect(await lost).toBe('lost');
  });

  it('SIGHUP loads the models again', async () => {
    const path = scratch.path('again');
    await cp(CLASSIFIER, path, { recursive: true });
    const { child, url, stderr } = await serveChild([path, '--log-format', 'text']);
    child.kill('SIGHUP');
    await until(() => stderr().includes('again: version'));
    expect(stderr()).toMatch(/again: version [\da-f]{16} again, agreement 1\.0000/);
    expect((await post(url, '/predict', { inputs: 'a' })).status).toBe(200);
    await until(() => /\d\d:\d\d:\d\d 200 \/predict again 1 text \d+ tokens/.test(stderr()));
  });

  it('SIGHUP reads the configuration and the keys again', async () => {
    const small = scratch.path('small');
    await using model = await Classifier.load(CLASSIFIER);
    await using int8 = await model.quantize();
    await int8.save(small);
    const config = scratch.path('hup.yaml');
    const keys = scratch.path('hup-keys.yaml');
    const [first, second] = [KEY, `${KEY}-second`];
    const write = async (intents: string, key: string, more = '') => {
      await writeFile(config, `models:\n  intents: ${intents}\n${more}`);
      await writeFile(keys, `- { name: me, key: ${key} }\n`);
    };
    await write(CLASSIFIER, first);
    const { child, url, stderr } = await serveChild([
      ...['--config', config, '--api-key-file', keys, '--log-level', 'error'],
    ]);
    const predict = async (key: string) => {
      const answer = await post(url, '/predict', { inputs: 'a' }, { 'x-api-key': key });
      return [answer.status, answer.headers.get('x-model-version')];
    };
    const [, before] = await predict(first);
    const hangUp = async (text: string) => {
      child.kill('SIGHUP');
      await until(() => stderr().includes(text), 30_000);
    };

    await write(small, second, 'maxQueueMs: 9\n');
    await hangUp('intents: version');
    expect(stderr()).toContain('maxQueueMs: a change takes effect when the server starts again');
    expect(stderr()).toContain('keys: me');
    expect((await predict(first))[0]).toBe(401);
    const [status, after] = await predict(second);
    expect(status).toBe(200);
    expect(after).not.toBe(before);

    await write(CLASSIFIER, first, 'maxQueueMs: 0\nport: [\n');
    await hangUp('not read again, so everything stays as it was');
    expect(await predict(second)).toEqual([200, after]);

    await write(scratch.path('nowhere'), 'short');
    await hangUp('intents: not loaded again');
    expect(stderr()).toMatch(/the old keys stay: .*key must be at least 16 characters/);
    expect(await predict(second)).toEqual([200, after]);
  });

  it('reads a configuration file and keys; a flag counts more than the file', async () => {
    const keys = await scratch.file('keys.yaml', `- { name: me, key: ${KEY}, admin: true }\n`);
    const config = await scratch.file(
      'serve.yaml',
      `models:
  intents: ${CLASSIFIER}
  vectors:
    path: ${fixture('encoders/bert')}
    pooling: mean
maxClientBatchSize: 2
bodyLimit: 100000
`,
    );
    const args = ['--config', config, '--api-key-file', keys, '--max-client-batch-size', '3'];
    const { url } = await serveChild(args, { SINTER_API_KEYS: 'env:another-key-of-tests' });
    expect((await fetch(`${url}/v1/models`)).status).toBe(401);
    const headers = { authorization: 'Bearer another-key-of-tests' };
    const body = (await (await fetch(`${url}/v1/models`, { headers })).json()) as never;
    expect(body).toMatchObject({ data: [{ id: 'intents' }, { id: 'vectors' }] });
    const many = (count: number) => ({ model: 'vectors', input: Array(count).fill('a') });
    expect((await post(url, '/v1/embeddings', many(3), headers)).status).toBe(200);
    expect((await post(url, '/v1/embeddings', many(4), headers)).status).toBe(400);
    expect((await fetch(`${url}/admin/models`, { headers })).status).toBe(403);
    expect((await fetch(`${url}/admin/models`, { headers: { 'x-api-key': KEY } })).status).toBe(
      200,
    );
  });
});

describe('a mistake in the call', () => {
  const failed = async (args: readonly string[]) => {
    const { code, stderr } = await sinter(['serve', ...args], { env: { SINTER_API_KEYS: '' } });
    return `${code} ${stderr}`;
  };

  it('of the port is one sentence and exit code 2', async () => {
    const port = await takenPort();
    expect(await failed([CLASSIFIER, '--port', String(port)])).toMatch(
      new RegExp(
        `^2 error: port ${port} of 127\\.0\\.0\\.1 is in use: give another one with --port\n$`,
      ),
    );
    expect(await failed([CLASSIFIER, '--host', '203.0.113.1'])).toMatch(
      /^2 (?:.*\n)?error: --host 203\.0\.113\.1 is no address of this machine\n$/,
    );
    expect(await failed(['--port', '99999'])).toMatch(/^2 error: option '--port <n>'/);
  });

  it('of names, the configuration or the keys says where it is', async () => {
    const { file } = scratch;
    const config = (text: string) => file.call(scratch, 'wrong.yaml', text);
    expect(await failed([CLASSIFIER, CLASSIFIER])).toMatch(/^2 error: two models would be called/);
    expect(await failed(['--name', 'a'])).toMatch(/^2 error: --name is given 1 times/);
    expect(await failed(['--config', await config('prot: 80\n')])).toMatch(
      /^3 error: .*wrong\.yaml:1: unknown key "prot"; did you mean port\?/,
    );
    expect(await failed(['--config', await config('host: x\n\nport: eighty\n')])).toMatch(
      /^3 error: .*wrong\.yaml:3: port must be a whole number from 0 to 65535, got "eighty"/,
    );
    expect(await failed(['--config', await config('models: { m: { paht: x } }\n')])).toMatch(
      /^3 error: .*wrong\.yaml:1: models\.m: unknown option "paht"/,
    );
    const keys = await scratch.file('short.yaml', '- { name: a, key: short-one }\n');
    const short = await failed([CLASSIFIER, '--api-key-file', keys]);
    expect(short).toMatch(/^2 error: .*key must be at least 16 characters/);
    expect(short).not.toContain('short-one');
  });
});
