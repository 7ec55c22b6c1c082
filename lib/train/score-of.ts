/** Finds the score by which evaluations are compared. */

import { rangeMistake } from '../core/errors.js';

/** The score of this name. Throws RangeError that lists the names if there is none; NaN if it has no value. */
export function scoreOf(scores: unknown, name: string): number {
  const all = scores as Readonly<Record<string, unknown>>;
  const value = Object.hasOwn(all, name) ? all[name] : undefined;
  if (typeof value === 'number') return value;
  if (value === null) return Number.NaN;
  const names = Object.keys(all).filter((key) => typeof all[key] === 'number');
  const what = `one of ${names.map((key) => JSON.stringify(key)).join(', ')}`;
  throw rangeMistake('train: metricForBestModel', what, name);
}
