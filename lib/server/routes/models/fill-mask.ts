/**
 * `POST /models/:name/fill-mask`: words in the place of masks.
 *
 * The rule: a result has a list for each mask of its text; a text without a mask is a mistake, which the model words.
 */
import { type FillMaskBody, fillMaskBody } from '../../schemas/models.js';
import { oneOrMany, runInputs } from '../inputs.js';
import type { Operation } from '../route.js';
import { answerOf } from './answer.js';
import { refuseNone } from './inputs.js';

export const fillMask: Operation<FillMaskBody> = {
  body: fillMaskBody,
  async run(call, { inputs: given, topK }) {
    const inputs = oneOrMany<string>('inputs', given, typeof given === 'string');
    refuseNone(inputs);
    const target = { model: call.model, tasks: ['fill-mask'] as const };
    const request = topK === undefined ? {} : { topK };
    const { results, facts, model } = await runInputs(call, target, inputs, (served, context) =>
      served.fillMask(inputs.list, request, context),
    );
    return answerOf(model, facts, results);
  },
};
