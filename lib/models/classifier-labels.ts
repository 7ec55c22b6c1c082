/** Checks the labels and the kind of problem of a classifier, as its options name them. */

import { typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { CLASSIFICATION_PROBLEMS, type ClassificationProblem } from '../graph/checkpoint.js';

/** @internal */
export function readProblem<K extends ClassificationProblem>(where: string, problem?: K): K {
  const read = readOptions<{ problem?: ClassificationProblem }>(
    where,
    problem === undefined ? {} : { problem },
    { problem: true },
  );
  return read.choice('problem', 'single_label_classification', CLASSIFICATION_PROBLEMS) as K;
}

/** Throws TypeError unless `labels` is a list of at least `least` different, non-empty strings. */
export function checkLabels(where: string, labels: readonly string[], least: 1 | 2): void {
  const many =
    least === 2 ? 'two different, non-empty strings' : 'one non-empty string, all different';
  const what = `an array of at least ${many}`;
  if (!Array.isArray(labels)) throw typeMistake(`${where}: labels`, what, labels);
  for (const [i, label] of labels.entries()) {
    if (typeof label !== 'string' || label === '') {
      throw typeMistake(`${where}: labels[${i}]`, 'a non-empty string', label);
    }
    const first = labels.indexOf(label);
    if (first !== i) {
      throw new RangeError(
        `${where}: labels[${i}] must be different from labels[${first}], got ${JSON.stringify(label)}`,
      );
    }
  }
  if (labels.length < least) throw typeMistake(`${where}: labels`, what, labels);
}
