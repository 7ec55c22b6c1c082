/**
 * Splits long work of the JavaScript thread into pieces, so that timers and other calls run between them.
 *
 * A piece should take at most about a millisecond.
 */

import { setImmediate as turn } from 'node:timers/promises';
import { throwIfAborted } from './errors.js';

/** Results of make(0) to make(count - 1). The event loop turns after every `perTurn` calls; `perTurn` is at least 1. */
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

/** The result of `work`; throws CANCELLED as soon as the signal aborts. The work itself is not stopped: its result is dropped. */
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
