/**
 * `POST /models/:name/answer`: answers to questions, as parts of their contexts.
 *
 * The rule: `answer` is the context between `start` and `end`; the empty answer has 0 and 0.
 */
import { RequestFailure } from '../../handling.js';
import { type AnswerBody, answerBody } from '../../schemas/models.js';
import { placesIn } from '../code-points.js';
import { type Inputs, runInputs } from '../inputs.js';
import type { Operation } from '../route.js';
import { answerOf } from './answer.js';
import { refuseNone } from './inputs.js';

interface Question {
  readonly question: string;
  readonly context: string;
}

export const answer: Operation<AnswerBody> = {
  body: answerBody,
  async run(call, { inputs: given, offsets = 'utf16', ...request }) {
    const isOne = !Array.isArray(given);
    const questions = (isOne ? [given] : given) as readonly Question[];
    const pairs = questions.map(({ question, context }) => [question, context] as const);
    const method = isOne ? 'single' : 'batch';
    const inputs: Inputs<readonly [string, string]> = { field: 'inputs', method, list: pairs };
    refuseNone(inputs);
    refuseNoQuestion(inputs);
    const target = { model: call.model, tasks: ['answer'] as const };
    const { results, facts, model } = await runInputs(call, target, inputs, (served, context) =>
      served.answer(questions, request, context),
    );
    const shown = results.map((answers, i) => {
      const places = placesIn(questions[i]?.context ?? '', offsets);
      return answers.map(({ answer, score, start, end }) => ({
        answer,
        score,
        ...places(start, end),
      }));
    });
    return answerOf(model, facts, shown);
  },
};

/** There is no answer to an empty question. */
function refuseNoQuestion({ method, list }: Inputs<readonly [string, string]>): void {
  const index = list.findIndex(([question]) => question === '');
  if (index < 0) return;
  const param = method === 'single' ? 'inputs.question' : `inputs[${index}].question`;
  throw new RequestFailure('empty', `${param} must not be empty`, { param });
}
