/**
 * Trying again: only after failures that may pass, with growing pauses, and not for ever.
 *
 * A transfer that gained bytes before it broke has not failed: its count begins anew.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfAborted } from '../core/errors.js';
import { TransientError } from './http.js';

/** Failures in a row, without a byte gained, before it is given up. */
const MAX_FAILURES = 4;
const FIRST_PAUSE_MS = 200;

export interface Patience {
  /** Bytes gained so far. */
  readonly progress?: () => Promise<number>;
  /** What to do before another try. */
  readonly again?: () => Promise<void>;
}

/** The result of `work`, tried up to five times. Throws its last error; CANCELLED when the signal aborts. */
export async function patiently<T>(
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
  { progress = async () => 0, again = async () => {} }: Patience = {},
): Promise<T> {
  let before = await progress();
  for (let failures = 0; ; ) {
    try {
      if (failures > 0) await again();
      return await work();
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      const now = await progress();
      failures = now > before ? 1 : failures + 1;
      before = now;
      if (failures > MAX_FAILURES) throw error;
      await sleep(FIRST_PAUSE_MS * 2 ** (failures - 1), undefined, { signal }).catch(() => {});
      throwIfAborted(signal, 'download');
    }
  }
}
