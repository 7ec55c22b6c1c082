/**
 * The deadlines of all requests, with one timer.
 *
 * Deadlines are rounded up to slots of some milliseconds, so that adding and removing one is a step in a map, whatever the
 * durations are.
 */

import type { Request } from './request.js';

const SLOT_MS = 8;

export class Deadlines {
  private readonly slots = new Map<number, Set<Request>>();
  private readonly expire: (request: Request) => void;
  private timer: NodeJS.Timeout | undefined;
  /** The slot that the timer waits for. */
  private next = Number.POSITIVE_INFINITY;

  /** `expire` is called for each open request whose time is over; it must remove the request here. */
  constructor(expire: (request: Request) => void) {
    this.expire = expire;
  }

  add(request: Request): void {
    if (request.due === 0) return;
    const slot = slotOf(request);
    const known = this.slots.get(slot);
    if (known !== undefined) known.add(request);
    else this.slots.set(slot, new Set([request]));
    if (slot < this.next) this.wait(slot);
  }

  remove(request: Request): void {
    if (request.due === 0) return;
    const slot = slotOf(request);
    const known = this.slots.get(slot);
    if (known === undefined || !known.delete(request) || known.size > 0) return;
    this.slots.delete(slot);
    // Another slot gets the timer when this one's time is over, or a request comes that is due before.
    if (this.slots.size === 0) this.stop();
  }

  /** Ends the requests whose time is over at `now`. */
  sweep(now: number): void {
    if (now < this.next * SLOT_MS) return;
    for (const [slot, requests] of this.slots) {
      if (slot * SLOT_MS > now) continue;
      this.slots.delete(slot);
      for (const request of requests) this.expire(request);
    }
    let left = Number.POSITIVE_INFINITY;
    for (const slot of this.slots.keys()) left = Math.min(left, slot);
    if (this.slots.size > 0) this.wait(left);
    else this.stop();
  }

  private wait(slot: number): void {
    clearTimeout(this.timer);
    this.next = slot;
    const now = performance.now();
    // Timers may fire up to a millisecond early.
    this.timer = setTimeout(() => this.sweep(performance.now()), slot * SLOT_MS - now + 1);
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.next = Number.POSITIVE_INFINITY;
  }
}

function slotOf({ due }: Request): number {
  return Math.ceil(due / SLOT_MS);
}
