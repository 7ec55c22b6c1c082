/**
 * The server as users of the library meet it.
 *
 * The rule: fastify is loaded by the first call, so that who serves nothing pays nothing.
 */
import type { ModelsToServe } from './model-source.js';
import type { ServerOptions, ServingOptions } from './server-options.js';
import type { SinterServer } from './sinter-server.js';

export type { KeyLimits } from './key-limits.js';
export type { ApiKeyOptions } from './keys.js';
export type {
  CanaryOptions,
  ModelKind,
  ModelSource,
  ModelsToServe,
  ShadowSource,
} from './model-source.js';
export type { ReloadReport } from './reload.js';
export type { ModelCall, ServedModels } from './served-models.js';
export type {
  LogLevel,
  ServedBatchOptions,
  ServerLogger,
  ServerOptions,
  ServingOptions,
} from './server-options.js';
export type { SinterServer } from './sinter-server.js';

/**
 * Loads models and makes a server of them; nothing listens before `listen()`. `models`: by name, loaded models (which stay the
 * caller's) or where to load them from. Throws TypeError or RangeError for a wrong option, and what `load` throws.
 */
export async function createServer(
  models: ModelsToServe,
  options: ServerOptions = {},
): Promise<SinterServer> {
  const { makeServer } = await import('./create-server.js');
  return makeServer(models, options);
}

/** Options of `sinterPlugin`. */
export interface SinterPluginOptions extends ServingOptions {
  /** As for `createServer`. */
  readonly models: ModelsToServe;
}

/**
 * The routes of the server in an app of one's own: `app.register(sinterPlugin, { prefix: '/ai', models })`. Models are loaded
 * before the app is ready: pass loaded ones, or raise the app's `pluginTimeout`. They are freed when the app closes. `app` is what
 * fastify passes.
 */
export async function sinterPlugin(app: object, options: SinterPluginOptions): Promise<void> {
  const { registerServing } = await import('./register-serving.js');
  await registerServing(app as never, options);
}
