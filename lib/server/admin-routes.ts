/**
 * Routes below /admin: what is served and how it fares, and loading a model again.
 *
 * The rule: they take a key of kind admin, or without keys a caller on this machine (access.ts).
 */
import type { FastifyInstance } from 'fastify';
import type { BatcherMetrics } from '../batching/batch-metrics.js';
import { SinterError } from '../core/errors.js';
import { RequestFailure } from './handling.js';
import type { ModelEntry, ModelRegistry } from './model-registry.js';
import type { ReloadReport } from './reload.js';

export interface AdminParts {
  readonly registry: ModelRegistry;
  reload(name: string): Promise<ReloadReport>;
}

export function addAdminRoutes(app: FastifyInstance, { registry, reload }: AdminParts): void {
  const config = { access: 'admin', dialect: 'sinter' } as const;
  const about = { summary: 'The models, their load and their shadows; for administrators' };
  app.get('/admin/models', { config, schema: about }, async () => ({
    models: registry.all().map(stateOf),
  }));
  const schema = {
    summary: 'Loads a model again and puts it in its place; for administrators',
    body: {
      type: 'object',
      required: ['model'],
      additionalProperties: false,
      properties: { model: { type: 'string' } },
    },
  } as const;
  app.post<{ Body: { readonly model: string } }>(
    '/admin/reload',
    { config, schema },
    async ({ body }) => {
      registry.named(body.model);
      try {
        return await reload(body.model);
      } catch (error) {
        throw asFailure(error);
      }
    },
  );
}

function stateOf({ info, held, gauge, shadow, reloading }: ModelEntry) {
  const { labels, prompts, ...facts } = info;
  const queues = held.metrics();
  return {
    ...facts,
    labels: labels.length,
    prompts: Object.keys(prompts),
    openRequests: gauge.requests,
    openTokens: gauge.tokens,
    tokensPerSecond: fastest(queues),
    queued: queues.reduce((sum, { queued }) => sum + queued, 0),
    cancelled: queues.reduce((sum, { cancelled }) => sum + cancelled, 0),
    reloading,
    shadow: shadow && {
      source: shadow.info.source,
      version: shadow.info.version,
      ...shadow.metrics(),
    },
  };
}

/** Tokens a second of the queue that computes most; null before a batch has ended. */
function fastest(queues: readonly BatcherMetrics[]): number | null {
  const rates = queues.map(({ tokensPerSecond }) => tokensPerSecond ?? 0);
  return Math.max(0, ...rates) || null;
}

/** Administrators may read why a model was not replaced. */
function asFailure(error: unknown): unknown {
  if (error instanceof SinterError && error.code === 'OVERLOADED') {
    return new RequestFailure('overloaded', error.message, { cause: error });
  }
  if (!(error instanceof SinterError || error instanceof RangeError)) return error;
  return new RequestFailure('validation', `the old model stays: ${error.message}`, {
    cause: error,
  });
}
