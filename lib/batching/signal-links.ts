/**
 * Links requests to their AbortSignals.
 *
 * A signal gets one listener, however many requests share it (at a server's shutdown, say). The listener is removed when all
 * of them are settled.
 */

import type { Request } from './request.js';

/** Receives aborts. Declared as a method, so that a Batcher of a narrow result type is assignable to one of a wider type. */
interface AbortTarget<R> {
  abort(request: Request<R>, reason: unknown): void;
}

interface Link<R> {
  readonly requests: Set<Request<R>>;
  readonly onAbort: () => void;
}

export class SignalLinks<R> {
  private readonly links = new Map<AbortSignal, Link<R>>();
  private readonly target: AbortTarget<R>;

  /** `target.abort` is called for each open request of a signal that aborts. */
  constructor(target: AbortTarget<R>) {
    this.target = target;
  }

  add(request: Request<R>): void {
    const { signal } = request;
    if (signal === undefined) return;
    let link = this.links.get(signal);
    if (link === undefined) {
      const requests = new Set<Request<R>>();
      const onAbort = () => {
        for (const linked of requests) this.target.abort(linked, signal.reason);
      };
      link = { requests, onAbort };
      this.links.set(signal, link);
      signal.addEventListener('abort', onAbort, { once: true });
    }
    link.requests.add(request);
  }

  remove(request: Request<R>): void {
    const { signal } = request;
    const link = signal && this.links.get(signal);
    if (signal === undefined || link === undefined) return;
    link.requests.delete(request);
    if (link.requests.size > 0) return;
    this.links.delete(signal);
    signal.removeEventListener('abort', link.onAbort);
  }
}
