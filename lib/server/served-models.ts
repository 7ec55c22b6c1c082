/**
 * The served models by name, and how a request names one.
 *
 * The rule: it knows nothing of HTTP, because users of the library see it.
 */
import type { ServedInfo, ServedTask } from './contract.js';

/** What a request asks of a model. */
export interface ModelCall {
  /**
   * Name of the model as the request gave it. Undefined where it gave none: then the only model with the task is meant;
   * several of them are `model-required`.
   */
  readonly model: string | undefined;
  /** The tasks that the route can do; another model is `wrong-model`. Left out: every model fits. */
  readonly tasks?: readonly ServedTask[];
}

/** The served models by name. */
export interface ServedModels {
  /** Facts of all models, in the order they were given. */
  list(): readonly ServedInfo[];
  /** Facts of one; undefined if no model has the name. */
  get(name: string): ServedInfo | undefined;
  /** Facts of the model that a call means, as `handle` finds it. Throws RequestFailure as `handle` does. */
  find(call: ModelCall): ServedInfo;
}
