/** A token classifier behind a name: entities of texts of any length. */
import type { BatchOptions } from '../../batching/batch-options.js';
import type { TokenClassifier } from '../../models/token-classifier.js';
import type { ServedInfo } from '../contract.js';
import { runInputs } from './run-inputs.js';
import { type ServedTaskModel, servedBase } from './served-base.js';

export function servedTagger(
  info: ServedInfo,
  tagger: TokenClassifier,
  options: BatchOptions,
): ServedTaskModel {
  const entities = tagger.batch(options);
  return {
    served: {
      ...servedBase(info, tagger),
      tag: (texts, { aggregation = 'simple' }, context) =>
        runInputs(entities, texts, (text) => text as string, { aggregation }, context),
    },
    batchers: () => [entities],
  };
}
