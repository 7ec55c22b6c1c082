/**
 * The calls of `drain` that wait for requests.
 *
 * A drain counts requests by their numbers, so one that was accepted later is not waited for.
 */

import type { Request } from './request.js';

/** Waits for the requests up to number `last`; `open` of them are not settled. */
interface Drain {
  readonly last: number;
  open: number;
  readonly resolve: () => void;
}

export class Drains {
  private readonly drains = new Set<Drain>();

  /** Whether anybody waits. */
  get active(): boolean {
    return this.drains.size > 0;
  }

  /** Resolves when `open` requests with numbers up to `last` are settled. */
  until(open: number, last: number): Promise<void> {
    return new Promise((resolve) => {
      this.drains.add({ last, open, resolve });
    });
  }

  /** Called when a request is settled. */
  settled({ number }: Request): void {
    for (const drain of this.drains) {
      if (number > drain.last) continue;
      drain.open--;
      if (drain.open > 0) continue;
      this.drains.delete(drain);
      drain.resolve();
    }
  }
}
