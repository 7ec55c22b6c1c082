// A real server over small models of every task, from test/fixtures.
import { fileURLToPath } from 'node:url';
import { createServer, type SinterServer } from '../../lib/server/index.js';
import type { ServerOptions } from '../../lib/server/server-options.js';
import { appOf } from './support.js';

const fixture = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));

/** By name: what it does. */
export const SMALL_MODELS = {
  encoder: { path: fixture('encoders/bert'), task: 'embedding', pooling: 'mean' },
  sentiment: { path: fixture('encoders/bert-seqcls') },
  topics: { path: fixture('heads/bert-multilabel') },
  stars: { path: fixture('heads/bert-regression'), task: 'regression' },
  reranker: { path: fixture('heads/bert-regression'), task: 'pairs' },
  names: { path: fixture('heads/bert-tokencls') },
  answers: { path: fixture('heads/bert-qa') },
  masks: { path: fixture('encoders/bert-mlm') },
} as const;

export type SmallModel = keyof typeof SMALL_MODELS;

/** A server with these models, not warmed up. */
export function smallServer(
  names: readonly SmallModel[],
  options: ServerOptions = {},
): Promise<SinterServer> {
  const models = Object.fromEntries(names.map((name) => [name, SMALL_MODELS[name]]));
  return createServer(models, { port: 0, warmUp: false, ...options });
}

/** An answer: status, headers, and the body as JSON. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of any form
  readonly body: any;
}

/** Sends a request through the app, without a network. */
export async function send(
  server: SinterServer,
  method: 'GET' | 'POST',
  url: string,
  payload?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  const isRaw = typeof payload === 'string' || Buffer.isBuffer(payload);
  const body = payload === undefined ? {} : { payload: isRaw ? payload : JSON.stringify(payload) };
  const type = payload === undefined ? {} : { 'content-type': 'application/json' };
  const reply = await appOf(server).inject({
    method,
    url,
    ...body,
    headers: { ...type, ...headers },
  });
  const isJson = String(reply.headers['content-type']).startsWith('application/json');
  return {
    status: reply.statusCode,
    headers: reply.headers,
    body: isJson ? JSON.parse(reply.body) : reply.body,
  };
}
