/**
 * Trying again: only after failures that may pass, with growing pauses, and not for ever.
 *
 * A transfer that got further than ever before it broke has not failed: its count begins anew.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfAborted } from '../core/errors.js';
import { TransientError } from './http.js';

/** Failures in a row, without a byte gained, before it is given up. */
const MAX_FAILURES = 4;
/** Tries in all, whatever they gain. */
const MAX_TRIES = 100;
const FIRST_PAUSE_MS = 200;

export interface Patience {
  /** Bytes that are there now; fewer than before when it had to begin anew. */
  readonly progress?: () => Promise<number>;
  /** What to do before another try. */
  readonly again?: () => Promise<void>;
}

/** The result of `work`, tried up to five times without gaining. Throws its last error; CANCELLED when the signal aborts. */
export async function patiently<T>(
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
  { progress = async () => 0, again = async () => {} }: Patience = {},
): Promise<T> {
  let most = await progress();
  for (let failures = 0, tries = 1; ; tries++) {
    try {
      if (failures > 0) await again();
      return await work();
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      const now = await progress();
      failures = now > most ? 1 : failures + 1;
      most = Math.max(most, now);
      if (failures > MAX_FAILURES || tries >= MAX_TRIES) throw error;
      await sleep(FIRST_PAUSE_MS * 2 ** (failures - 1), undefined, { signal }).catch(() => {});
      throwIfAborted(signal, 'download');
    }
  }
}
