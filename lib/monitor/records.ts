/**
 * What the monitor is told of a server: finished requests, results, and the state that is read when somebody asks.
 *
 * The rule: these types are the parts of the server's own records that the monitor reads, so it knows no server. Texts pass
 * through; none is kept.
 */

/** Sizes and times of a call; the times are those of its slowest text, in milliseconds. */
export interface CallSizes {
  readonly texts: number;
  readonly tokens: number;
  /** Texts that were cut. */
  readonly truncated: number;
  readonly tokenizeMs: number;
  readonly queueMs: number;
  readonly inferenceMs: number;
}

/** How requests end; `ok` is the only good end. */
export const OUTCOMES = [
  'ok',
  'validation',
  'too_large',
  'unauthorized',
  'wrong_model',
  'overloaded',
  'timeout',
  'cancelled',
  'failed',
] as const;

export type RequestOutcome = (typeof OUTCOMES)[number];

/** Ends that are the server's: they count as errors. The others are mistakes or wishes of the client. */
export const SERVER_ERRORS: ReadonlySet<RequestOutcome> = new Set([
  'failed',
  'timeout',
  'overloaded',
]);

/** A finished request, without its texts. */
export interface FinishedRequest {
  readonly requestId: string;
  /** The pattern of the route: `/v1/embeddings`. */
  readonly route: string;
  readonly status: number;
  readonly outcome: RequestOutcome;
  /** Name of the model; null where the request named none that is served. */
  readonly model: string | null;
  readonly version: string | null;
  /** Name of the API key, never the key. */
  readonly key: string;
  readonly method: 'single' | 'batch';
  readonly totalMs: number;
  /** Null where the request ended before a model was called. */
  readonly facts: CallSizes | null;
}

/** Facts of a served model. */
export interface MonitoredModel {
  readonly name: string;
  readonly task: string;
  readonly version: string;
  readonly dtype: string;
  readonly labels: readonly string[];
  /** Kind of classification, by the names of transformers; null for other tasks. */
  readonly problem: string | null;
  readonly maxTokens: number;
}

/** A text, a pair of texts, or ids of tokens. */
export type MonitoredInput = string | readonly [string, string] | readonly number[];

/** What a model gave for texts. */
export interface ModelResult {
  readonly requestId: string;
  readonly model: MonitoredModel;
  readonly inputs: readonly MonitoredInput[];
  readonly results: readonly unknown[];
  /** The very object that the finished request has. */
  readonly facts: CallSizes;
}

/** Sizes by powers of two: `counts[i]` are those above 2^(i - 1) up to 2^i, the last one all that are larger. */
export interface Sizes {
  readonly sum: number;
  readonly counts: readonly number[];
}

/** The queue of a model. */
export interface QueueState {
  readonly model: string;
  /** Texts that are waiting now, and their tokens. */
  readonly queued: number;
  readonly queuedTokens: number;
  /** Texts in batches that are running now. */
  readonly running: number;
  /** Native batches so far, and their sizes in texts (windows of long ones included) and in tokens. */
  readonly batches: number;
  readonly batchTexts: Sizes;
  readonly batchTokens: Sizes;
}

/** What is read of a server at the time of asking. Every part is cheap to read. */
export interface ServerState {
  readonly models: () => readonly MonitoredModel[];
  readonly queues: () => readonly QueueState[];
  /** Requests that are being answered now. */
  readonly inFlight: () => number;
  /** Milliseconds that each lane has computed so far. */
  readonly laneBusyMs: () => ArrayLike<number>;
  /** Bytes that the native core holds; left out: not shown. */
  readonly nativeBytes?: () => number;
}

/** Whether an input is text: one, or a pair. */
export function isText(input: MonitoredInput): input is string | readonly [string, string] {
  return typeof input === 'string' || typeof input[0] === 'string';
}
