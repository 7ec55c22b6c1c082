/**
 * `POST /models/:name/embed`: vectors of texts, pairs or token ids.
 *
 * The rule: what the request leaves out is as the model's files say, unlike in TEI's form, where vectors have length 1.
 */
import { type EmbedBody, embedBody } from '../../schemas/models.js';
import { checkEmbedFields, lengthsOf, oneOrMany, runInputs } from '../inputs.js';
import type { Operation } from '../route.js';
import { base64Of, type JsonPart, jsonOf, listOf, refuseNotFinite } from '../vectors-json.js';
import { usageOf } from './answer.js';
import { refuseNone } from './inputs.js';

export const embed: Operation<EmbedBody> = {
  body: embedBody,
  async run(call, body) {
    const { promptName, dimensions, normalize, encoding } = body;
    const inputs = oneOrMany('inputs', body.inputs, typeof body.inputs === 'string');
    refuseNone(inputs);
    const target = { model: call.model, tasks: ['embed'] as const };
    const info = call.serving.models.find(target);
    checkEmbedFields(info, { dimensions, prompt: promptName }, 'promptName');
    const request = {
      ...lengthsOf(call, body),
      ...(promptName !== undefined && { promptName }),
      ...(dimensions !== undefined && { dimensions }),
      ...(normalize !== undefined && { normalize }),
    };
    const { results, facts, model } = await runInputs(call, target, inputs, (served, context) =>
      served.embed(inputs.list, request, context),
    );
    await refuseNotFinite(results);
    const vectors = results.map((vector): JsonPart[] =>
      encoding === 'base64' ? [`"${base64Of(vector)}"`] : [vector],
    );
    const [name, version] = [model.name, model.version].map((one) => JSON.stringify(one));
    call.reply.type('application/json; charset=utf-8');
    return jsonOf([
      `{"model":${name},"version":${version},"results":`,
      ...listOf(vectors),
      `,"usage":${JSON.stringify(usageOf(facts))}}`,
    ]);
  },
};
