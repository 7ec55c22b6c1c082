/**
 * Everything a model consists of.
 *
 * Parts are values: what changes a model makes new parts.
 */

import type { JsonObject } from '../core/json.js';
import type { ModelHead, SentenceSettings } from '../graph/checkpoint.js';
import type { HeadPlans } from '../graph/rewrite/head.js';
import type { EncoderGraph } from '../graph/types.js';
import type { TextTokenizer } from '../tokenize/text-tokenizer.js';
import type { SharedProgram } from './shared-program.js';

export interface ModelParts {
  /** Where it was loaded from, for messages. */
  readonly path: string;
  readonly graph: EncoderGraph;
  readonly program: SharedProgram;
  readonly tokenizer: TextTokenizer;
  /** What config.json said; what is written is made from the graph. */
  readonly config: JsonObject;
  /** What the files of sentence-transformers say, of an embedding model or a cross-encoder; null without. */
  readonly sentence: SentenceSettings | null;
  /** Longest text as tokenizer_config.json states it; null when it does not. */
  readonly modelMaxLength: number | null;
  /** The model that it was loaded as, in the caller's words: a path or an id. */
  readonly base: string;
  /** What its last training used (training-record.ts); null where nothing is known. */
  readonly training: JsonObject | null;
  readonly head: ModelHead;
  /** What new heads over its encoder look like. */
  readonly plans: HeadPlans;
  readonly origin: Origin;
}

/** What is known of where the weights came from. */
export interface Origin {
  /** Weights that were drawn and never trained. */
  readonly untrained: readonly string[];
  /** Tensors of the files that the model does not use. */
  readonly unused: readonly string[];
  /** What was taken for something when it was loaded, a line each. */
  readonly notes: readonly string[];
}
