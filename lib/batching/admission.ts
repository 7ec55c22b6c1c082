/**
 * Whether a new request may wait: the limits of the whole queue, then those of its group.
 *
 * A request that would wait alone is never refused for its tokens, however long it is.
 */

import { SinterError } from '../core/errors.js';
import type { Priority } from '../core/priority.js';
import type { BatchLimits } from './batch-options.js';

/** How many requests wait, and their tokens. */
export interface Waiting {
  readonly requests: number;
  readonly tokens: number;
}

/** The queue as a new request finds it. */
export interface Queue {
  /** What waits of all groups. */
  readonly waiting: Waiting;
  waitingOf(group: string): Waiting;
  /** When it is worth to try again: what the line, or the group alone, takes to be computed. */
  retryAfterMs(priority: Priority, group: string | null): number;
}

/** A request that wants to wait. */
export interface Newcomer {
  readonly tokens: number;
  readonly group: string;
  readonly priority: Priority;
}

/** The error OVERLOADED for a request, or null if it may wait. */
export function refusal(
  limits: BatchLimits,
  queue: Queue,
  { tokens, group, priority }: Newcomer,
): SinterError | null {
  const { maxQueue, maxQueueTokens, maxGroupQueue, maxGroupTokens } = limits;
  const all = queue.waiting;
  const full = fullBy(all, tokens, maxQueue, maxQueueTokens);
  if (full !== null) {
    return overloaded(`${full} wait already`, all, queue.retryAfterMs(priority, null));
  }
  if (maxGroupQueue === Number.POSITIVE_INFINITY && maxGroupTokens === Number.POSITIVE_INFINITY) {
    return null;
  }
  const own = queue.waitingOf(group);
  const ownFull = fullBy(own, tokens, maxGroupQueue, maxGroupTokens);
  if (ownFull === null) return null;
  const what = `${ownFull} of the group ${JSON.stringify(group)} wait already`;
  return overloaded(what, own, queue.retryAfterMs(priority, group), group);
}

/** What fills a queue; null if there is room. */
function fullBy(
  waiting: Waiting,
  tokens: number,
  maxRequests: number,
  maxTokens: number,
): string | null {
  if (waiting.requests >= maxRequests) return `${waiting.requests} requests`;
  const isOver = waiting.requests > 0 && waiting.tokens + tokens > maxTokens;
  return isOver ? `${waiting.tokens} tokens` : null;
}

function overloaded(
  what: string,
  { requests, tokens }: Waiting,
  retryAfterMs: number,
  group?: string,
): SinterError {
  const details = { queued: requests, queuedTokens: tokens, retryAfterMs };
  return new SinterError('OVERLOADED', `run: ${what}`, {
    details: group === undefined ? details : { ...details, group },
  });
}
