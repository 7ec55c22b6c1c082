/** A classifier behind a name: logits and scores of texts. */
import type { BatchOptions } from '../../batching/batch-options.js';
import type { ClassificationProblem } from '../../graph/checkpoint.js';
import type { Classifier } from '../../models/classifier.js';
import type { ServedInfo } from '../contract.js';
import { batchInput, runInputs } from './run-inputs.js';
import { type ServedTaskModel, servedBase } from './served-base.js';

/** A classifier of any kind, as the server needs no types of labels. */
export type AnyClassifier = Classifier<string, ClassificationProblem>;

export function servedClassifier(
  info: ServedInfo,
  classifier: AnyClassifier,
  options: BatchOptions,
): ServedTaskModel {
  const scores = classifier.batch({ ...options, output: 'scores' });
  return {
    served: {
      ...servedBase(info, classifier),
      classify: (inputs, { truncate, truncationDirection }, context) =>
        runInputs(scores, inputs, batchInput, { truncate, truncationDirection }, context),
    },
    batchers: () => [scores],
  };
}
