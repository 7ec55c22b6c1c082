/**
 * The server's part of an app: hooks, routes and models, for `createServer` and for an app of the user.
 *
 * The rule: what is set here holds in this part only; the rest of the user's app stays as it is.
 */
import type { FastifyInstance } from 'fastify';
import { packageVersion } from '../core/package-files.js';
import { addAdminRoutes } from './admin-routes.js';
import type { Serving } from './handling.js';
import { addHealthRoutes } from './health-routes.js';
import { collectRoutes } from './openapi/index.js';
import { addRequestHooks } from './request-hooks.js';
import { registerRoutes } from './routes/index.js';
import { useJsonBody } from './routes/json-body.js';
import { useSchemas } from './routes/route.js';
import { RequestServer } from './serve-request.js';
import { batchTokensOf } from './server-options.js';
import type { ServingCore } from './serving-core.js';

/** What the routes get. */
export function servingOf(core: ServingCore): Serving {
  const { settings, registry, admission, life } = core;
  const { handle, handlePlain } = new RequestServer({ registry, admission, life, settings });
  return {
    models: registry,
    limits: {
      maxConcurrentRequests: settings.maxConcurrentRequests,
      maxClientBatchSize: settings.maxClientBatchSize,
      maxBatchTokens: batchTokensOf(settings),
      bodyLimit: settings.bodyLimit,
      autoTruncate: settings.autoTruncate,
    },
    version: packageVersion(),
    handle,
    handlePlain,
  };
}

/** Adds hooks and routes to a part of an app. */
export async function addServing(app: FastifyInstance, core: ServingCore): Promise<void> {
  const { settings, life, registry } = core;
  useJsonBody(app);
  useSchemas(app);
  app.addHook('onRoute', (route) => {
    route.bodyLimit ??= settings.bodyLimit;
  });
  addRequestHooks(app, { settings, life });
  if (settings.corsAllowOrigins.length > 0) {
    // The hook has answered what a browser asks for; other requests learn what there is.
    const config = { access: 'open' } as const;
    app.options('*', { config, schema: { hide: true } }, async (_, reply) =>
      reply.code(204).send(),
    );
  }
  core.observability.onProblem = (what, error) => app.log.warn({ err: error }, what);
  core.observability.addTracing(app);
  const serving = servingOf(core);
  await collectRoutes(app, serving.version);
  addHealthRoutes(app, life);
  addAdminRoutes(app, { registry, reload: (name) => core.reload(name) });
  core.observability.addRoutes(app);
  await registerRoutes(app, serving);
}
