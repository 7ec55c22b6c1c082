/**
 * A server of its own: an app with the server's part at its root, limits on connections, and an orderly end.
 *
 * The rule: nothing listens before `listen`, and `close` answers what was accepted.
 */

import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { failureBody, failureOfServer } from './failures.js';
import { RequestFailure } from './handling.js';
import type { ApiKeyOptions } from './keys.js';
import { type ModelSource, type ModelsToServe, readModels } from './model-source.js';
import { addServing } from './plugin.js';
import type { ReloadReport } from './reload.js';
import { addNotFound, dialectOfPath, sendFailure } from './request-hooks.js';
import type { ServedModels } from './served-models.js';
import {
  type ListenSettings,
  readListening,
  readServing,
  SERVER_OPTIONS,
  type ServerOptions,
} from './server-options.js';
import { ServingCore } from './serving-core.js';
import type { SinterServer } from './sinter-server.js';

export async function makeServer(
  models: ModelsToServe,
  options: ServerOptions,
): Promise<SinterServer> {
  const where = 'createServer';
  const given = readModels(where, models);
  const settings = readServing(where, options, SERVER_OPTIONS);
  const listening = readListening(where, options);
  const app = makeApp(options, listening, settings.bodyLimit, settings.requestTimeoutMs);
  const core = await ServingCore.load(given, settings);
  try {
    addNotFound(app);
    await addServing(app, core);
  } catch (error) {
    await core.close();
    throw error;
  }
  return new HttpServer(app, core, listening);
}

/** Time that an answer has to reach its client after the model has done. */
const WRITE_MS = 30_000;
/** Bytes of all headers of a request. */
const MAX_HEADER_BYTES = 16_384;
/** How often connections are looked at for those that are too slow. */
const CHECK_MS = 1000;

function makeApp(
  { logger }: ServerOptions,
  listening: ListenSettings,
  bodyLimit: number,
  requestTimeoutMs: number,
): FastifyInstance {
  const app = fastify({
    ...loggerOf(logger, listening),
    bodyLimit,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestId,
    requestTimeout: listening.receiveTimeoutMs,
    keepAliveTimeout: listening.keepAliveTimeoutMs,
    connectionTimeout: requestTimeoutMs + WRITE_MS,
    forceCloseConnections: 'idle',
    // They are answered, and their connections are closed.
    return503OnClosing: false,
    http: {
      headersTimeout: listening.headersTimeoutMs,
      connectionsCheckingInterval: CHECK_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => {
      const failure = failureOfServer(error, String(request.id));
      sendFailure(request as FastifyRequest, reply, failure, dialectOfPath(request.url));
    },
  });
  app.server.maxConnections = listening.maxConnections;
  return app as unknown as FastifyInstance;
}

function loggerOf(
  logger: ServerOptions['logger'],
  { logLevel }: ListenSettings,
): { readonly loggerInstance?: FastifyBaseLogger; readonly logger?: object } {
  if (logger === undefined) return {};
  if ('info' in logger) return { loggerInstance: logger as FastifyBaseLogger };
  return { logger: { level: logLevel, stream: logger } };
}

/** Ids come back in headers and go into logs. */
const REQUEST_ID = /^[\w.:+/=-]{1,128}$/;

function requestId({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/** Answers what is no request of HTTP, or took too long to arrive, and closes its connection. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const [status, what] = CLIENT_ERRORS[error.code ?? ''] ?? BAD_REQUEST;
  const failure = new RequestFailure('malformed', what);
  const body = JSON.stringify(failureBody(failure, 'sinter', ''));
  if (socket.writable) {
    socket.write(
      `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}

const BAD_REQUEST = ['400 Bad Request', 'this is no request of HTTP/1.1'] as const;
const CLIENT_ERRORS: Readonly<Record<string, readonly [status: string, what: string]>> = {
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    `the headers are larger than ${MAX_HEADER_BYTES} bytes`,
  ],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request took too long to arrive'],
};

class HttpServer implements SinterServer {
  private closing: Promise<void> | null = null;

  constructor(
    readonly app: FastifyInstance,
    private readonly core: ServingCore,
    private readonly listening: ListenSettings,
  ) {}

  get models(): ServedModels {
    return this.core.registry;
  }

  get state(): SinterServer['state'] {
    return this.core.life.state;
  }

  get openRequests(): number {
    return this.core.life.openRequests;
  }

  async listen(): Promise<string> {
    const { host, port } = this.listening;
    try {
      const address = await this.app.listen({ host, port });
      await this.core.warmUp();
      return address;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  reload(name: string, source?: ModelSource): Promise<ReloadReport> {
    return this.core.reload(name, source);
  }

  setApiKeys(keys: readonly ApiKeyOptions[]): void {
    this.core.settings.keys.replace(keys, 'setApiKeys: keys');
  }

  metrics(): string {
    return this.core.observability.monitor.text();
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private async end(): Promise<void> {
    const { app, core } = this;
    const { drainSeconds, drainDelaySeconds } = this.listening;
    core.life.markDraining();
    if (app.server.listening) await sleep(drainDelaySeconds * 1000);
    const stop = closeConnections(app.server, drainSeconds * 1000);
    try {
      await Promise.all([core.life.drain(drainSeconds * 1000), app.close()]);
    } finally {
      stop();
      await core.close();
    }
  }
}

const IDLE_MS = 100;
/** After the time for draining, answers of failure have this long to be sent. */
const LAST_MS = 1000;

/** Closes connections as soon as they are idle, and after `ms` all of them. Returns a function that ends this. */
function closeConnections(server: Server, ms: number): () => void {
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_MS);
  const all = setTimeout(() => server.closeAllConnections(), ms + LAST_MS);
  return () => {
    clearInterval(idle);
    clearTimeout(all);
  };
}
