/**
 * The options of a server and of its models, with their defaults.
 *
 * The rule: every option is checked before a model is loaded; one that is not known is refused.
 */
import { availableParallelism } from 'node:os';
import { type BatchOptions, readBatchLimits } from '../batching/batch-options.js';
import { rangeMistake, typeMistake } from '../core/errors.js';
import { type KnownOptions, type OptionReader, readOptions } from '../core/options.js';
import type { ServerObserver } from './contract.js';
import { type ApiKeyOptions, ApiKeys } from './keys.js';
import type { ObserveOptions } from './observe/options.js';

/** Options of a server inside an app of the user: `app.register(sinterPlugin, { models, ...options })`. */
export interface ServingOptions {
  /** Requests that are answered at a time, of all models; one more is refused with 429. Default: 512. */
  readonly maxConcurrentRequests?: number;
  /** Texts or pairs in one request. Default: 512, what LangChain sends. */
  readonly maxClientBatchSize?: number;
  /**
   * Tokens of the open requests of one model, estimated by their characters; a request beyond is refused with 429 unless no
   * other is open. Default: 262,144.
   */
  readonly maxQueueTokens?: number;
  /**
   * Longest time that a request would wait for those before it, in milliseconds, by the measured speed of its model; where it is
   * longer, one more is refused with 429. What callers should see at most under overload, less the time of a call. Default: 5000.
   */
  readonly maxQueueMs?: number;
  /** Longest time for an answer, in milliseconds; then 504. A request may ask for less with `x-request-timeout-ms`. Default: 60,000. */
  readonly requestTimeoutMs?: number;
  /** Largest body of a request, in bytes. Default: 2,000,000. */
  readonly bodyLimit?: number;
  /** Whether texts over a model's limit are cut where a request does not say. Default: true. */
  readonly autoTruncate?: boolean;
  /** Who may call. Default: anybody. */
  readonly apiKeys?: readonly ApiKeyOptions[];
  /** Origins of web pages that may call, or '*'. Default: none. */
  readonly corsAllowOrigins?: readonly string[];
  /** Threads that compute, shared by all models. Default: SINTER_LANES, else one per usable CPU. */
  readonly lanes?: number;
  /**
   * Niceness of the threads that compute, from 0 to 19, on Linux: the process's event loop goes before them, so that requests are read
   * and refused at once while all CPUs compute. It counts among threads of the same container or session. Default: 10.
   */
  readonly laneNiceness?: number;
  /**
   * Options of every model's batcher, where the model has none of its own. Requests are not held back for others to join (`maxWaitMs`
   * 0): those that come while a batch runs are the next batch.
   */
  readonly batch?: ServedBatchOptions;
  /** Whether the models are run once with their largest batch before the server is ready. Default: true. */
  readonly warmUp?: boolean;
  /** Whether log lines hold the texts of requests. Default: false. */
  readonly logTexts?: boolean;
  /** Changes a text before it is logged: takes out what must not be in a log. */
  readonly redact?: (text: string) => string;
  /** What is watched and where it is told: metrics, the page, drift, alerts, the audit log, tracing. */
  readonly observe?: ObserveOptions;
  /** Who listens to requests and results. */
  readonly observers?: readonly ServerObserver[];
  /** Ends the loading of models. */
  readonly signal?: AbortSignal;
}

/** Options of a batcher that a server's model may have; the limits of its queue are the server's. */
export type ServedBatchOptions = Pick<
  BatchOptions,
  'maxBatchTokens' | 'maxWaitMs' | 'maxBulkWaitMs'
>;

/** Options of `createServer`. */
export interface ServerOptions extends ServingOptions {
  /** Default: '127.0.0.1', this machine only. */
  readonly host?: string;
  /** 0: a free one. Default: 3000. */
  readonly port?: number;
  /** Most connections at a time; more are closed. Default: 8192. */
  readonly maxConnections?: number;
  /** Time for the headers of a request to arrive, in milliseconds. Default: 10,000. */
  readonly headersTimeoutMs?: number;
  /** Time for a whole request to arrive, in milliseconds. Default: 30,000. */
  readonly receiveTimeoutMs?: number;
  /** How long a connection without requests is kept, in milliseconds. Default: 72,000, longer than proxies keep theirs. */
  readonly keepAliveTimeoutMs?: number;
  /** How long `close` waits for the answers of open requests, in seconds. Default: 30. */
  readonly drainSeconds?: number;
  /** How long a closing server still takes requests while it says that it is not ready, in seconds. Default: 0. */
  readonly drainDelaySeconds?: number;
  /** Where log lines go: a logger such as one of pino, or anything with `write`, which gets lines of JSON. Default: nowhere. */
  readonly logger?: ServerLogger | { write(line: string): void };
  /** Default: 'info'. */
  readonly logLevel?: LogLevel;
}

/** A logger with the methods of one of pino. */
export interface ServerLogger {
  fatal(data: object, message?: string): void;
  error(data: object, message?: string): void;
  warn(data: object, message?: string): void;
  info(data: object, message?: string): void;
  debug(data: object, message?: string): void;
  trace(data: object, message?: string): void;
  child(bindings: object, options?: object): ServerLogger;
}

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const SERVING_OPTIONS: KnownOptions<ServingOptions> = {
  maxConcurrentRequests: true,
  maxClientBatchSize: true,
  maxQueueTokens: true,
  maxQueueMs: true,
  requestTimeoutMs: true,
  bodyLimit: true,
  autoTruncate: true,
  apiKeys: true,
  corsAllowOrigins: true,
  lanes: true,
  laneNiceness: true,
  batch: true,
  warmUp: true,
  logTexts: true,
  redact: true,
  observe: true,
  observers: true,
  signal: true,
};

export const SERVER_OPTIONS: KnownOptions<ServerOptions> = {
  ...SERVING_OPTIONS,
  host: true,
  port: true,
  maxConnections: true,
  headersTimeoutMs: true,
  receiveTimeoutMs: true,
  keepAliveTimeoutMs: true,
  drainSeconds: true,
  drainDelaySeconds: true,
  logger: true,
  logLevel: true,
};

/** The checked options, with defaults filled in. */
export interface ServingSettings {
  readonly maxConcurrentRequests: number;
  readonly maxClientBatchSize: number;
  readonly maxQueueTokens: number;
  readonly maxQueueMs: number;
  readonly requestTimeoutMs: number;
  readonly bodyLimit: number;
  readonly autoTruncate: boolean;
  readonly keys: ApiKeys;
  readonly corsAllowOrigins: readonly string[];
  readonly lanes: number | undefined;
  readonly laneNiceness: number;
  readonly batch: ServedBatchOptions;
  readonly warmUp: boolean;
  readonly logTexts: boolean;
  readonly redact: (text: string) => string;
  /** Name of the caller, for messages. */
  readonly where: string;
  readonly observe: ObserveOptions;
  readonly observers: readonly ServerObserver[];
  readonly signal: AbortSignal | undefined;
}

/** Of a batcher, for each lane. */
const TOKENS_PER_LANE = 512;

/** Tokens of a native batch of a model, whose own options count first. */
export function batchTokensOf(
  { lanes = availableParallelism(), batch }: Pick<ServingSettings, 'lanes' | 'batch'>,
  own: ServedBatchOptions = {},
): number {
  return own.maxBatchTokens ?? batch.maxBatchTokens ?? TOKENS_PER_LANE * lanes;
}

const isNiceness = (value: number) => Number.isInteger(value) && value >= 0 && value <= 19;

/** Timers end at 2^31 milliseconds. */
const MAX_MS = 2 ** 31 - 1;

/** Throws TypeError or RangeError that names the option. */
export function readServing<T extends ServingOptions>(
  where: string,
  options: T,
  known: KnownOptions<T>,
): ServingSettings {
  const read = readOptions<ServingOptions>(where, options, known as KnownOptions<ServingOptions>);
  const keys = new ApiKeys(options.apiKeys ?? [], `${where}: apiKeys`);
  return {
    maxConcurrentRequests: read.count('maxConcurrentRequests', 512),
    maxClientBatchSize: read.count('maxClientBatchSize', 512),
    maxQueueTokens: read.count('maxQueueTokens', 262_144),
    maxQueueMs: read.count('maxQueueMs', 5000),
    requestTimeoutMs: milliseconds(read, 'requestTimeoutMs', 60_000),
    bodyLimit: read.count('bodyLimit', 2_000_000),
    autoTruncate: read.boolean('autoTruncate', true),
    keys,
    corsAllowOrigins: readOrigins(`${where}: corsAllowOrigins`, options.corsAllowOrigins),
    lanes: read.count('lanes', undefined),
    laneNiceness: read.number('laneNiceness', 10, 'a whole number from 0 to 19', isNiceness),
    batch: readBatch(`${where}: batch`, options.batch),
    warmUp: read.boolean('warmUp', true),
    logTexts: read.boolean('logTexts', false),
    redact: read.callback('redact') ?? ((text) => text),
    where,
    observe: options.observe ?? {},
    observers: readList(`${where}: observers`, options.observers),
    signal: read.signal(),
  };
}

/** What `createServer` needs beside the settings of the models. */
export interface ListenSettings {
  readonly host: string;
  readonly port: number;
  readonly maxConnections: number;
  readonly headersTimeoutMs: number;
  readonly receiveTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly drainSeconds: number;
  readonly drainDelaySeconds: number;
  readonly logLevel: LogLevel;
}

export function readListening(where: string, options: ServerOptions): ListenSettings {
  const read = readOptions<ServerOptions>(where, options, SERVER_OPTIONS);
  const { logger } = options;
  if (logger !== undefined && (typeof logger !== 'object' || logger === null)) {
    throw typeMistake(`${where}: logger`, 'a logger, or an object with write', logger);
  }
  const isPort = (value: number) => Number.isInteger(value) && value >= 0 && value <= 65_535;
  return {
    host: read.text('host', '127.0.0.1'),
    port: read.number('port', 3000, 'a whole number from 0 to 65535', isPort),
    maxConnections: read.count('maxConnections', 8192),
    headersTimeoutMs: milliseconds(read, 'headersTimeoutMs', 10_000),
    receiveTimeoutMs: milliseconds(read, 'receiveTimeoutMs', 30_000),
    keepAliveTimeoutMs: milliseconds(read, 'keepAliveTimeoutMs', 72_000),
    drainSeconds: seconds(read, 'drainSeconds', 30),
    drainDelaySeconds: seconds(read, 'drainDelaySeconds', 0),
    logLevel: read.choice('logLevel', 'info', LOG_LEVELS),
  };
}

function milliseconds<T extends object>(
  read: OptionReader<T>,
  name: keyof T & string,
  fallback: number,
): number {
  const isTime = (value: number) => Number.isInteger(value) && value >= 1 && value <= MAX_MS;
  return read.number(name, fallback, `a whole number from 1 to ${MAX_MS}`, isTime);
}

function seconds(
  read: OptionReader<ServerOptions>,
  name: 'drainSeconds' | 'drainDelaySeconds',
  fallback: number,
): number {
  const most = Math.floor(MAX_MS / 1000);
  const isTime = (value: number) => value >= 0 && value <= most;
  return read.number(name, fallback, `a number from 0 to ${most}`, isTime);
}

function readList<T>(where: string, value: readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw typeMistake(where, 'an array', value);
  return value;
}

/** An origin has no path, so that a page's address is not taken for one: it would match nothing. */
const ORIGIN = /^(?:\*|null|[a-z][a-z\d+.-]*:\/\/[^/\s]+)$/;

function readOrigins(where: string, value: readonly string[] | undefined): readonly string[] {
  const origins = readList<unknown>(where, value);
  for (const [i, origin] of origins.entries()) {
    const isOrigin = typeof origin === 'string' && ORIGIN.test(origin);
    if (!isOrigin) throw rangeMistake(`${where}[${i}]`, "'*' or an origin: https://host", origin);
  }
  return origins as readonly string[];
}

/** A lone request is answered at once; under load batches form by themselves. */
const SERVED_BATCH: ServedBatchOptions = { maxWaitMs: 0 };

const BATCH: KnownOptions<ServedBatchOptions> = {
  maxBatchTokens: true,
  maxWaitMs: true,
  maxBulkWaitMs: true,
};

/** The options, whose values are checked as the batcher does it. */
export function readBatch(where: string, options: ServedBatchOptions = {}): ServedBatchOptions {
  readOptions(where, options, BATCH);
  readBatchLimits(where, options, 1);
  return { ...SERVED_BATCH, ...options };
}
