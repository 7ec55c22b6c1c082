/**
 * `GET /models` and `GET /models/:name`: all facts of the served models.
 *
 * The rule: facts only, nothing that changes while a model is served; counts are in the metrics.
 */
import type { FastifyInstance } from 'fastify';
import type { ServedInfo } from '../../contract.js';
import type { Serving } from '../../handling.js';
import { errorAnswers } from '../../schemas/failures.js';
import { modelAnswer, modelsAnswer, nameParams } from '../../schemas/models.js';

const factsOf = ({ loadedAt, ...info }: ServedInfo) => ({
  ...info,
  loadedAt: new Date(loadedAt).toISOString(),
});

export function addListRoutes(scope: FastifyInstance, serving: Serving, tag: string): void {
  const config = { dialect: 'sinter' } as const;
  const errors = errorAnswers('sinter');
  scope.route({
    method: 'GET',
    url: '/models',
    config,
    schema: {
      tags: [tag],
      summary: 'Facts of the served models',
      response: { 200: { description: 'The answer.', ...modelsAnswer }, ...errors },
    },
    handler: async () => ({ models: serving.models.list().map(factsOf) }),
  });
  scope.route<{ Params: { name: string } }>({
    method: 'GET',
    url: '/models/:name',
    config,
    schema: {
      tags: [tag],
      summary: 'Facts of one of them',
      params: nameParams,
      response: { 200: { description: 'The answer.', ...modelAnswer }, ...errors },
    },
    handler: async (request) => factsOf(serving.models.find({ model: request.params.name })),
  });
}
