/** A masked language model behind a name: words for the gaps of texts. */
import type { BatchOptions } from '../../batching/batch-options.js';
import type { MaskedLM } from '../../models/masked-lm.js';
import type { ServedInfo } from '../contract.js';
import { runInputs } from './run-inputs.js';
import { type ServedTaskModel, servedBase } from './served-base.js';

export function servedMaskedLM(
  info: ServedInfo,
  model: MaskedLM,
  options: BatchOptions,
): ServedTaskModel {
  const candidates = model.batch(options);
  return {
    served: {
      ...servedBase(info, model),
      fillMask: (texts, request, context) =>
        runInputs(candidates, texts, (text) => text as string, request, context),
    },
    batchers: () => [candidates],
  };
}
