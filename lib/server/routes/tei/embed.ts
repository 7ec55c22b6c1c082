/**
 * `POST /embed`, `/embed_all` and `/similarity` in the form of TEI, and the refusal of `/embed_sparse`.
 *
 * The rule: as in TEI vectors have length 1 unless `normalize` is false, and an answer is a list even for one text.
 */
import { RequestFailure } from '../../handling.js';
import {
  type EmbedAllBody,
  type EmbedBody,
  embedAllBody,
  embedBody,
  type SimilarityBody,
  similarityBody,
} from '../../schemas/tei.js';
import { checkEmbedFields, inputsOf, lengthsOf, refuseEmpty, runInputs } from '../inputs.js';
import type { Call, Operation } from '../route.js';
import { jsonOf, listOf, refuseNotFinite } from '../vectors-json.js';

const targetOf = ({ model }: Call) => ({ model, tasks: ['embed'] as const });

export const embed: Operation<EmbedBody> = {
  body: embedBody,
  async run(call, body) {
    const { normalize = true, prompt_name: promptName, dimensions } = body;
    const inputs = inputsOf('inputs', body.inputs);
    refuseEmpty(inputs);
    const info = call.serving.models.find(targetOf(call));
    checkEmbedFields(info, { dimensions, prompt: promptName }, 'prompt_name');
    const request = {
      ...lengthsOf(call, body),
      normalize,
      ...(promptName !== undefined && { promptName }),
      ...(dimensions !== undefined && { dimensions }),
    };
    const { results } = await runInputs(call, targetOf(call), inputs, (served, context) =>
      served.embed(inputs.list, request, context),
    );
    await refuseNotFinite(results);
    call.reply.type('application/json; charset=utf-8');
    return jsonOf(listOf(results.map((vector) => [vector])));
  },
};

export const embedAll: Operation<EmbedAllBody> = {
  body: embedAllBody,
  async run(call, body) {
    const { prompt_name: promptName } = body;
    const inputs = inputsOf('inputs', body.inputs);
    refuseEmpty(inputs);
    const info = call.serving.models.find(targetOf(call));
    checkEmbedFields(info, { prompt: promptName }, 'prompt_name');
    const request = { ...lengthsOf(call, body), ...(promptName !== undefined && { promptName }) };
    const { results } = await runInputs(call, targetOf(call), inputs, (served, context) =>
      served.embedTokens(inputs.list, request, context),
    );
    await refuseNotFinite(results.flat());
    call.reply.type('application/json; charset=utf-8');
    return jsonOf(listOf(results.map((tokens) => listOf(tokens.map((vector) => [vector])))));
  },
};

export const embedSparse: Operation<EmbedBody> = {
  body: embedBody,
  async run(call) {
    const { name } = call.serving.models.find(targetOf(call));
    const message = `model ${JSON.stringify(name)} has dense vectors, no sparse ones (SPLADE); POST /embed gives them`;
    throw new RequestFailure('wrong-model', message);
  },
};

export const similarity: Operation<SimilarityBody> = {
  body: similarityBody,
  async run(call, { inputs: { source_sentence: source, sentences }, parameters = {} }) {
    const { prompt_name: promptName } = parameters;
    if (source === '') {
      const param = 'inputs.source_sentence';
      throw new RequestFailure('empty', `${param} must not be empty`, { param });
    }
    const list = { field: 'inputs.sentences', method: 'batch' as const, list: sentences };
    refuseEmpty(list);
    const info = call.serving.models.find(targetOf(call));
    checkEmbedFields(info, { prompt: promptName }, 'parameters.prompt_name');
    const request = {
      ...lengthsOf(call, parameters),
      ...(promptName !== undefined && { promptName }),
    };
    const all = { field: 'inputs', method: 'batch' as const, list: [source, ...sentences] };
    const { results } = await runInputs(call, targetOf(call), all, (served, context) =>
      served.embed(all.list, request, context),
    );
    await refuseNotFinite(results);
    const [first = new Float32Array(), ...rest] = results;
    return rest.map((vector) => cosine(first, vector));
  },
};

/** In double; 0 if a vector is 0. */
function cosine(a: Float32Array, b: Float32Array): number {
  let product = 0;
  let squaresOfA = 0;
  let squaresOfB = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] ?? 0;
    const y = b[i] ?? 0;
    product += x * y;
    squaresOfA += x * x;
    squaresOfB += y * y;
  }
  const lengths = Math.sqrt(squaresOfA) * Math.sqrt(squaresOfB);
  return lengths === 0 ? 0 : Math.max(-1, Math.min(1, product / lengths));
}
