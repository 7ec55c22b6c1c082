// SIGTERM under load: clients that ask again and again over connections that stay lose no answer.
import { Agent, request } from 'node:http';
import { expect, it, vi } from 'vitest';
import { serveChild } from './serve-child.js';
import { CLASSIFIER, until } from './support.js';

vi.setConfig({ testTimeout: 90_000 });

const CLIENTS = 16;
const body = JSON.stringify({ inputs: 'a red car' });

interface Outcome {
  /** The status of the answer, or the code of the error. */
  readonly of: string;
  /** Whether the server ends the connection after this answer. */
  readonly isLast: boolean;
}

function ask(url: string, agent: Agent): Promise<Outcome> {
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/json' };
    const asked = request(`${url}/predict`, { method: 'POST', agent, headers }, (answer) => {
      const isLast = answer.headers.connection === 'close';
      answer.resume().once('end', () => resolve({ of: String(answer.statusCode), isLast }));
    });
    asked.once('error', (error: NodeJS.ErrnoException) =>
      resolve({ of: error.code ?? error.message, isLast: true }),
    );
    asked.end(body);
  });
}

it('a server that drains answers all requests on connections that it has', async () => {
  const delay = ['--drain-delay-seconds', '1'];
  const { child, url, ended } = await serveChild([CLASSIFIER, '--quiet', ...delay]);
  const seen = new Map<string, number>();
  // Each client has a connection, and goes when the server says that it is the last answer: a balancer sends it elsewhere then.
  const client = async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let isLast = false; !isLast; ) {
      const outcome = await ask(url, agent);
      isLast = outcome.isLast;
      seen.set(outcome.of, (seen.get(outcome.of) ?? 0) + 1);
    }
    agent.destroy();
  };
  const clients = Array.from({ length: CLIENTS }, client);
  await until(() => (seen.get('200') ?? 0) > 20 * CLIENTS, 30_000);
  child.kill('SIGTERM');
  await Promise.all(clients);
  expect(await ended).toBe(0);
  expect([...seen.keys()]).toEqual(['200']);
});
