/**
 * Links requests to their AbortSignals.
 *
 * A signal gets one listener, however many requests share it (at a server's shutdown, say). The listener is removed when all
 * of them are settled.
 */

import type { Request } from './request.js';

interface Link {
  readonly requests: Set<Request>;
  readonly onAbort: () => void;
}

export class SignalLinks {
  private readonly links = new Map<AbortSignal, Link>();
  private readonly abort: (request: Request, reason: unknown) => void;

  /** `abort` is called for each open request of a signal that aborts. */
  constructor(abort: (request: Request, reason: unknown) => void) {
    this.abort = abort;
  }

  add(request: Request): void {
    const { signal } = request;
    if (signal === undefined) return;
    let link = this.links.get(signal);
    if (link === undefined) {
      const requests = new Set<Request>();
      const onAbort = () => {
        for (const linked of requests) this.abort(linked, signal.reason);
      };
      link = { requests, onAbort };
      this.links.set(signal, link);
      signal.addEventListener('abort', onAbort, { once: true });
    }
    link.requests.add(request);
  }

  remove(request: Request): void {
    const { signal } = request;
    const link = signal && this.links.get(signal);
    if (signal === undefined || link === undefined) return;
    link.requests.delete(request);
    if (link.requests.size > 0) return;
    this.links.delete(signal);
    signal.removeEventListener('abort', link.onAbort);
  }
}
