/**
 * Long work of the JavaScript thread in pieces, so that timers and other calls get their turn between them.
 *
 * What nobody should wait for must be done within about a millisecond.
 */

import { setImmediate as turn } from 'node:timers/promises';

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
