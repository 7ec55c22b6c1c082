/**
 * The routes in the form of Text Embeddings Inference (TEI).
 *
 * The rule: TEI serves one model; here `?model=` or the header `x-model` names one where several have the task.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ServedTask } from '../../contract.js';
import { RequestFailure, type Serving } from '../../handling.js';
import { findMistake } from '../../schemas/check.js';
import { errorAnswers } from '../../schemas/failures.js';
import type { JsonSchema } from '../../schemas/schema.js';
import * as tei from '../../schemas/tei.js';
import { fillMask } from '../models/fill-mask.js';
import { answer } from '../models/question.js';
import { tag as tagTexts } from '../models/tag.js';
import { addPost, type Operation, type RouteFacts } from '../route.js';
import { embed, embedAll, embedSparse, similarity } from './embed.js';
import { infoAnswer } from './info.js';
import { predict, rerank } from './predict.js';
import { decode, tokenize } from './tokenize.js';

const TAG = 'Text Embeddings Inference (TEI)';

/** The model that `?model=` or the header `x-model` names. */
function namedModel(request: FastifyRequest): string | undefined {
  const inQuery = (request.query as { readonly model?: string }).model;
  const inHeader = request.headers['x-model'];
  const header = Array.isArray(inHeader) ? inHeader[0] : inHeader;
  if (inQuery !== undefined && header !== undefined && inQuery !== header) {
    const message = 'model must be named once, got one name in the query and another in x-model';
    throw new RequestFailure('validation', message, { param: 'model' });
  }
  return inQuery ?? header;
}

type Facts = Pick<RouteFacts, 'url' | 'summary' | 'answer' | 'example' | 'description'>;
type Add = <B>(facts: Facts, operation: Operation<B>) => void;

const INPUTS = ['a red car', 'a fast car'];

export function addTeiRoutes(scope: FastifyInstance, serving: Serving): void {
  const add: Add = (facts, operation) => {
    const shared = { dialect: 'tei', tag: TAG, query: tei.modelQuery } as const;
    addPost(scope, serving, { ...facts, ...shared }, operation, namedModel);
  };
  addVectors(add);
  addScores(add);
  addTokens(add);
  addInfo(scope, serving);
  const summary = 'The main task of the model, as SageMaker calls it';
  for (const url of ['/', '/invocations']) {
    add({ url, summary, answer: MAIN_ANSWER, example: { inputs: INPUTS } }, mainTask);
  }
}

function addVectors(add: Add): void {
  add(
    {
      url: '/embed',
      summary: 'Vectors of texts',
      answer: tei.embedAnswer,
      example: { inputs: INPUTS },
    },
    embed,
  );
  add(
    {
      url: '/embed_all',
      summary: 'Vectors of tokens',
      answer: tei.embedAllAnswer,
      example: { inputs: 'a red car' },
    },
    embedAll,
  );
  add(
    {
      url: '/embed_sparse',
      summary: 'Refused: no model here has sparse vectors',
      description: 'Always an error: Sinter reads no SPLADE head.',
      answer: { description: 'Never sent.' },
      example: { inputs: INPUTS },
    },
    embedSparse,
  );
  add(
    {
      url: '/similarity',
      summary: 'Cosine similarity of a text to others',
      answer: tei.similarityAnswer,
      example: { inputs: { source_sentence: 'a red car', sentences: ['a fast car', 'rain'] } },
    },
    similarity,
  );
}

function addScores(add: Add): void {
  add(
    {
      url: '/predict',
      summary: 'Labels of texts',
      answer: tei.predictAnswer,
      example: { inputs: [['a fine film'], ['a dull film']] },
    },
    predict,
  );
  add(
    {
      url: '/rerank',
      summary: 'Texts in the order of how well they fit a query',
      answer: tei.rerankAnswer,
      example: { query: 'how warm is it?', texts: ['It is 30 degrees.', 'It is Monday.'] },
    },
    rerank,
  );
}

function addTokens(add: Add): void {
  add(
    {
      url: '/tokenize',
      summary: 'Tokens of texts',
      answer: tei.tokenizeAnswer,
      example: { inputs: 'a red car' },
    },
    tokenize,
  );
  add(
    {
      url: '/decode',
      summary: 'Texts of token ids',
      answer: tei.decodeAnswer,
      example: { ids: [101, 1037, 102] },
    },
    decode,
  );
}

/** What a model does without being asked for anything else. */
const MAIN: Readonly<Record<ServedTask, Operation<unknown>>> = {
  embed: embed as Operation<unknown>,
  classify: predict as Operation<unknown>,
  rerank: rerank as Operation<unknown>,
  tag: tagTexts as Operation<unknown>,
  answer: answer as Operation<unknown>,
  'fill-mask': fillMask as Operation<unknown>,
};

const MAIN_ANSWER: JsonSchema = {
  description:
    'As that of /embed, /predict, /rerank, or of /models/:name/tag, answer and fill-mask.',
};

const mainTask: Operation<unknown> = {
  body: {
    description:
      'As that of /embed, /predict, /rerank, or of /models/:name/tag, answer and fill-mask.',
  },
  async run(call, body) {
    const operation = MAIN[call.serving.models.find({ model: call.model }).task];
    const mistake = findMistake(operation.body, body, 'the body');
    if (mistake !== null) {
      const param = mistake.place === '' ? {} : { param: mistake.place };
      throw new RequestFailure('validation', mistake.message, param);
    }
    return operation.run(call, body);
  },
};

function addInfo(scope: FastifyInstance, serving: Serving): void {
  scope.route({
    method: 'GET',
    url: '/info',
    config: { dialect: 'tei' },
    schema: {
      tags: [TAG],
      summary: 'Facts of the model and the server',
      querystring: tei.modelQuery,
      response: { 200: { description: 'The answer.', ...tei.infoAnswer }, ...errorAnswers('tei') },
    },
    handler: async (request) =>
      infoAnswer(serving, serving.models.find({ model: namedModel(request) })),
  });
}
