// `sinter serve --baseline --audit`: drift in the metrics, and a log that shows what was changed in it.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { Scratch, sinter } from '../cli/support.js';
import { post, serveChild } from './serve-child.js';
import { CLASSIFIER, until } from './support.js';

vi.setConfig({ testTimeout: 90_000 });

const scratch = new Scratch();

it('a server that is watched counts drift and writes an audit log that can be verified', async () => {
  const rows = ['text,label', ...Array.from({ length: 400 }, (_, i) => `the people ${i},a`)];
  const data = await scratch.file('rows.csv', `${rows.join('\n')}\n`);
  const baseline = scratch.path('baseline.json');
  const made = await sinter(['baseline', '--model', CLASSIFIER, '--data', data, '--out', baseline]);
  expect(made.code, made.stderr).toBe(0);
  const audit = scratch.path('audit');
  const options = ['--baseline', `intents=${baseline}`, '--audit', audit];
  const { child, url, ended } = await serveChild([`intents=${CLASSIFIER}`, '--quiet', ...options]);
  const secret = 'a very secret text of another kind, and far longer than those before it was';
  for (let i = 0; i < 10; i++) {
    const inputs = Array.from({ length: 50 }, (_, row) => [`${secret} ${i} ${row}`]);
    expect((await post(url, '/predict', { inputs })).status).toBe(200);
  }
  const metrics = async () => (await fetch(`${url}/metrics`)).text();
  await until(async () =>
    /sinter_drift\{model="intents",quantity="\w+"\} [\d.e-]+/.test(await metrics()),
  );
  expect(await metrics()).toMatch(/sinter_queue_tokens\{model="intents"\} 0/);
  expect(await metrics()).toMatch(/sinter_drift_level\{model="intents"\} 3/);
  child.kill('SIGTERM');
  expect(await ended).toBe(0);

  const verified = await sinter(['audit', 'verify', audit]);
  expect(verified.code, verified.stderr).toBe(0);
  const [name = ''] = (await readdir(audit)).filter((one) => /\d/.test(one));
  const file = join(audit, name);
  const log = await readFile(file, 'utf8');
  expect(log).not.toContain('secret');
  await writeFile(file, log.replace('"status":200', '"status":500'));
  const changed = await sinter(['audit', 'verify', audit]);
  expect(changed.code).not.toBe(0);
  expect(changed.stderr + changed.stdout).toContain(name);
});
