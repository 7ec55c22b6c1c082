/**
 * What is known of a request between its first hook and its record.
 *
 * The rule: a request gives one record, when its answer was sent or its connection is closed.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type {
  CallFacts,
  ModelInput,
  Outcome,
  RequestRecord,
  ServedInfo,
  ServerObserver,
} from './contract.js';
import { outcomeOf } from './failures.js';
import type { Access, RequestFailure } from './handling.js';
import { ANYBODY, type Caller } from './keys.js';

export class RequestState {
  readonly began = performance.now();
  caller: Caller = ANYBODY;
  failure: RequestFailure | null = null;
  model: ServedInfo | null = null;
  method: RequestRecord['method'] = 'single';
  facts: CallFacts | null = null;
  /** `performance.now()` when the model had answered. */
  answeredAt: number | null = null;
  /** For the log, where texts are logged. */
  inputs: readonly ModelInput[] = [];
}

/** Where a request carries its state: a WeakMap of thousands of short-lived requests a second costs long collections. */
const STATE = Symbol('state of a request');

/** The state of a request; a new one for a request without. */
export function stateOf(request: FastifyRequest & { [STATE]?: RequestState }): RequestState {
  request[STATE] ??= new RequestState();
  return request[STATE];
}

export function accessOf(request: FastifyRequest): Access {
  return request.routeOptions.config.access ?? 'key';
}

/** The record of a request whose connection has done with it. */
export function recordOf(
  request: FastifyRequest,
  reply: FastifyReply,
  { caller, failure, model, method, facts, began }: RequestState,
): RequestRecord {
  const isSent = reply.raw.writableFinished;
  const outcome: Outcome =
    failure !== null
      ? outcomeOf(failure.kind)
      : isSent
        ? outcomeFor(reply.statusCode)
        : 'cancelled';
  return {
    requestId: request.id,
    route: request.routeOptions.url ?? 'unknown',
    status: isSent ? reply.statusCode : 499,
    outcome,
    model: model?.name ?? null,
    version: model?.version ?? null,
    key: caller.name,
    method,
    totalMs: performance.now() - began,
    facts,
  };
}

function outcomeFor(status: number): Outcome {
  if (status < 400) return 'ok';
  return status < 500 ? 'validation' : 'failed';
}

/** Calls every observer; one that throws does not keep the others from hearing. */
export function tell(
  observers: readonly ServerObserver[],
  call: (observer: ServerObserver) => void,
  onError: (error: unknown) => void,
): void {
  for (const observer of observers) {
    try {
      call(observer);
    } catch (error) {
      onError(error);
    }
  }
}
