/**
 * What the routes get from the server: one function that runs a call of a model for a request, and the failures they throw.
 *
 * The rule: a route reads its body, calls `handle`, and returns the answer's body. Permits, deadlines, cancellation, headers,
 * records and the form of errors are the server's; a route says its dialect in its `config` and throws `RequestFailure`.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Answered, CallContext, ModelInput, ServedInfo, ServedModel } from './contract.js';
import type { ModelCall, ServedModels } from './served-models.js';

export type { ModelCall, ServedModels } from './served-models.js';

/**
 * How errors are written.
 * `tei`: `{ error, error_type }`; `openai`: `{ error: { message, type, param, code } }`;
 * `sinter`: `{ error: { code, message, requestId, param? } }`.
 */
export type Dialect = 'tei' | 'openai' | 'sinter';

/** Who may call a route. `open`: anybody; `key`: who has an API key, where the server has keys; `admin`: see docs/guide/serve.md. */
export type Access = 'open' | 'key' | 'admin';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Default: `sinter`. */
    dialect?: Dialect;
    /** Default: `key`. */
    access?: Access;
  }
}

/** What went wrong with a request. The statuses of each dialect are in failures.ts. */
export type FailureKind =
  /** The input is empty. */
  | 'empty'
  /** A field is missing, unknown, or of a wrong type or value; a text is over the limit and must not be cut. */
  | 'validation'
  /** The body is no JSON. */
  | 'malformed'
  | 'too-many-inputs'
  | 'body-too-large'
  | 'media-type'
  | 'unauthorized'
  | 'forbidden'
  /** No model has this name. */
  | 'model-not-found'
  /** Several models are served and the request names none. */
  | 'model-required'
  /** The model has another task than the route. */
  | 'wrong-model'
  | 'not-found'
  | 'method-not-allowed'
  | 'overloaded'
  | 'timeout'
  /** The client has gone; nobody reads the answer. */
  | 'cancelled'
  /** The server is ending or not ready yet. */
  | 'unavailable'
  /** The model failed. */
  | 'backend'
  | 'internal';

/** An error without a stack: under overload thousands are made a second, and taking the stack is most of their cost. */
class StacklessError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message, options);
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** A failure that its caller may read: the message goes out as it is. Its cause has a stack where there is one. */
export class RequestFailure extends StacklessError {
  override readonly name = 'RequestFailure';
  readonly kind: FailureKind;
  /** The field of the body that it is about: `input`, `inputs[3]`. */
  readonly param: string | null;
  /** For `overloaded`: when to try again, in milliseconds. */
  readonly retryAfterMs: number | null;

  constructor(
    kind: FailureKind,
    message: string,
    options: {
      readonly param?: string;
      readonly retryAfterMs?: number;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.param = options.param ?? null;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** A call whose inputs are computed. */
export interface InputCall extends ModelCall {
  /** Whether the request held one input or a list. */
  readonly method: 'single' | 'batch';
  /**
   * What is computed, one per result: texts, pairs (question and context; query and text) or ids. None is `empty`, more than
   * `maxClientBatchSize` are `too-many-inputs`.
   */
  readonly inputs: readonly ModelInput[];
}

/** The results of a call, and which model gave them. */
export interface Handled<R> extends Answered<R> {
  readonly model: ServedInfo;
}

/** Limits that routes show (`/info`) and schemas state. */
export interface ServingLimits {
  readonly maxConcurrentRequests: number;
  readonly maxClientBatchSize: number;
  readonly maxBatchTokens: number;
  readonly bodyLimit: number;
  /** Whether texts over the limit are cut where a request does not say. */
  readonly autoTruncate: boolean;
}

/** What the routes get. */
export interface Serving {
  readonly models: ServedModels;
  readonly limits: ServingLimits;
  /** Version of the package. */
  readonly version: string;
  /**
   * Runs `work` with the model that the call means, under a permit, until the request's deadline or until its client has
   * gone. Sets the headers of the answer (`x-compute-*`, `x-*-time`, `x-model-version`) and tells the observers. Rejects with
   * a RequestFailure; let it pass, so that the server's error handler writes it in the dialect of the route.
   * A TypeError or RangeError of `work` that reads `inputs[3] must ...` is a `validation` failure, WrongTask a `wrong-model`
   * one; what is none of these goes out as `backend` without its message.
   */
  handle<R>(
    request: FastifyRequest,
    reply: FastifyReply,
    call: InputCall,
    work: (model: ServedModel, context: CallContext) => Promise<Answered<R>>,
  ): Promise<Handled<R>>;
  /** As `handle`, for work that computes nothing with the model's weights: `tokenize`, `decode`. `inputs` is their number. */
  handlePlain<T>(
    request: FastifyRequest,
    reply: FastifyReply,
    call: ModelCall & { readonly inputs: number },
    work: (model: ServedModel, context: CallContext) => Promise<T>,
  ): Promise<T>;
}

/**
 * Adds routes to the server's part of an app. The routes' room exports `registerRoutes: AddRoutes` from routes/index.ts. Keys,
 * error forms and records are hooks that are there already. A route's schema errors: give the route (or its plugin) a
 * `schemaErrorFormatter` that returns a RequestFailure.
 */
export type AddRoutes = (app: import('fastify').FastifyInstance, serving: Serving) => Promise<void>;
