/** Priority of a call: which of the waiting calls the lanes run first. */

/**
 * `interactive`: somebody waits for the result; the call passes bulk work, even if that is already running. `bulk`: runs
 * when no interactive call waits, and never starves.
 */
export type Priority = 'interactive' | 'bulk';

export const PRIORITIES: readonly Priority[] = ['interactive', 'bulk'];

/** The priority of a direct call over `texts` texts whose caller names none. */
export function defaultPriority(texts: number): Priority {
  return texts === 1 ? 'interactive' : 'bulk';
}
