/**
 * `POST /v1/rerank` and `/v2/rerank`: a cross-encoder in the form of Cohere and Jina.
 *
 * The rule: results come best first; documents with equal scores keep their order.
 */
import { type RerankBody, rerankBody } from '../../schemas/openai.js';
import { lengthsOf } from '../inputs.js';
import { rankTexts } from '../rank.js';
import type { Operation } from '../route.js';

export const rerank: Operation<RerankBody> = {
  body: rerankBody,
  async run(call, { model, query, documents, top_n: topN, return_documents: isWithTexts = false }) {
    const list = documents.map((one) => (typeof one === 'string' ? one : one.text));
    const request = { ...lengthsOf(call, {}), isRaw: false };
    const { ranked, facts, info } = await rankTexts(
      call,
      model,
      { query, list, field: 'documents' },
      request,
    );
    const results = ranked.slice(0, topN).map(({ index, score, text }) => ({
      index,
      relevance_score: score,
      ...(isWithTexts && { document: { text } }),
    }));
    const { tokens } = facts;
    return {
      id: call.request.id,
      object: 'list',
      model: info.name,
      results,
      usage: { prompt_tokens: tokens, total_tokens: tokens },
      meta: { tokens: { input_tokens: tokens } },
    };
  },
};
