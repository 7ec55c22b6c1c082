/**
 * `POST /v1/embeddings`: vectors in OpenAI's form.
 *
 * The rule: the openai client asks for base64 unless told otherwise, and decodes whatever comes back, so the encoding of the
 * answer is exactly the one that was asked for.
 */
import { type EmbeddingsBody, embeddingsBody } from '../../schemas/openai.js';
import { checkEmbedFields, inputsOf, lengthsOf, refuseEmpty, runInputs } from '../inputs.js';
import type { Operation } from '../route.js';
import { base64Of, type JsonPart, jsonOf, refuseNotFinite } from '../vectors-json.js';

export const embeddings: Operation<EmbeddingsBody> = {
  body: embeddingsBody,
  async run(call, { input, model, dimensions, encoding_format: encoding }) {
    const inputs = inputsOf('input', input);
    refuseEmpty(inputs);
    const target = { model, tasks: ['embed'] as const };
    checkEmbedFields(call.serving.models.find(target), { dimensions }, '');
    const request = { ...lengthsOf(call, {}), ...(dimensions !== undefined && { dimensions }) };
    const { results, facts, ...handled } = await runInputs(
      call,
      target,
      inputs,
      (served, context) => served.embed(inputs.list, request, context),
    );
    await refuseNotFinite(results);
    const parts: JsonPart[] = ['{"object":"list","data":['];
    for (const [i, vector] of results.entries()) {
      const head = `${i === 0 ? '' : ','}{"object":"embedding","index":${i},"embedding":`;
      if (encoding === 'base64') parts.push(`${head}"${base64Of(vector)}"}`);
      else parts.push(head, vector, '}');
    }
    const usage = { prompt_tokens: facts.tokens, total_tokens: facts.tokens };
    const name = JSON.stringify(handled.model.name);
    parts.push(`],"model":${name},"usage":${JSON.stringify(usage)}}`);
    call.reply.type('application/json; charset=utf-8');
    return jsonOf(parts);
  },
};
