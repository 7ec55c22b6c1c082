/** The batcher of a question answerer: answers in contexts of any length. */

import { RUN_OPTIONS, type RunOptions } from '../../batching/batch-options.js';
import type { BatchEncoder, WindowReader } from '../../batching/batch-work.js';
import { typeMistake } from '../../core/errors.js';
import type { KnownOptions } from '../../core/options.js';
import {
  type Answer,
  answersOfWindow,
  ContextAnswers,
  NO_WINDOWS,
  type SpanLimits,
  type WindowAnswers,
} from '../../tasks/question-answering/answer-spans.js';
import { type BatchModel, type LiveModel, rowRunner, windowOf, windowsOf } from './batch-model.js';
import { ownString } from './run-input.js';

/** A question about a context. */
export interface Question {
  readonly question: string;
  readonly context: string;
}

/** Options of `run` of a question answerer's batcher; as for `answer`. */
export interface AnswerRunOptions extends RunOptions {
  /** Most answers to return. Default: 1. */
  readonly topK?: number;
  /** Longest answer in tokens. Default: 15. */
  readonly maxAnswerTokens?: number;
  /** Tokens that neighbouring windows share. Default: that of `batch`. */
  readonly docStride?: number;
  /** Whether the result may include "no answer". Default: false. */
  readonly allowNoAnswer?: boolean;
}

const ANSWER_RUN_OPTIONS: KnownOptions<AnswerRunOptions> = {
  ...RUN_OPTIONS,
  topK: true,
  maxAnswerTokens: true,
  docStride: true,
  allowNoAnswer: true,
};

export interface AnswerBatchSettings {
  readonly maxTokens: number;
  /** The checked stride of a call, or the default one. Throws RangeError for a wrong one. */
  readonly readStride: (options: AnswerRunOptions) => number;
  readonly readSpans: (
    where: string,
    options: AnswerRunOptions,
  ) => SpanLimits & { readonly allowNoAnswer: boolean };
}

const NAME = 'run: question';

/** A batcher's work for answers. */
export function answerBatch(
  model: LiveModel,
  { maxTokens, readStride, readSpans }: AnswerBatchSettings,
): BatchModel<Answer[], Question, AnswerRunOptions> {
  const encoders = new Map<number, BatchEncoder>();
  const encoderFor = (stride: number) => {
    const encoder = encoders.get(stride) ?? pairEncoder(model, maxTokens, stride);
    encoders.set(stride, encoder);
    return encoder;
  };
  const runner = rowRunner(model, { output: 'logits', unit: 'token' });
  return {
    maxTokens,
    runOptions: ANSWER_RUN_OPTIONS,
    begin(input, options) {
      if (typeof input !== 'object' || input === null)
        throw typeMistake('run: input', 'an object with question and context', input);
      const question = ownString(NAME, input.question);
      const context = ownString('run: context', input.context);
      const spans = readSpans('run', options);
      const stride = readStride(options);
      const windows: WindowReader<Answer[], WindowAnswers> = {
        read(text, signal) {
          const cut = { maxTokens, stride, signal, where: 'run', nameOf: () => NAME };
          return windowsOf(model.parts.tokenizer.windowGroups([text], cut));
        },
        keep: (logits, { places: aligned }) =>
          aligned === undefined
            ? NO_WINDOWS
            : answersOfWindow(context, { aligned, logits }, 0, spans),
        join: () => new ContextAnswers(spans),
      };
      const work = {
        encoder: encoderFor(stride),
        runner,
        windows,
        answer: (...window: Parameters<typeof windows.keep>) => {
          const answers = new ContextAnswers(spans);
          answers.add(windows.keep(...window));
          return answers.finish();
        },
      };
      return { text: [question, context], tokens: null, work };
    },
  };
}

/** Pairs of a question and a context, as one window where they fit. */
function pairEncoder(model: LiveModel, maxTokens: number, stride: number): BatchEncoder {
  const options = { maxTokens, truncate: true, nameOf: () => NAME, where: 'run' };
  return {
    async encode(pairs) {
      const all = await model.parts.tokenizer.encodeAligned(pairs, options);
      return pairs.map((_, i) => {
        const window = windowOf(all, i);
        const parts = window.places?.parts ?? new Int8Array();
        const specials = parts.filter((part) => part === -1).length;
        const question = parts.filter((part) => part === 0).length;
        // A question that leaves no room for windows is refused by their reader, whatever the context is.
        return { ...window, cut: window.cut || question > maxTokens - specials - stride - 1 };
      });
    },
  };
}
