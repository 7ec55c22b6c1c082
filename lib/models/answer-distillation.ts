/** How a question answerer learns from a teacher: the logits of starts and ends, and the inside of the teacher. */

import { typeMistake } from '../core/errors.js';
import type { InnerDistillation } from '../train/distillation-options.js';
import type { ModelDistillation } from './distillation.js';
import { insideOf, TextModel } from './text-model.js';
import { distillationOverTokens } from './token-distillation.js';

/** What a question answerer learns from the logits of a teacher: each is a softmax over the tokens of a window. */
export interface AnswerTeacherOptions {
  /** A question answerer with the student's tokenizer. With `alpha: 0` any model. */
  readonly teacher?: TextModel;
  /** Share of the teacher in the loss; 1: the answers are not read, but rows have them. Default: 0.5. */
  readonly alpha?: number;
  /** Both logits are divided by it before the softmax. Default: 2. */
  readonly temperature?: number;
}

/** What a question answerer learns from a teacher: its logits, and its hidden states and relations. */
export interface AnswerDistillation extends InnerDistillation, AnswerTeacherOptions {
  readonly teacher: TextModel;
}

export interface AnswerDistillOptions extends AnswerTeacherOptions {
  /** In place of `teacher`, `alpha` and `temperature`. */
  readonly distillation?: AnswerDistillation;
}

/** The distillation of the options; undefined where there is none. Throws TypeError or RangeError. */
export function answerDistillation(
  where: string,
  options: AnswerDistillOptions,
): ModelDistillation | undefined {
  return distillationOverTokens(where, options, (at, teacher) => {
    const isAnswerer =
      teacher instanceof TextModel && insideOf(teacher).parts.head.task === 'question-answering';
    if (!isAnswerer) throw typeMistake(at, 'a question answerer', teacher);
    return { order: [0, 1], over: 'tokens' };
  });
}
