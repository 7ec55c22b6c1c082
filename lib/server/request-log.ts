/**
 * Log lines about requests: one for each, as data, without its texts unless they are asked for.
 *
 * The rule: a message of an error may quote a text, so quotes are taken out where texts are not logged.
 */
import type { FastifyRequest } from 'fastify';
import type { RequestRecord } from './contract.js';
import type { RequestState } from './request-state.js';
import type { ServingSettings } from './server-options.js';

type LogSettings = Pick<ServingSettings, 'logTexts' | 'redact'>;

/** Logs a finished request; its failure too where the server is at fault. */
export function logRequest(
  request: FastifyRequest,
  record: RequestRecord,
  { failure, inputs }: RequestState,
  settings: LogSettings,
): void {
  const { facts, totalMs, requestId: _, ...rest } = record;
  const counts = facts && {
    texts: facts.texts,
    tokens: facts.tokens,
    ...(facts.truncated > 0 && { truncated: facts.truncated }),
    queueMs: rounded(facts.queueMs),
    inferenceMs: rounded(facts.inferenceMs),
  };
  const line = {
    ...rest,
    totalMs: rounded(totalMs),
    ...counts,
    ...(settings.logTexts && inputs.length > 0 && { inputs: redacted(inputs, settings.redact) }),
    ...(failure !== null && { failure: failure.kind }),
  };
  const isOurs = failure?.kind === 'backend' || failure?.kind === 'internal';
  if (!isOurs) {
    request.log.info(line, 'request');
    return;
  }
  request.log.error({ ...line, error: describeError(failure.cause, settings) }, 'request failed');
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}

function redacted(value: unknown, redact: (text: string) => string): unknown {
  if (typeof value === 'string') return redact(value);
  return Array.isArray(value) ? value.map((one) => redacted(one, redact)) : value;
}

const QUOTED = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g;

/** Class, code, message and stack of an error and its causes. */
export function describeError(error: unknown, { logTexts }: Pick<LogSettings, 'logTexts'>): string {
  if (!(error instanceof Error)) return `a ${typeof error} was thrown`;
  const { code } = error as { readonly code?: unknown };
  const text = error.stack ?? `${error.name}: ${error.message}`;
  const shown = logTexts
    ? text
    : text.replaceAll(error.message, error.message.replace(QUOTED, '"…"'));
  const coded = typeof code === 'string' ? `[${code}] ${shown}` : shown;
  const { cause } = error;
  return cause instanceof Error
    ? `${coded}\ncaused by ${describeError(cause, { logTexts })}`
    : coded;
}
