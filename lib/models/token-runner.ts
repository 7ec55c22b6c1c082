/**
 * A model below its public API: token ids in, rows of an output out. For `sinter bench` and the benches in bench/.
 *
 * Not exported by the package: it exists so that engines are compared without the tokenizer, and nobody has to reach
 * into a model for that.
 */

import type { OutputName } from '../graph/types.js';
import { runJob } from '../native/jobs.js';
import type { TokenBatch } from '../native/native.js';
import { outputWidth, TOKEN_BUDGET, trimSegments } from '../runtime/forward.js';
import type { EncodedTexts, TextInput } from '../tokenize/text-tokenizer.js';
import { insideOf, type TextModel } from './text-model.js';

export interface TokenRunOptions {
  /** Tokens of a micro-batch that one lane runs by itself. Default: what `embed` takes. */
  readonly tokenBudget?: number;
  readonly signal?: AbortSignal;
}

export interface TokenRunner {
  /** Width of a row. */
  readonly width: number;
  /** What the model would encode of the texts, cut at `maxTokens` (default: the model's limit). */
  tokenize(texts: readonly TextInput[], maxTokens?: number): Promise<EncodedTexts>;
  /** One row per sequence into `data`, [sequences, width], in one run. */
  run(
    tokens: TokenBatch & { readonly segments: Int32Array },
    data: Float32Array,
    options?: TokenRunOptions,
  ): Promise<void>;
}

/** `output` of a model on token ids; its calls throw DISPOSED once the model is disposed. */
export function tokenRunner(model: TextModel, output: OutputName): TokenRunner {
  const { parts, use } = insideOf(model);
  const { graph, tokenizer } = parts;
  return {
    width: outputWidth(graph, output),
    tokenize: (texts, maxTokens = graph.maxTokens) => tokenizer.encode(texts, { maxTokens }),
    run: (tokens, data, { tokenBudget = TOKEN_BUDGET, signal } = {}) =>
      use('run', (program) =>
        runJob('run', signal, (jobId) =>
          program.run(trimSegments(graph, tokens), [{ name: output, data }], {
            jobId,
            tokenBudget,
          }),
        ),
      ),
  };
}
