/**
 * The life of a server: starting, ready, draining, and the requests that are open.
 *
 * The rule: a request that was accepted is answered, unless the time for draining is over.
 */
import { ServerEnding } from './failures.js';

export type LifeState = 'starting' | 'ready' | 'draining';

export class Life {
  private current: LifeState = 'starting';
  private readonly open = new Set<AbortController>();
  private readonly idle: (() => void)[] = [];

  get state(): LifeState {
    return this.current;
  }

  get openRequests(): number {
    return this.open.size;
  }

  /** The models are loaded and warm. */
  markReady(): void {
    if (this.current === 'starting') this.current = 'ready';
  }

  markDraining(): void {
    this.current = 'draining';
  }

  /** A request whose controller aborts when the time for draining is over. */
  enter(controller: AbortController): void {
    this.open.add(controller);
  }

  leave(controller: AbortController): void {
    this.open.delete(controller);
    if (this.open.size === 0) for (const resolve of this.idle.splice(0)) resolve();
  }

  /** Resolves when no request is open; after `ms` those that are left are aborted with ServerEnding. */
  async drain(ms: number): Promise<void> {
    this.markDraining();
    const timer = setTimeout(() => {
      for (const controller of this.open) controller.abort(new ServerEnding('the server ends'));
    }, ms);
    // Requests may begin while others end, because connections are closed meanwhile.
    while (this.open.size > 0) await new Promise<void>((resolve) => this.idle.push(resolve));
    clearTimeout(timer);
  }
}
