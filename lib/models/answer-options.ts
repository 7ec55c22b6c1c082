/** The options of a question answerer's calls: which spans are answers, and in which windows a context is read. */

import type { BatchOptions } from '../batching/batch-options.js';
import { rangeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import type { Priority } from '../core/priority.js';
import type { AdapterOption } from '../runtime/predict-options.js';
import type { WindowLimits } from '../tasks/question-answering/answer-rows.js';
import type { SpanLimits } from '../tasks/question-answering/answer-spans.js';

/** Options of `answer`. */
export interface AnswerOptions extends AdapterOption {
  /** Most answers to return. Default: 1. */
  readonly topK?: number;
  /** Longest answer in tokens. Default: 15. */
  readonly maxAnswerTokens?: number;
  /** Tokens of a window, question included; a longer context is read in several windows. Default: 384, or the model's limit. */
  readonly maxTokens?: number;
  /** Tokens that neighbouring windows share. Default: 128, at most a third of the window. */
  readonly docStride?: number;
  /**
   * true: the result may include "no answer": '' with start and end 0, and a score that competes with the others as in SQuAD
   * 2. For models that were trained on questions without an answer. Default: false.
   */
  readonly allowNoAnswer?: boolean;
  /** Default: 'interactive'. */
  readonly priority?: Priority;
  readonly signal?: AbortSignal;
}

/** Options of `batch` of a question answerer. */
export interface AnswerBatchOptions extends Omit<BatchOptions, 'truncate'>, AdapterOption {
  /** As for `answer`. */
  readonly maxTokens?: number;
  /** As for `answer`; applies to every call that states none. */
  readonly docStride?: number;
}

const WINDOW_TOKENS = 384;
const STRIDE_TOKENS = 128;
/** Longest answer in tokens, by default. */
export const ANSWER_TOKENS = 15;

/** Names of all options of `answer`. */
export const ANSWER_OPTIONS = {
  topK: true,
  maxAnswerTokens: true,
  maxTokens: true,
  docStride: true,
  allowNoAnswer: true,
  adapter: true,
  priority: true,
  signal: true,
} as const;

/** The options that say which spans are answers. */
export function readSpans(
  where: string,
  options: Pick<AnswerOptions, 'topK' | 'maxAnswerTokens' | 'allowNoAnswer'>,
): SpanLimits & { readonly allowNoAnswer: boolean } {
  const { topK, maxAnswerTokens, allowNoAnswer } = options;
  const given = {
    ...(topK !== undefined && { topK }),
    ...(maxAnswerTokens !== undefined && { maxAnswerTokens }),
    ...(allowNoAnswer !== undefined && { allowNoAnswer }),
  };
  const read = readOptions<AnswerOptions>(where, given, ANSWER_OPTIONS);
  return {
    topK: read.count('topK', 1),
    maxAnswerTokens: read.count('maxAnswerTokens', ANSWER_TOKENS),
    allowNoAnswer: read.boolean('allowNoAnswer', false),
  };
}

/** The windows of a model that takes `most` tokens. Throws RangeError for limits that do not fit. */
export function readAnswerWindows(
  where: string,
  { maxTokens: tokens, docStride: stride }: Pick<AnswerOptions, 'maxTokens' | 'docStride'>,
  most: number,
): WindowLimits {
  const given = {
    ...(tokens !== undefined && { maxTokens: tokens }),
    ...(stride !== undefined && { docStride: stride }),
  };
  const read = readOptions<AnswerOptions>(where, given, ANSWER_OPTIONS);
  const maxTokens = read.count('maxTokens', Math.min(WINDOW_TOKENS, most), 8);
  if (maxTokens > most) {
    throw rangeMistake(`${where}: maxTokens`, `at most ${most}, the model's own limit`, maxTokens);
  }
  const usual = Math.min(STRIDE_TOKENS, Math.floor(maxTokens / 3));
  const docStride = read.count('docStride', usual, 0);
  if (docStride < maxTokens) return { maxTokens, docStride };
  throw rangeMistake(`${where}: docStride`, `less than the window's ${maxTokens}`, docStride);
}
