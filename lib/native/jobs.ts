/**
 * Runs one native job: links it to an AbortSignal and turns its failures into SinterErrors.
 *
 * Every call that computes goes through here, so that all can be cancelled.
 */

import { SinterError, throwIfAborted } from '../core/errors.js';
import { native, toSinterError } from './native.js';

/**
 * Starts a job and waits for it. `where` names the call in messages. An abort ends the job at its next check with CANCELLED,
 * whose cause is the signal's reason.
 */
export async function runJob<T>(
  where: string,
  signal: AbortSignal | undefined,
  start: (jobId: number) => Promise<T>,
): Promise<T> {
  throwIfAborted(signal, where);
  const binding = native();
  const jobId = binding.nextJobId();
  const cancel = () => binding.cancel(jobId);
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    return await start(jobId);
  } catch (error) {
    const known = toSinterError(error);
    if (known instanceof SinterError && known.code === 'CANCELLED') throwIfAborted(signal, where);
    throw known;
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}
