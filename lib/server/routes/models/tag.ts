/**
 * `POST /models/:name/tag`: entities in texts, with their places.
 *
 * The rule: `word` is the text between `start` and `end`, in whichever way they are counted.
 */
import { type TagBody, tagBody } from '../../schemas/models.js';
import { placesIn } from '../code-points.js';
import { oneOrMany, runInputs } from '../inputs.js';
import type { Operation } from '../route.js';
import { answerOf } from './answer.js';
import { refuseNone } from './inputs.js';

export const tag: Operation<TagBody> = {
  body: tagBody,
  async run(call, { inputs: given, aggregation, offsets = 'utf16' }) {
    const inputs = oneOrMany<string>('inputs', given, typeof given === 'string');
    refuseNone(inputs);
    const target = { model: call.model, tasks: ['tag'] as const };
    const request = aggregation === undefined ? {} : { aggregation };
    const { results, facts, model } = await runInputs(call, target, inputs, (served, context) =>
      served.tag(inputs.list, request, context),
    );
    const shown = results.map((entities, i) => {
      const places = placesIn(inputs.list[i] ?? '', offsets);
      return entities.map(({ entity, score, word, start, end }) => ({
        entity,
        score,
        word,
        ...places(start, end),
      }));
    });
    return answerOf(model, facts, shown);
  },
};
