/** A question answerer behind a name: answers in contexts of any length. */
import type { BatchOptions } from '../../batching/batch-options.js';
import type { QuestionAnswerer } from '../../models/question-answerer.js';
import type { ModelInput, ServedInfo } from '../contract.js';
import { runInputs } from './run-inputs.js';
import { type ServedTaskModel, servedBase } from './served-base.js';

export function servedAnswerer(
  info: ServedInfo,
  answerer: QuestionAnswerer,
  options: BatchOptions,
): ServedTaskModel {
  const answers = answerer.batch(options);
  const take = (input: ModelInput) => {
    const [question, context] = input as readonly [string, string];
    return { question, context };
  };
  return {
    served: {
      ...servedBase(info, answerer),
      answer(questions, request, context) {
        const pairs = questions.map((one) => [one.question, one.context] as const);
        return runInputs(answers, pairs, take, request, context);
      },
    },
    batchers: () => [answers],
  };
}
