/**
 * Sinter's own routes: every task of every model, by its name.
 *
 * The rule: names and defaults are those of the library's calls, so what a document says of `tag` holds here, too.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Serving } from '../../handling.js';
import * as models from '../../schemas/models.js';
import { addPost, type Operation, type RouteFacts } from '../route.js';
import { classify } from './classify.js';
import { embed } from './embed.js';
import { fillMask } from './fill-mask.js';
import { addListRoutes } from './list.js';
import { answer } from './question.js';
import { rerank } from './rerank.js';
import { tag } from './tag.js';

const TAG = 'Models';

const namedModel = (request: FastifyRequest) => (request.params as { readonly name: string }).name;

type Facts = Pick<RouteFacts, 'url' | 'summary' | 'answer' | 'example'>;

export function addModelsRoutes(scope: FastifyInstance, serving: Serving): void {
  const add = <B>(facts: Facts, operation: Operation<B>) => {
    const url = `/models/:name/${facts.url}`;
    const shared = { url, dialect: 'sinter', tag: TAG, params: models.nameParams } as const;
    addPost(scope, serving, { ...facts, ...shared }, operation, namedModel);
  };
  addListRoutes(scope, serving, TAG);
  add(
    {
      url: 'embed',
      summary: 'Vectors of texts, pairs of texts or token ids',
      answer: models.embedAnswer,
      example: { inputs: ['a red car', 'a fast car'] },
    },
    embed,
  );
  add(
    {
      url: 'classify',
      summary: 'One label, several labels or numbers, by the kind of the model',
      answer: models.classifyAnswer,
      example: { inputs: 'a fine film', topK: 2 },
    },
    classify,
  );
  add(
    {
      url: 'tag',
      summary: 'Entities in texts',
      answer: models.tagAnswer,
      example: { inputs: 'Ada lives in Rome.', offsets: 'both' },
    },
    tag,
  );
  add(
    {
      url: 'answer',
      summary: 'Answers to questions, as parts of their contexts',
      answer: models.answerAnswer,
      example: { inputs: { question: 'Where does Ada live?', context: 'Ada lives in Rome.' } },
    },
    answer,
  );
  add(
    {
      url: 'rerank',
      summary: 'Texts in the order of how well they fit a query',
      answer: models.rerankAnswer,
      example: { query: 'how warm is it?', texts: ['It is 30 degrees.', 'It is Monday.'] },
    },
    rerank,
  );
  add(
    {
      url: 'fill-mask',
      summary: 'Words in the place of masks',
      answer: models.fillMaskAnswer,
      example: { inputs: 'The capital of Italy is [MASK].' },
    },
    fillMask,
  );
}
