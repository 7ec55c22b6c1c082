/**
 * `POST /models/:name/rerank`: texts in the order of how well they fit a query.
 *
 * The rule: as in the other two forms of the route, equal scores keep the order of the request.
 */
import { type RerankBody, rerankBody } from '../../schemas/models.js';
import { lengthsOf } from '../inputs.js';
import { rankTexts } from '../rank.js';
import type { Operation } from '../route.js';
import { answerOf } from './answer.js';

export const rerank: Operation<RerankBody> = {
  body: rerankBody,
  async run(call, body) {
    const { query, texts: list, topK, rawScores: isRaw = false, returnTexts = false } = body;
    const request = { ...lengthsOf(call, body), isRaw };
    const inputs = { query, list, field: 'texts' };
    const { ranked, facts, info } = await rankTexts(call, call.model, inputs, request);
    const results = ranked
      .slice(0, topK)
      .map(({ index, score, text }) => ({ index, score, ...(returnTexts && { text }) }));
    return answerOf(info, facts, results);
  },
};
