/**
 * Retries a task: only after transient failures, with growing pauses, and a limited number of times.
 *
 * If a transfer got further than ever before, its failures are counted anew.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfAborted } from '../core/errors.js';
import { TransientError } from './http.js';

/** Failures in a row without progress after which the task still gets another try. */
const MAX_FAILURES = 4;
/** Limit on all tries, whatever their progress. */
const MAX_TRIES = 100;
const FIRST_PAUSE_MS = 200;

export interface Patience {
  /** Number of bytes that have arrived. It falls if the transfer had to begin anew. */
  readonly progress?: () => Promise<number>;
  /** Called before another try. */
  readonly again?: () => Promise<void>;
}

/**
 * The result of `work`, after at most five tries in a row without progress. Throws its last error; CANCELLED if the signal
 * aborts.
 */
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
