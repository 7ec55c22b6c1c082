/** Spearman's correlation of what rows have and what a model says, for any sample of the rows. */

import type { Outcome } from '../../compress/outcome.js';
import { spearmanOf } from '../../metrics/index.js';

/** A model that says the same of all rows of a sample knows nothing of their order: its correlation counts as 0. */
export function correlation(
  found: readonly number[],
  truth: readonly number[],
): Omit<Outcome, 'metric'> {
  const score = spearmanOf(found, truth);
  const all = Int32Array.from({ length: found.length }, (_, row) => row);
  const scoreOf = (sample: Int32Array = all) => {
    const value = score(sample);
    return Number.isNaN(value) ? 0 : value;
  };
  return { rows: found.length, higherIsBetter: true, scoreOf };
}
