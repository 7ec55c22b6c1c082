/**
 * Who waits for a call, and so what the lanes run first.
 */

/**
 * `interactive`: somebody waits; passes bulk work, also what is running already. `bulk`: runs when nobody waits, and
 * never starves.
 */
export type Priority = 'interactive' | 'bulk';

export const PRIORITIES: readonly Priority[] = ['interactive', 'bulk'];

/** The priority of a direct call over so many texts when its caller names none. */
export function defaultPriority(texts: number): Priority {
  return texts === 1 ? 'interactive' : 'bulk';
}
