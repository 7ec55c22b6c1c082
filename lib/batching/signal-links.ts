/**
 * Which requests end with which signal.
 *
 * A signal gets one listener however many requests share it (a server's shutdown, say), and none once they are settled.
 */

import type { Request } from './request.js';

/** Who is told of an abort. A method, so that a Batcher of a narrow result is one of a wider result too. */
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

  /** `target` is told of each open request of a signal that aborts. */
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
