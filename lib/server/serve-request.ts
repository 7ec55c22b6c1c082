/**
 * `handle`: runs a call of a model for a request, from the permit to the headers of the answer.
 *
 * The rule: the answer goes out as soon as the deadline is over or the server ends, whatever the model does; the permit is
 * given back when the model has done.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Admission, estimateTokens } from './admission.js';
import type { Answered, CallContext, CallFacts, ServedInfo, ServedModel } from './contract.js';
import { ClientGone, cancelledFailure, failureOfCall } from './failures.js';
import {
  type Handled,
  type InputCall,
  type ModelCall,
  RequestFailure,
  type Serving,
} from './handling.js';
import type { Life } from './life.js';
import type { ModelEntry, ModelRegistry } from './model-registry.js';
import { stateOf, tell } from './request-state.js';
import type { ServingSettings } from './server-options.js';

export interface ServingParts {
  readonly registry: ModelRegistry;
  readonly admission: Admission;
  readonly life: Life;
  readonly settings: ServingSettings;
}

/** The functions that routes use. */
export class RequestServer implements Pick<Serving, 'handle' | 'handlePlain'> {
  constructor(private readonly parts: ServingParts) {}

  readonly handle = async <R>(
    request: FastifyRequest,
    reply: FastifyReply,
    call: InputCall,
    work: (model: ServedModel, context: CallContext) => Promise<Answered<R>>,
  ): Promise<Handled<R>> => {
    const { registry, settings } = this.parts;
    const state = stateOf(request);
    const { inputs, method } = call;
    const entry = registry.entryOf(call);
    state.model = entry.info;
    state.method = method;
    if (settings.logTexts) state.inputs = inputs;
    this.checkCount(inputs.length);
    const estimatedTokens = estimateTokens(inputs, longestOf(entry.info));
    const { held, shadow } = entry;
    const answered = await this.run(request, reply, { entry, estimatedTokens }, (context) =>
      held.use((model) => work(shadow === null ? model : shadow.watch(model), context)),
    );
    const { facts, results } = answered;
    state.facts = facts;
    state.answeredAt = performance.now();
    state.model = held.info;
    setHeaders(reply, facts, performance.now() - state.began, held.info.version);
    const record = { requestId: request.id, model: held.info, inputs, results, facts };
    tell(
      settings.observers,
      (one) => one.onResult?.(record),
      (error) => request.log.error(error),
    );
    return { results, facts, model: held.info };
  };

  readonly handlePlain = async <T>(
    request: FastifyRequest,
    reply: FastifyReply,
    call: ModelCall & { readonly inputs: number },
    work: (model: ServedModel, context: CallContext) => Promise<T>,
  ): Promise<T> => {
    const entry = this.parts.registry.entryOf(call);
    const state = stateOf(request);
    state.model = entry.info;
    state.method = call.inputs === 1 ? 'single' : 'batch';
    this.checkCount(call.inputs);
    const { held } = entry;
    return this.run(request, reply, { entry, estimatedTokens: null }, (context) =>
      held.use((model) => work(model, context)),
    );
  };

  private checkCount(inputs: number): void {
    const { maxClientBatchSize: most } = this.parts.settings;
    if (inputs === 0) throw new RequestFailure('empty', 'there is no input');
    if (inputs <= most) return;
    const what = `a request may have ${most} inputs, got ${inputs}`;
    throw new RequestFailure('too-many-inputs', what);
  }

  /** `estimatedTokens` is null for work without computing. */
  private async run<T>(
    request: FastifyRequest,
    reply: FastifyReply,
    { entry, estimatedTokens }: { entry: ModelEntry; estimatedTokens: number | null },
    work: (context: CallContext) => Promise<T>,
  ): Promise<T> {
    const { admission, life } = this.parts;
    const { caller } = stateOf(request);
    const ms = deadlineOf(request, this.parts.settings.requestTimeoutMs);
    const permit = admission.enter({
      gauge: estimatedTokens === null ? null : entry.gauge,
      name: entry.name,
      key: caller.meter,
      priority: caller.priority,
      estimatedTokens: estimatedTokens ?? 0,
    });
    const end = new RequestEnd(reply, life, ms);
    const context = { signal: end.signal, priority: caller.priority, group: caller.name };
    let tokens = 0;
    const running = work(context)
      .then((result) => {
        tokens = tokensOf(result);
        return result;
      })
      .finally(() => permit.leave(tokens));
    try {
      return await end.orAborted(running);
    } catch (error) {
      throw failureOfCall(error, request.id);
    } finally {
      end.forget();
    }
  }
}

/** Most tokens that a model computes of one input: these tasks read long texts in windows. */
function longestOf({ task, maxTokens }: ServedInfo): number {
  return task === 'tag' || task === 'answer' ? Number.POSITIVE_INFINITY : maxTokens;
}

function tokensOf(result: unknown): number {
  const { facts } = (result ?? {}) as { readonly facts?: CallFacts };
  return facts?.tokens ?? 0;
}

const TIMEOUT_HEADER = 'x-request-timeout-ms';

/** The time of a request: that of the server, or less where its header says so. */
function deadlineOf(request: FastifyRequest, most: number): number {
  const given = request.headers[TIMEOUT_HEADER];
  if (given === undefined) return most;
  const ms = typeof given === 'string' && /^\d{1,9}$/.test(given) ? Number(given) : 0;
  if (ms >= 1) return Math.min(ms, most);
  const what = `${TIMEOUT_HEADER} must be a whole number of milliseconds from 1`;
  throw new RequestFailure('validation', what, { param: TIMEOUT_HEADER });
}

/** Aborts a request's work when its client has gone, its time is over or the server ends. */
class RequestEnd {
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private readonly onClose: () => void;

  constructor(
    private readonly reply: FastifyReply,
    private readonly life: Life,
    ms: number,
  ) {
    const { controller } = this;
    this.timer = setTimeout(() => {
      const what = `the request took longer than ${ms} ms`;
      controller.abort(new DOMException(what, 'TimeoutError'));
    }, ms);
    // The request itself is closed as soon as its body was read; the answer lives as long as the connection.
    this.onClose = () => controller.abort(new ClientGone('the client has gone'));
    reply.raw.once('close', this.onClose);
    if (reply.raw.destroyed) this.onClose();
    life.enter(controller);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** What `work` gives, or the failure of the abort, whichever comes first. */
  orAborted<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    return new Promise((resolve, reject) => {
      const refuse = () => reject(cancelledFailure(signal.reason));
      if (signal.aborted) refuse();
      else signal.addEventListener('abort', refuse, { once: true });
      work.then(resolve, reject);
    });
  }

  forget(): void {
    clearTimeout(this.timer);
    this.reply.raw.removeListener('close', this.onClose);
    this.life.leave(this.controller);
  }
}

/** The headers of TEI, in whole milliseconds, and the version of the model. */
function setHeaders(reply: FastifyReply, facts: CallFacts, totalMs: number, version: string): void {
  const whole = (ms: number) => String(Math.round(ms));
  reply.headers({
    'x-compute-type': 'cpu',
    'x-compute-time': whole(totalMs),
    'x-compute-characters': String(facts.characters),
    'x-compute-tokens': String(facts.tokens),
    'x-total-time': whole(totalMs),
    'x-tokenization-time': whole(facts.tokenizeMs),
    'x-queue-time': whole(facts.queueMs),
    'x-inference-time': whole(facts.inferenceMs),
    'x-model-version': version,
  });
}
