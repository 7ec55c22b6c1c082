/**
 * Who may call which route, and which web pages may call at all.
 *
 * The rule: without keys everybody may use the models and only this machine may use /admin; with keys, a key opens the models
 * and a key of kind admin opens /admin.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RequestFailure } from './handling.js';
import { ANYBODY, type ApiKeys, type Caller } from './keys.js';
import { accessOf } from './request-state.js';

/** The caller of a request. Throws `unauthorized` or `forbidden`. */
export function callerOf(request: FastifyRequest, keys: ApiKeys): Caller {
  const access = accessOf(request);
  if (keys.isEmpty) {
    if (access === 'admin') checkLocal(request);
    return ANYBODY;
  }
  const caller = keys.callerOf(request.headers);
  if (access === 'open') return caller ?? ANYBODY;
  if (caller === null) {
    const what = 'a key is needed: authorization: Bearer KEY, or x-api-key: KEY';
    throw new RequestFailure('unauthorized', what);
  }
  if (access === 'admin' && !caller.isAdmin) {
    throw new RequestFailure('forbidden', 'this key does not open /admin');
  }
  return caller;
}

const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;
const LOCAL_HOST = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/i;

/**
 * Throws `forbidden` unless the request comes from this machine. A proxy on this machine forwards requests of others, and a web
 * page may call this machine by a name of its own: both are refused by their headers.
 */
function checkLocal({ socket, headers }: FastifyRequest): void {
  const isForwarded = headers.forwarded !== undefined || headers['x-forwarded-for'] !== undefined;
  const isLocal = LOOPBACK.test(socket.remoteAddress ?? '') && LOCAL_HOST.test(headers.host ?? '');
  if (isLocal && !isForwarded && headers.origin === undefined) return;
  const what = 'without API keys, /admin is for this machine only';
  throw new RequestFailure('forbidden', what);
}

const METHODS = 'GET, POST, OPTIONS';
const HEADERS =
  'authorization, content-type, x-api-key, x-model, x-request-id, x-request-timeout-ms';
const SHOWN_HEADERS = [
  'retry-after, x-request-id, x-model-version, x-compute-tokens, x-compute-time',
  'x-total-time, x-tokenization-time, x-queue-time, x-inference-time',
].join(', ');

/** Sets the headers for pages of an allowed origin. true: the request asks for these headers only, and is answered. */
export function allowOrigin(
  request: FastifyRequest,
  reply: FastifyReply,
  allowed: readonly string[],
): boolean {
  const { origin } = request.headers;
  if (allowed.length === 0) return false;
  const isAny = allowed.includes('*');
  if (!isAny) reply.header('vary', 'origin');
  if (origin === undefined || !(isAny || allowed.includes(origin))) return false;
  reply.header('access-control-allow-origin', isAny ? '*' : origin);
  reply.header('access-control-expose-headers', SHOWN_HEADERS);
  const isAsked = request.headers['access-control-request-method'] !== undefined;
  if (request.method !== 'OPTIONS' || !isAsked) return false;
  reply.header('access-control-allow-methods', METHODS);
  reply.header('access-control-allow-headers', HEADERS);
  reply.header('access-control-max-age', '600');
  return true;
}
