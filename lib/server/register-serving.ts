/** The server's part in an app of the user: loads the models, and frees them when the app closes. */
import type { FastifyInstance } from 'fastify';
import type { SinterPluginOptions } from './index.js';
import { readModels } from './model-source.js';
import { addServing } from './plugin.js';
import { readServing, SERVING_OPTIONS } from './server-options.js';
import { ServingCore } from './serving-core.js';

/** Time for the answers of open requests when the app closes. */
const DRAIN_MS = 30_000;

export async function registerServing(
  app: FastifyInstance,
  options: SinterPluginOptions,
): Promise<void> {
  const where = 'sinterPlugin';
  // fastify adds the prefix and what else it knows of a plugin.
  const {
    models,
    prefix: _,
    ...rest
  } = options as SinterPluginOptions & {
    readonly prefix?: string;
  };
  const given = readModels(where, models);
  const core = await ServingCore.load(given, readServing(where, rest, SERVING_OPTIONS));
  app.addHook('onReady', async () => {
    // Not awaited: an app has ten seconds to be ready. Until then /readyz says 503.
    core.warmUp().catch((error: unknown) => app.log.error(error, 'a model could not run'));
  });
  app.addHook('preClose', async () => {
    void core.life.drain(DRAIN_MS);
  });
  app.addHook('onClose', () => core.close());
  await addServing(app, core);
}
