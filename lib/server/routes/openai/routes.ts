/**
 * The routes in OpenAI's form.
 *
 * The rule: the model is always named in the body; a name that is not served is 404, also if only one model is.
 */
import type { FastifyInstance } from 'fastify';
import type { Serving } from '../../handling.js';
import { embeddingsAnswer, rerankAnswer } from '../../schemas/openai.js';
import { addPost } from '../route.js';
import { embeddings } from './embeddings.js';
import { addModelRoutes } from './models.js';
import { rerank } from './rerank.js';

const TAG = 'OpenAI, Cohere and Jina';
/** The name is in the body. */
const inBody = () => undefined;

export function addOpenaiRoutes(scope: FastifyInstance, serving: Serving): void {
  const example = { model: 'minilm', input: ['a red car', 'a fast car'] };
  for (const url of ['/v1/embeddings', '/embeddings']) {
    const summary = url === '/embeddings' ? 'The same, as TEI has it' : 'Vectors of texts';
    const facts = { url, dialect: 'openai', tag: TAG, summary, answer: embeddingsAnswer } as const;
    addPost(scope, serving, { ...facts, example }, embeddings, inBody);
  }
  const question = { model: 'reranker', query: 'how warm is it?', top_n: 1 };
  const documents = ['It is 30 degrees.', 'It is Monday.'];
  for (const url of ['/v1/rerank', '/v2/rerank']) {
    const summary =
      url === '/v2/rerank'
        ? "The same, where Cohere's second version has it"
        : 'Documents in the order of how well they fit a query';
    const facts = { url, dialect: 'openai', tag: TAG, summary, answer: rerankAnswer } as const;
    addPost(scope, serving, { ...facts, example: { ...question, documents } }, rerank, inBody);
  }
  addModelRoutes(scope, serving, TAG);
}
