/**
 * Tokenizes the requests of a batcher, many in one call.
 *
 * If a call fails, each of its texts is tokenized alone, so that only the faulty one gets the error.
 */

import type { BatchEncoder, RequestTokens } from './batch-work.js';
import type { EncodeTimes, Request } from './request.js';

/** Where requests go. */
export interface EncodeTarget {
  markReady(request: Request, tokens: RequestTokens): void;
  /** A text that does not fit, and is to be read in windows. */
  readWindows(request: Request): void;
  fail(request: Request, error: unknown): void;
}

/** Tokenizes all requests: one call for each of their encoders. */
export async function encodeRequests(
  requests: readonly Request[],
  target: EncodeTarget,
): Promise<void> {
  const byEncoder = new Map<BatchEncoder, Request[]>();
  for (const request of requests) {
    const { encoder } = request.work;
    const known = byEncoder.get(encoder);
    if (known === undefined) byEncoder.set(encoder, [request]);
    else known.push(request);
  }
  const calls = Array.from(byEncoder, ([encoder, own]) => encodeTogether(encoder, own, target));
  await Promise.all(calls);
}

async function encodeTogether(
  encoder: BatchEncoder,
  requests: readonly Request[],
  target: EncodeTarget,
): Promise<void> {
  try {
    const times: EncodeTimes = { begin: performance.now(), end: 0 };
    const all = await encoder.encode(requests.map(({ text }) => text));
    times.end = performance.now();
    for (const [i, request] of requests.entries()) {
      const tokens = all[i] as RequestTokens;
      request.encodeTimes = times;
      if (tokens.cut && request.work.windows) target.readWindows(request);
      else target.markReady(request, tokens);
    }
  } catch (error) {
    const [first] = requests;
    if (requests.length > 1) {
      const open = requests.filter(({ isOpen }) => isOpen);
      await Promise.all(open.map((request) => encodeTogether(encoder, [request], target)));
    } else if (first !== undefined) {
      target.fail(first, error);
    }
  }
}
