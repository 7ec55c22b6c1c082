/**
 * Spans of requests for OpenTelemetry: the request, and in it tokenizing, queueing and inference, with sizes only.
 *
 * The rule: the package `@opentelemetry/api` belongs to the user, and so do the exporter and the sampling. Spans are made when a
 * request has ended, with the times that were measured, so a request that nobody traces costs nothing more.
 */
import type * as Api from '@opentelemetry/api';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SinterError } from '../../core/errors.js';
import type { CallFacts } from '../contract.js';
import { accessOf, recordOf, stateOf } from '../request-state.js';
import { parseTraceParent } from './traceparent.js';

type OpenTelemetry = typeof Api;

/** Loads the package. UNAVAILABLE where it is not installed. */
export async function loadOpenTelemetry(): Promise<OpenTelemetry> {
  try {
    return await import('@opentelemetry/api');
  } catch (cause) {
    const what = 'tracing needs the package @opentelemetry/api: npm install @opentelemetry/api';
    throw new SinterError('UNAVAILABLE', what, { cause });
  }
}

export class RequestTracer {
  private readonly tracer: Api.Tracer;

  constructor(
    private readonly api: OpenTelemetry,
    version: string,
  ) {
    this.tracer = api.trace.getTracer('sinter', version);
  }

  /** Traces the routes of a part of an app that are added later. */
  addTo(app: FastifyInstance): void {
    app.addHook('onRequest', (request, reply, done) => {
      if (accessOf(request) !== 'open') {
        const parent = this.parentOf(request);
        const began = now();
        reply.raw.once('close', () => this.end(request, reply, parent, began));
      }
      done();
    });
  }

  /** The span that is active, as instrumentation of HTTP makes it, else that of the caller's headers. */
  private parentOf(request: FastifyRequest): Api.Context {
    const { context, trace, ROOT_CONTEXT, createTraceState } = this.api;
    const active = context.active();
    if (trace.getSpan(active) !== undefined) return active;
    const parent = parseTraceParent(request.headers.traceparent);
    if (parent === null) return ROOT_CONTEXT;
    const { tracestate } = request.headers;
    const traceState =
      typeof tracestate === 'string' ? { traceState: createTraceState(tracestate) } : {};
    return trace.setSpanContext(ROOT_CONTEXT, { ...parent, ...traceState, isRemote: true });
  }

  private end(
    request: FastifyRequest,
    reply: FastifyReply,
    parent: Api.Context,
    began: number,
  ): void {
    const { SpanKind, SpanStatusCode, trace } = this.api;
    const state = stateOf(request);
    const record = recordOf(request, reply, state);
    const { method, routeOptions } = request;
    const span = this.tracer.startSpan(
      `${method} ${routeOptions.url ?? 'unknown'}`,
      { kind: SpanKind.SERVER, startTime: began },
      parent,
    );
    span.setAttributes({
      'http.request.method': method,
      'http.route': record.route,
      'http.response.status_code': record.status,
      'sinter.request.id': record.requestId,
      'sinter.request.outcome': record.outcome,
      ...(record.model !== null && { 'sinter.model': record.model }),
      ...(record.version !== null && { 'sinter.model.version': record.version }),
    });
    if (record.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    if (record.facts !== null && state.answeredAt !== null) {
      const context = trace.setSpan(parent, span);
      this.addStages(context, record.facts, performance.timeOrigin + state.answeredAt);
    }
    span.end();
  }

  /** The stages of the slowest text, the last of which ended when the model had answered. */
  private addStages(context: Api.Context, facts: CallFacts, answeredAt: number): void {
    const { texts, tokens, truncated, characters } = facts;
    const stages = [
      ['tokenize', facts.tokenizeMs, { 'sinter.characters': characters }],
      ['queue', facts.queueMs, {}],
      ['inference', facts.inferenceMs, { 'sinter.tokens': tokens }],
    ] as const;
    let at = answeredAt - stages.reduce((sum, [, ms]) => sum + ms, 0);
    for (const [name, ms, attributes] of stages) {
      const span = this.tracer.startSpan(name, { startTime: at }, context);
      span.setAttributes({ 'sinter.texts': texts, ...attributes });
      if (name === 'tokenize') span.setAttribute('sinter.truncated', truncated);
      at += ms;
      span.end(at);
    }
  }
}

/** Milliseconds since 1970 with their fractions. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
