/**
 * All parts of a model.
 *
 * Parts are never changed in place: a call that changes a model makes new parts.
 */

import type { JsonObject } from '../core/json.js';
import type { ModelHead, SentenceSettings } from '../graph/checkpoint.js';
import type { HeadPlans } from '../graph/rewrite/head.js';
import type { EncoderGraph } from '../graph/types.js';
import type { TextTokenizer } from '../tokenize/text-tokenizer.js';
import type { Adapter } from './adapter.js';
import type { SharedProgram } from './shared-program.js';

export interface ModelParts {
  /** Where it was loaded from, for messages. */
  readonly path: string;
  readonly graph: EncoderGraph;
  readonly program: SharedProgram;
  readonly tokenizer: TextTokenizer;
  /** Content of config.json when the model was loaded. A saved config.json is made from the graph. */
  readonly config: JsonObject;
  /** Settings in the files of sentence-transformers, for an embedding model or a cross-encoder; null without such files. */
  readonly sentence: SentenceSettings | null;
  /** Longest text as tokenizer_config.json states it; null when it does not. */
  readonly modelMaxLength: number | null;
  /** The model that it was loaded from, as the caller named it: a path or an id. */
  readonly base: string;
  /** true: its weights were changed since it was loaded, so they are no longer those of `base`. */
  readonly isChanged?: boolean;
  /** Options of its last training (training-record.ts); null if unknown. */
  readonly training: JsonObject | null;
  /** Record of the compression that made it; left out: it was not compressed, or changed since then. */
  readonly compression?: JsonObject;
  /** The adapter that its last training made; its weights hold it already. Left out: there was none. */
  readonly adapter?: Adapter;
  readonly head: ModelHead;
  /** Form and names of new heads over its encoder. */
  readonly plans: HeadPlans;
  readonly origin: Origin;
}

/** Where the weights came from, as far as known. */
export interface Origin {
  /** Names of weights that were initialised at random and never trained. */
  readonly untrained: readonly string[];
  /** Tensors of the files that the model does not use. */
  readonly unused: readonly string[];
  /** Assumptions that were made when it was loaded, a line each. */
  readonly notes: readonly string[];
}
