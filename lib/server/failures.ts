/**
 * The table of failures: status and names of each kind in each dialect, and what a thrown value is.
 *
 * The rule: a message of somebody's input goes out; a message of the server's inside never does.
 */
import { SinterError } from '../core/errors.js';
import { type Outcome, WrongTask } from './contract.js';
import { type Dialect, type FailureKind, RequestFailure } from './handling.js';

interface FailureRow {
  readonly outcome: Outcome;
  /** Statuses in the order of `DIALECTS`. */
  readonly status: readonly [tei: number, openai: number, sinter: number];
  /** `error_type` of TEI. */
  readonly tei: string;
  /** `type` and `code` of OpenAI. */
  readonly openai: readonly [type: string, code: string | null];
}

const DIALECTS: readonly Dialect[] = ['tei', 'openai', 'sinter'];
const INVALID = 'invalid_request_error';

/** Nobody reads this status: the client has closed the connection. It is the one that nginx logs. */
const CLIENT_GONE = 499;

const FAILURES: Readonly<Record<FailureKind, FailureRow>> = {
  empty: row('validation', [400, 400, 400], 'Empty', [INVALID, null]),
  validation: row('validation', [422, 400, 422], 'Validation', [INVALID, null]),
  malformed: row('validation', [400, 400, 400], 'Validation', [INVALID, null]),
  'too-many-inputs': row('too_large', [422, 400, 422], 'Validation', [INVALID, null]),
  'body-too-large': row('too_large', [413, 413, 413], 'Validation', [INVALID, 'body_too_large']),
  'media-type': row('validation', [415, 415, 415], 'Validation', [INVALID, 'unsupported_media']),
  unauthorized: row('unauthorized', [401, 401, 401], 'Unauthorized', [INVALID, 'invalid_api_key']),
  forbidden: row('unauthorized', [403, 403, 403], 'Forbidden', ['permission_error', 'forbidden']),
  'model-not-found': row('wrong_model', [404, 404, 404], 'Validation', [
    ...([INVALID, 'model_not_found'] as const),
  ]),
  'model-required': row('wrong_model', [422, 400, 422], 'Validation', [INVALID, 'model_required']),
  'wrong-model': row('wrong_model', [424, 400, 422], 'Backend', [INVALID, 'wrong_model']),
  'not-found': row('validation', [404, 404, 404], 'NotFound', [INVALID, 'unknown_url']),
  'method-not-allowed': row('validation', [405, 405, 405], 'MethodNotAllowed', [
    ...([INVALID, 'method_not_supported'] as const),
  ]),
  overloaded: row('overloaded', [429, 429, 429], 'Overloaded', [
    ...(['rate_limit_error', 'rate_limit_exceeded'] as const),
  ]),
  timeout: row('timeout', [504, 504, 504], 'Timeout', ['server_error', 'timeout']),
  cancelled: row('cancelled', [CLIENT_GONE, CLIENT_GONE, CLIENT_GONE], 'Cancelled', [
    ...([INVALID, 'cancelled'] as const),
  ]),
  unavailable: row('overloaded', [503, 503, 503], 'Unhealthy', ['server_error', 'unavailable']),
  backend: row('failed', [424, 500, 500], 'Backend', ['server_error', null]),
  internal: row('failed', [500, 500, 500], 'Backend', ['server_error', null]),
};

function row(
  outcome: Outcome,
  status: FailureRow['status'],
  tei: string,
  openai: FailureRow['openai'],
): FailureRow {
  return { outcome, status, tei, openai };
}

export function statusOf(kind: FailureKind, dialect: Dialect): number {
  return FAILURES[kind].status[DIALECTS.indexOf(dialect)] ?? 500;
}

export function outcomeOf(kind: FailureKind): Outcome {
  return FAILURES[kind].outcome;
}

/** The body of the answer to a failed request. */
export function failureBody(failure: RequestFailure, dialect: Dialect, requestId: string): object {
  const { kind, message, param } = failure;
  if (dialect === 'tei') return { error: message, error_type: FAILURES[kind].tei };
  if (dialect === 'openai') {
    const [type, code] = FAILURES[kind].openai;
    return { error: { message, type, param, code } };
  }
  const code = kind.replaceAll('-', '_');
  return { error: { code, message, requestId, ...(param !== null && { param }) } };
}

/** The wording of argument mistakes (core/errors.ts): `inputs[3] must be a string, got 7`. */
const MISTAKE = /^(\w+(?:\[\d+\])*) must /;

/** What a call of a model threw, as its caller may read it. `requestId` names what is not told. */
export function failureOfCall(error: unknown, requestId: string): RequestFailure {
  if (error instanceof RequestFailure) return error;
  if (error instanceof WrongTask) {
    return new RequestFailure('wrong-model', error.message, { cause: error });
  }
  if (error instanceof TypeError || error instanceof RangeError) {
    const [, param] = MISTAKE.exec(error.message) ?? [];
    if (param !== undefined) {
      return new RequestFailure('validation', error.message, { param, cause: error });
    }
  }
  if (error instanceof SinterError && error.code === 'OVERLOADED') {
    const { retryAfterMs } = error.details;
    const wait = typeof retryAfterMs === 'number' ? { retryAfterMs } : {};
    return new RequestFailure('overloaded', 'the queue is full', { ...wait, cause: error });
  }
  if (error instanceof SinterError && error.code === 'CANCELLED') {
    return cancelledFailure(error.cause, error);
  }
  const what = `the model failed; the server's log has request ${requestId}`;
  return new RequestFailure('backend', what, { cause: error });
}

/** The connection was closed before the answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/** The server ends, and its time for open requests is over. */
export class ServerEnding extends Error {
  override readonly name = 'ServerEnding';
}

/** The failure of a call whose signal aborted for `reason`. */
export function cancelledFailure(reason: unknown, cause: unknown = reason): RequestFailure {
  if (reason instanceof ServerEnding) {
    return new RequestFailure('unavailable', 'the server is ending', { cause });
  }
  if (reason instanceof Error && reason.name === 'TimeoutError') {
    return new RequestFailure('timeout', reason.message, { cause });
  }
  return new RequestFailure('cancelled', 'the client has closed the connection', { cause });
}

/** What fastify or one of its hooks threw. */
export function failureOfServer(error: unknown, requestId: string): RequestFailure {
  if (error instanceof RequestFailure) return error;
  const { statusCode, code, validation, message } = error as {
    readonly statusCode?: number;
    readonly code?: string;
    readonly validation?: unknown;
    readonly message: string;
  };
  if (validation !== undefined) return new RequestFailure('validation', message, { cause: error });
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new RequestFailure('body-too-large', 'the body is too large', { cause: error });
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    const what = 'content-type must be application/json';
    return new RequestFailure('media-type', what, { cause: error });
  }
  if (code?.startsWith('FST_ERR_CTP_EMPTY')) {
    return new RequestFailure('malformed', 'the body must be JSON, got none', { cause: error });
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new RequestFailure('malformed', 'the request is malformed', { cause: error });
  }
  const what = `the server failed; its log has request ${requestId}`;
  return new RequestFailure('internal', what, { cause: error });
}
