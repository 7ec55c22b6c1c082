/**
 * `POST /tokenize` and `/decode` in the form of TEI.
 *
 * The rule: as in TEI `start` and `stop` count code points; Sinter itself counts UTF-16 units.
 */

import type { ServedToken } from '../../contract.js';
import { type DecodeBody, decodeBody, type TokenizeBody, tokenizeBody } from '../../schemas/tei.js';
import { codePointIndex } from '../code-points.js';
import { checkEmbedFields, inputsOf, oneOrMany, refuseEmpty, withPlaces } from '../inputs.js';
import type { Operation } from '../route.js';

export const tokenize: Operation<TokenizeBody> = {
  body: tokenizeBody,
  async run({ serving, request, reply, model }, body) {
    const { add_special_tokens: addSpecialTokens = true, prompt_name: promptName } = body;
    const inputs = oneOrMany<string>('inputs', body.inputs, typeof body.inputs === 'string');
    refuseEmpty(inputs);
    checkEmbedFields(serving.models.find({ model }), { prompt: promptName }, 'prompt_name');
    const options = { addSpecialTokens, ...(promptName !== undefined && { promptName }) };
    const call = { model, inputs: inputs.list.length };
    const tokens = await serving.handlePlain(request, reply, call, (served) =>
      withPlaces(inputs, () => served.tokenize(inputs.list, options)),
    );
    return tokens.map((list, i) => inCodePoints(inputs.list[i] ?? '', list));
  },
};

function inCodePoints(text: string, tokens: readonly ServedToken[]) {
  const point = codePointIndex(text);
  return tokens.map(({ id, text: part, special, start, stop }) => ({
    id,
    text: part,
    special,
    start: start === null ? null : point(start),
    stop: stop === null ? null : point(stop),
  }));
}

export const decode: Operation<DecodeBody> = {
  body: decodeBody,
  async run({ serving, request, reply, model }, { ids, skip_special_tokens: skip = true }) {
    const inputs = inputsOf('ids', ids);
    refuseEmpty(inputs);
    const lists = inputs.list as readonly (readonly number[])[];
    const call = { model, inputs: lists.length };
    return serving.handlePlain(request, reply, call, (served) =>
      withPlaces(inputs, () => served.decode(lists, { skipSpecialTokens: skip })),
    );
  },
};
