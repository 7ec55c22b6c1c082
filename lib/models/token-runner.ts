/**
 * Runs a model on token ids, below its public API: rows of an output come out. For `sinter bench` and the benchmarks in
 * bench/.
 *
 * The package does not export it. It allows comparing engines without the tokenizer, and without access to a model's
 * internals.
 */

import type { OutputName } from '../graph/types.js';
import { runJob } from '../native/jobs.js';
import type { TokenBatch } from '../native/program.js';
import { outputWidth, TOKEN_BUDGET, trimSegments } from '../runtime/forward.js';
import type { EncodedTexts, TextInput } from '../tokenize/text-tokenizer.js';
import { insideOf, type TextModel } from './text-model.js';

export interface TokenRunOptions {
  /** Tokens in a micro-batch, which one lane runs alone. Default: that of `embed`. */
  readonly tokenBudget?: number;
  readonly signal?: AbortSignal;
}

export interface TokenRunner {
  /** Width of a row. */
  readonly width: number;
  /** Tokens of the texts as the model encodes them, truncated at `maxTokens` (default: the model's limit). */
  tokenize(texts: readonly TextInput[], maxTokens?: number): Promise<EncodedTexts>;
  /** Runs all sequences at once and writes one row per sequence to `data`, [sequences, width]. */
  run(
    tokens: TokenBatch & { readonly segments: Int32Array },
    data: Float32Array,
    options?: TokenRunOptions,
  ): Promise<void>;
}

/** A runner for the output `output` of a model. Its calls throw DISPOSED once the model is disposed. */
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
