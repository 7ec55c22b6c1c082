/** `sinter serve` in a process of its own, ended with the test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import { until } from './support.js';

const MAIN = fileURLToPath(new URL('../../dist/bundle/main.js', import.meta.url));

export interface Served {
  readonly child: ChildProcess;
  readonly url: string;
  readonly ended: Promise<number | null>;
  stdout(): string;
  stderr(): string;
}

/** `sinter serve ...args` on a free port, when it is ready. */
export async function serveChild(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Served> {
  const child = spawn(process.execPath, [MAIN, 'serve', '--port', '0', ...args], {
    env: { ...process.env, SINTER_DEBUG: '0', SINTER_API_KEYS: '', ...env },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const text = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (some: string) => {
    text.out += some;
  });
  child.stderr.setEncoding('utf8').on('data', (some: string) => {
    text.err += some;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  await until(() => /http:\/\/[^\s"]+/.test(text.out) || child.exitCode !== null, 60_000);
  const [url = ''] = /http:\/\/[^\s"]+/.exec(text.out) ?? [];
  expect(url, text.err).not.toBe('');
  return { child, url, ended, stdout: () => text.out, stderr: () => text.err };
}

/** A request with a JSON body. */
export const post = (url: string, path: string, body: unknown, headers = {}) =>
  fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
