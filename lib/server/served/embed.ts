/** An encoder behind a name: vectors of texts, and of their tokens. */
import type { BatchOptions } from '../../batching/batch-options.js';
import type { Encoder } from '../../models/encoder.js';
import type { EmbedRequest, ServedInfo } from '../contract.js';
import { batchInput, runInputs } from './run-inputs.js';
import { type ServedTaskModel, servedBase } from './served-base.js';

export function servedEncoder(
  info: ServedInfo,
  encoder: Encoder,
  options: BatchOptions,
): ServedTaskModel {
  const vectors = encoder.batch(options);
  const makeTokens = () => encoder.batch({ ...options, output: 'tokens' });
  // Made by the first request for it, because few ask for the vectors of tokens.
  let tokens: ReturnType<typeof makeTokens> | undefined;
  return {
    served: {
      ...servedBase(info, encoder),
      embed(inputs, request, context) {
        const { dimensions, normalize } = request;
        const own = {
          ...textOptions(request),
          ...(dimensions !== undefined && { dimensions }),
          ...(normalize !== undefined && { normalize }),
        };
        return runInputs(vectors, inputs, batchInput, own, context);
      },
      async embedTokens(inputs, request, context) {
        tokens ??= makeTokens();
        const own = textOptions(request);
        const { results, facts } = await runInputs(tokens, inputs, batchInput, own, context);
        return { results: results.map((matrix) => [...matrix]), facts };
      },
    },
    batchers: () => (tokens === undefined ? [vectors] : [vectors, tokens]),
  };
}

function textOptions({ truncate, truncationDirection, promptName }: EmbedRequest) {
  return { truncate, truncationDirection, ...(promptName !== undefined && { promptName }) };
}
