/**
 * Long work of the JavaScript thread in pieces, so that timers and other calls get their turn between them.
 *
 * What nobody should wait for must be done within about a millisecond.
 */

import { setImmediate as turn } from 'node:timers/promises';
import { throwIfAborted } from './errors.js';

/** make(0) to make(count - 1); after every `perTurn` of them the event loop turns. `perTurn` is at least 1. */
export async function makeInTurns<T>(
  count: number,
  perTurn: number,
  make: (index: number) => T,
): Promise<T[]> {
  const made: T[] = [];
  for (let i = 0; i < count; i++) {
    if (i > 0 && i % perTurn === 0) await turn();
    made.push(make(i));
  }
  return made;
}

/** What `work` gives, or CANCELLED as soon as the signal aborts; then nobody waits for the work any more. */
export async function orCancelled<T>(
  where: string,
  signal: AbortSignal | undefined,
  work: Promise<T>,
): Promise<T> {
  throwIfAborted(signal, where);
  if (signal === undefined) return work;
  let cancel = () => {};
  const aborted = new Promise<never>((_, reject) => {
    cancel = () => {
      try {
        throwIfAborted(signal, where);
      } catch (error) {
        reject(error);
      }
    };
    signal.addEventListener('abort', cancel, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
