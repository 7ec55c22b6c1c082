/**
 * Splits long work of the JavaScript thread into pieces, so that timers and other calls run between them.
 *
 * A piece should take at most about a millisecond.
 */

import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from './errors.js';

/** Work after which the event loop turns, 2 ms: what is done between two looks at the clock comes on top. */
const TURN_NS = 2_000_000n;

/** Looks at the clock, so that work of unknown length lets others run in time: `if (turn.isOver) await turn.end()`. */
export class Turn {
  // `performance` is a module of Node that takes milliseconds to load.
  private begin = process.hrtime.bigint();

  get isOver(): boolean {
    return process.hrtime.bigint() - this.begin >= TURN_NS;
  }

  /** The event loop turns. */
  async end(): Promise<void> {
    await setImmediate();
    this.begin = process.hrtime.bigint();
  }
}

/** Work that yields wherever it may be interrupted. */
export type Steps<T> = Generator<undefined, T, void>;

/**
 * What the work gives; the event loop turns at a yield where the turn has taken long. `turn`: one that several pieces of work
 * share, each of which may be short.
 */
export async function inTurns<T>(steps: Steps<T>, turn = new Turn()): Promise<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    if (turn.isOver) await turn.end();
  }
}

/** What the work gives, without a turn. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Imports modules one after the other, a turn each: those of a large part of the package at once take some 40 ms. */
export async function importInTurns(imports: readonly (() => Promise<unknown>)[]): Promise<void> {
  for (const load of imports) {
    await load();
    await setImmediate();
  }
}

/**
 * make(0) to make(count - 1); after every `perTurn` of them the event loop turns. `perTurn` is at least 1. With a `call`, throws
 * CANCELLED at the first turn after its signal aborts.
 */
export async function makeInTurns<T>(
  count: number,
  perTurn: number,
  make: (index: number) => T,
  call?: { readonly where: string; readonly signal: AbortSignal | undefined },
): Promise<T[]> {
  const made: T[] = [];
  for (let i = 0; i < count; i++) {
    if (i > 0 && i % perTurn === 0) {
      await setImmediate();
      if (call !== undefined) throwIfAborted(call.signal, call.where);
    }
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
