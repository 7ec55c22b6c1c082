/** A server over loopback with small models, and requests to it. */
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import { onTestFinished } from 'vitest';
import type { RequestRecord, ServerObserver } from '../../lib/server/contract.js';
// Loaded here and not by the first test, whose time it would take.
import '../../lib/server/create-server.js';
import {
  createServer,
  type ModelsToServe,
  type ServerOptions,
  type SinterServer,
} from '../../lib/server/index.js';

export const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

export const CLASSIFIER = fixture('encoders/bert-seqcls');

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: never;
}

export interface TestServer {
  readonly server: SinterServer;
  readonly url: string;
  /** Records of finished requests so far. */
  readonly records: readonly RequestRecord[];
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body: unknown, init?: RequestInit): Promise<Answer>;
}

/** A server that is ready, closed at the end of the test. */
export async function serve(
  models: ModelsToServe,
  options: ServerOptions = {},
): Promise<TestServer> {
  const records: RequestRecord[] = [];
  const recorder: ServerObserver = { onRequest: (record) => void records.push(record) };
  const server = await createServer(models, {
    port: 0,
    ...options,
    observers: [recorder, ...(options.observers ?? [])],
  });
  onTestFinished(() => server.close());
  const url = await server.listen();
  return {
    server,
    url,
    records,
    get: (path, headers = {}) => ask(url + path, { headers }),
    post: (path, body, { headers, ...init } = {}) =>
      ask(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(headers as Record<string, string>) },
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...init,
      }),
  };
}

export async function ask(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  const body = (text === '' ? null : JSON.parse(text)) as never;
  return { status: response.status, headers: response.headers, body };
}

/** The app of a server with its type, which the package does not name. */
export const appOf = (server: SinterServer) => server.app as FastifyInstance;

/** A body that the embedded model takes some seconds to answer. */
export const longBody = (texts: number, model = 'mini') => ({
  model,
  input: Array.from({ length: texts }, (_, i) => `${i} ${'many words in a row '.repeat(100)}`),
});

/** Resolves when `done` says so. */
export async function until(done: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await done())) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A port on which something listens until the test ends. */
export async function takenPort(): Promise<number> {
  const other = createNetServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void other.close());
  return (other.address() as AddressInfo).port;
}
