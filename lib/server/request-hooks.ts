/**
 * Hooks around every request of the server's part of an app: its id, who calls, its record, and the form of its failure.
 *
 * The rule: nothing of a stack or a message from inside goes out; the log has it under the id of the request.
 */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { allowOrigin, callerOf } from './access.js';
import { failureBody, failureOfServer, statusOf } from './failures.js';
import { type Dialect, RequestFailure } from './handling.js';
import type { Life } from './life.js';
import { logRequest } from './request-log.js';
import { accessOf, recordOf, stateOf, tell } from './request-state.js';
import type { ServingSettings } from './server-options.js';

export interface HookParts {
  readonly settings: ServingSettings;
  readonly life: Life;
}

export function addRequestHooks(app: FastifyInstance, parts: HookParts): void {
  const { settings, life } = parts;
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    reply.raw.once('close', () => finish(request, reply, settings));
    if (life.state === 'draining') reply.header('connection', 'close');
    if (allowOrigin(request, reply, settings.corsAllowOrigins)) {
      return reply.code(204).send();
    }
    stateOf(request).caller = callerOf(request, settings.keys);
    return undefined;
  });
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    sendFailure(request, reply, failureOfServer(error, request.id), dialectOf(request));
  });
}

/** Sends a failure in a dialect, and keeps it for the record. */
export function sendFailure(
  request: FastifyRequest,
  reply: FastifyReply,
  failure: RequestFailure,
  dialect: Dialect,
): void {
  stateOf(request).failure = failure;
  const { kind, retryAfterMs } = failure;
  if (kind === 'unauthorized') reply.header('www-authenticate', 'Bearer');
  if (kind === 'overloaded' || kind === 'unavailable') {
    const seconds = Math.max(1, Math.ceil((retryAfterMs ?? 1000) / 1000));
    reply.header('retry-after', String(seconds));
  }
  reply
    .code(statusOf(kind, dialect))
    .type('application/json; charset=utf-8')
    // A schema for answers of 200 must not reshape a failure.
    .serializer((body: unknown) => JSON.stringify(body))
    .send(failureBody(failure, dialect, request.id));
}

function dialectOf(request: FastifyRequest): Dialect {
  return request.routeOptions.config.dialect ?? dialectOfPath(request.url);
}

/** The dialect for a path without a route: those of OpenAI and Cohere begin with /v1 or /v2. */
export function dialectOfPath(url: string): Dialect {
  return /^\/v[12]\//.test(url) ? 'openai' : 'sinter';
}

function finish(request: FastifyRequest, reply: FastifyReply, settings: ServingSettings): void {
  const state = stateOf(request);
  const record = recordOf(request, reply, state);
  // Probes come every second and say nothing.
  if (accessOf(request) === 'open' && record.status < 400) return;
  logRequest(request, record, state, settings);
  tell(
    settings.observers,
    (one) => one.onRequest?.(record),
    (error) => request.log.error(error),
  );
}

/** Answers requests without a route: 405 where the path has one for another method, else 404. */
export function addNotFound(app: FastifyInstance): void {
  const methods = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const known = methods.get(url) ?? new Set();
    for (const one of [method].flat()) known.add(one);
    methods.set(url, known);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const allowed = [...methods].find(([pattern]) => fitsPattern(path, pattern))?.[1];
    const dialect = dialectOfPath(request.url);
    if (allowed === undefined) {
      const what = `there is no ${path.slice(0, 200)}; /openapi.json lists what there is`;
      sendFailure(request, reply, new RequestFailure('not-found', what), dialect);
      return;
    }
    const list = [...allowed].join(', ');
    reply.header('allow', list);
    const what = `${path.slice(0, 200)} takes ${list}`;
    sendFailure(request, reply, new RequestFailure('method-not-allowed', what), dialect);
  });
}

/** Whether a path is of a pattern: `/v1/models/:id`. */
function fitsPattern(path: string, pattern: string): boolean {
  const [parts, wanted] = [path.split('/'), pattern.split('/')];
  const fits = (part: string | undefined, i: number) =>
    wanted[i] === part || (wanted[i]?.startsWith(':') && part !== undefined && part !== '');
  return parts.length === wanted.length && parts.every(fits);
}
