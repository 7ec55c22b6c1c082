/** A server of models as its user sees it. */
import type { ApiKeyOptions } from './keys.js';
import type { ModelSource } from './model-source.js';
import type { ReloadReport } from './reload.js';
import type { ServedModels } from './served-models.js';

/** A server of models. Make it with `createServer`. */
export interface SinterServer extends AsyncDisposable {
  /**
   * The app of fastify, for routes and hooks of one's own before `listen`: `server.app as FastifyInstance`. The types of this
   * package name no other package.
   */
  readonly app: object;
  readonly models: ServedModels;
  readonly state: 'starting' | 'ready' | 'draining';
  /** Requests that models are answering. */
  readonly openRequests: number;
  /**
   * Opens the port, runs every model once with its largest batch, and resolves with the address when the server is ready.
   * Rejects with the error of the system where the port cannot be opened, and with that of a model that cannot run.
   */
  listen(): Promise<string>;
  /**
   * Loads a model again, from where it came or from `source`, and puts it in its place. Rejects where it does not fit, and with RangeError
   * where `source` has other limits or another shadow; the old model then stays.
   */
  reload(name: string, source?: ModelSource): Promise<ReloadReport>;
  /**
   * Puts other API keys in the place of those of `createServer`, for all requests from now on. A key whose name and limits were there goes on
   * with what its callers have used. Throws TypeError or RangeError for keys that are wrong, and where none is left; the old ones then stay.
   */
  setApiKeys(keys: readonly ApiKeyOptions[]): void;
  /** The metrics of this process in Prometheus' text format, as `GET /metrics` has them. */
  metrics(): string;
  /** Takes no more requests, answers those that were accepted for `drainSeconds`, and frees the models. May be called twice. */
  close(): Promise<void>;
}
