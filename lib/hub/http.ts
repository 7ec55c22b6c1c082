/**
 * Requests to the hub: token, redirects, time limits, and the meaning of failures.
 *
 * The token goes only to the endpoint's own origin, never to another one that a redirect leads to.
 */

import { SinterError, throwIfAborted } from '../core/errors.js';
import type { HubSettings } from './settings.js';

const MAX_REDIRECTS = 5;

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Which redirects are followed: `all`, or `same-origin`. A redirect that is not followed is returned as the response. */
  readonly follow: 'all' | 'same-origin';
  readonly signal: AbortSignal | undefined;
}

/** A failure that may pass: the same request may succeed later. */
export class TransientError extends SinterError {
  constructor(message: string, cause?: unknown) {
    super('UNAVAILABLE', message, cause === undefined ? {} : { cause });
  }
}

/**
 * Sends a request and returns the response, whatever its status. Throws TransientError if none arrives in time, CANCELLED if
 * the signal aborts. Read the body with readInTime or readText.
 */
export async function send(settings: HubSettings, request: HttpRequest): Promise<Response> {
  let url = new URL(request.url);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const response = await once(settings, url, request);
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || location === null) return response;
    const next = new URL(location, url);
    if (request.follow === 'same-origin' && next.origin !== url.origin) return response;
    await response.body?.cancel();
    if (
      !/^https?:$/.test(next.protocol) ||
      (url.protocol === 'https:' && next.protocol === 'http:')
    ) {
      throw new SinterError('UNAVAILABLE', `${url.href}: redirected to ${next.protocol}`);
    }
    url = next;
  }
  throw new SinterError('UNAVAILABLE', `${request.url}: more than ${MAX_REDIRECTS} redirects`);
}

async function once(settings: HubSettings, url: URL, request: HttpRequest): Promise<Response> {
  throwIfAborted(request.signal, 'download');
  const own = url.origin === new URL(settings.endpoint).origin;
  const authorization =
    own && settings.token !== null ? { authorization: `Bearer ${settings.token}` } : {};
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), settings.timeoutMs);
  const signals = [late.signal, ...(request.signal === undefined ? [] : [request.signal])];
  try {
    return await fetch(url, {
      method: request.method,
      redirect: 'manual',
      // Ranges count bytes of the file, so the response must not be compressed.
      headers: {
        'accept-encoding': 'identity',
        'user-agent': 'sinter',
        ...request.headers,
        ...authorization,
      },
      // The time limit is for the response's headers; readInTime has one for the body.
      signal: AbortSignal.any(signals),
    });
  } catch (cause) {
    throwIfAborted(request.signal, 'download');
    const why = late.signal.aborted ? `no answer in ${settings.timeoutMs} ms` : reason(cause);
    throw new TransientError(`${url.href}: ${why}`, cause);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The next piece of a body; null at its end. Throws TransientError if none arrives in time or the transfer breaks off,
 * CANCELLED if the signal aborts. `what` names the file in messages: `org/name: config.json`.
 */
export async function readInTime(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  { timeoutMs }: HubSettings,
  what: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | null> {
  const broken = (why: string, cause?: unknown) => new TransientError(`${what}: ${why}`, cause);
  let timer: NodeJS.Timeout | undefined;
  let stop: (() => void) | undefined;
  try {
    throwIfAborted(signal, 'download');
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(broken(`no byte in ${timeoutMs} ms`)), timeoutMs);
      stop = () => reject(broken('aborted'));
      signal?.addEventListener('abort', stop, { once: true });
    });
    const { done, value } = await Promise.race([reader.read(), limit]);
    return done || value === undefined ? null : value;
  } catch (cause) {
    throwIfAborted(signal, 'download');
    if (cause instanceof SinterError) throw cause;
    throw broken(`the transfer broke off: ${(cause as Error).message}`, cause);
  } finally {
    clearTimeout(timer);
    if (stop !== undefined) signal?.removeEventListener('abort', stop);
  }
}

/** Reads a whole body as text. Throws as readInTime does, and UNAVAILABLE if the body has more than `limit` bytes. */
export async function readText(
  response: Response,
  limit: number,
  settings: HubSettings,
  what: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return '';
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const piece = await readInTime(reader, settings, what, signal);
      if (piece === null) return Buffer.concat(pieces).toString('utf8');
      size += piece.byteLength;
      if (size > limit) throw unavailable(`${what}: the answer has more than ${limit / 1e6} MB`);
      pieces.push(piece);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function reason(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return inner instanceof Error ? inner.message || inner.name : String(inner);
}

/** The error for a response with a status of failure. `what` names the file in messages: `org/name: config.json`. */
export function refusal(response: Response, what: string, settings: HubSettings): SinterError {
  const { status } = response;
  if (status === 401 || status === 403) {
    const hint = settings.token === null ? 'set HF_TOKEN' : 'the token has no access';
    return unavailable(`${what}: not permitted (${status}): private, gated or missing; ${hint}`);
  }
  if (status === 404) return unavailable(`${what}: not found (404) at ${settings.endpoint}`);
  const message = `${what}: the hub answered ${status} ${response.statusText}`.trimEnd();
  return status >= 500 || status === 429 || status === 408
    ? new TransientError(message)
    : unavailable(message);
}

function unavailable(message: string): SinterError {
  return new SinterError('UNAVAILABLE', message);
}
