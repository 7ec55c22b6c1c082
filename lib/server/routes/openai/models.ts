/**
 * `GET /v1/models` and `GET /v1/models/:id`: the served models in OpenAI's form.
 *
 * The rule: all models are listed, whatever they do; `task` tells, which OpenAI's form does not have.
 */
import type { FastifyInstance } from 'fastify';
import type { ServedInfo } from '../../contract.js';
import type { Serving } from '../../handling.js';
import { errorAnswers } from '../../schemas/failures.js';
import { modelEntry, modelList } from '../../schemas/openai.js';
import { model } from '../../schemas/parts.js';
import { object } from '../../schemas/schema.js';

const entryOf = ({ name, loadedAt, task, maxTokens, dimensions }: ServedInfo) => ({
  id: name,
  object: 'model',
  created: Math.floor(loadedAt / 1000),
  owned_by: 'sinter',
  task,
  max_tokens: maxTokens,
  ...(dimensions !== null && { dimensions }),
});

export function addModelRoutes(scope: FastifyInstance, serving: Serving, tag: string): void {
  const config = { dialect: 'openai' } as const;
  const errors = errorAnswers('openai');
  scope.route({
    method: 'GET',
    url: '/v1/models',
    config,
    schema: {
      tags: [tag],
      summary: 'The served models',
      response: { 200: { description: 'The answer.', ...modelList }, ...errors },
    },
    handler: async () => ({ object: 'list', data: serving.models.list().map(entryOf) }),
  });
  scope.route<{ Params: { id: string } }>({
    method: 'GET',
    url: '/v1/models/:id',
    config,
    schema: {
      tags: [tag],
      summary: 'One of them',
      params: object({ id: model }),
      response: { 200: { description: 'The answer.', ...modelEntry }, ...errors },
    },
    handler: async (request) => entryOf(serving.models.find({ model: request.params.id })),
  });
}
