/**
 * What a model folder says, independent of where it was read: the input of an architecture.
 *
 * An architecture turns it into a graph plus the answer to "where does each weight come from"; it
 * never reads files.
 */

import type { JsonObject } from '../core/json.js';
import type { EncoderGraph, PoolKind } from './types.js';

/** Name, dtype (as in safetensors: F32, F16 ...) and shape of a stored tensor. */
export interface TensorInfo {
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** What the sentence-transformers files of a folder say. */
export interface SentenceSettings {
  /**
   * How token vectors become one vector; null when no pooling module is there (it is never
   * guessed).
   */
  readonly pooling: PoolKind | null;
  /** Whether vectors are scaled to length 1. */
  readonly normalize: boolean;
  /** Longest text in tokens, special tokens included; null when not stated. */
  readonly maxTokens: number | null;
  /** Whether texts are lowercased before the tokenizer sees them. */
  readonly lowercase: boolean;
  /**
   * Named texts to put in front of an input, and the name of the one that is used without being
   * asked for.
   */
  readonly prompts: Readonly<Record<string, string>>;
  readonly defaultPrompt: string | null;
}

/**
 * A model before it has a graph. `tensors` may also be the weights of a graph that is already in
 * memory.
 */
export interface Checkpoint {
  /** Where it came from, for messages: a folder or a name. */
  readonly path: string;
  readonly config: JsonObject;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** null when the folder has no sentence-transformers files. */
  readonly sentence: SentenceSettings | null;
}

export type Task = 'embedding' | 'classification';

/** What the graph is wanted for. */
export interface GraphRequest {
  readonly task: Task;
  /** classification: the labels of the head; left out, the checkpoint must have a trained head. */
  readonly labels?: readonly string[];
  /**
   * embedding: replaces what the sentence-transformers files say about pooling and normalisation.
   */
  readonly pooling?: PoolKind;
  readonly normalize?: boolean;
  /** Lowers the length limit. */
  readonly maxTokens?: number;
}

/** A weight that the checkpoint does not have: normal(0, deviation), or zeros. */
export interface NewWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly init:
    | { readonly kind: 'normal'; readonly deviation: number }
    | { readonly kind: 'zero' };
}

/** A checkpoint as a graph. Every weight of the graph is either in `sources` or in `created`. */
export interface ImportedModel {
  readonly graph: EncoderGraph;
  /** Weight name in the graph -> tensor name in the checkpoint. */
  readonly sources: ReadonlyMap<string, string>;
  readonly created: readonly NewWeight[];
  /** config.json of the graph as it is now; keys that Sinter does not know are kept. */
  readonly config: JsonObject;
  /** Label names in the order of the logits; null without a classification head. */
  readonly labels: readonly string[] | null;
}
