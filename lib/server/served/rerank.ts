/** A cross-encoder behind a name: scores of texts for a query. */
import type { BatchOptions } from '../../batching/batch-options.js';
import type { CrossEncoder } from '../../models/cross-encoder.js';
import type { TextPair } from '../../tokenize/text-tokenizer.js';
import type { ServedInfo } from '../contract.js';
import { runInputs } from './run-inputs.js';
import { type ServedTaskModel, servedBase } from './served-base.js';

export function servedCrossEncoder(
  info: ServedInfo,
  model: CrossEncoder,
  options: BatchOptions,
): ServedTaskModel {
  const scores = model.batch(options);
  return {
    served: {
      ...servedBase(info, model),
      rerank(query, texts, { truncate, truncationDirection, isRaw }, context) {
        const pairs = texts.map((text) => [query, text] as const);
        const own = { truncate, truncationDirection, rawScores: isRaw };
        return runInputs(scores, pairs, (pair) => pair as TextPair, own, context);
      },
    },
    batchers: () => [scores],
  };
}
