/**
 * What a model folder says, independent of where it was read: the input of an architecture.
 *
 * An architecture turns it into a graph plus the answer to "where does each weight come from"; it
 * never reads files.
 */

import type { JsonObject } from '../core/json.js';
import type { HeadPlans } from './rewrite/head.js';
import type { Task } from './tasks.js';
import type { ActivationKind, EncoderGraph, PoolKind } from './types.js';

/** Name, dtype (as in safetensors: F32, F16 ...) and shape of a stored tensor. */
export interface TensorInfo {
  readonly dtype: string;
  readonly shape: readonly number[];
}

/**
 * A step after pooling. `name` is its folder; its weights are `name.linear.weight` [outputs, inputs] and
 * `name.linear.bias`, or `name.norm.weight` and `name.norm.bias`, both in the tensors of the checkpoint and in the graph.
 */
export type SentenceModule =
  | {
      readonly kind: 'dense';
      readonly name: string;
      readonly inputs: number;
      readonly outputs: number;
      readonly bias: boolean;
      readonly activation: ActivationKind;
    }
  /** Epsilon is PyTorch's 1e-5. */
  | { readonly kind: 'layer-norm'; readonly name: string; readonly width: number }
  /** Vectors are scaled to length 1. */
  | { readonly kind: 'normalize' };

/** How vectors are compared, by the names of sentence-transformers; distances are taken as negative numbers. */
export type SimilarityName = 'cosine' | 'dot' | 'euclidean' | 'manhattan';

/** What the sentence-transformers files of a folder say. */
export interface SentenceSettings {
  /** Whether the folder gives a vector per text, or a score per pair. */
  readonly kind: 'embedding' | 'cross-encoder';
  /**
   * How token vectors become one vector; several are put side by side in this order. null when no pooling
   * module is there (it is never guessed).
   */
  readonly pooling: readonly PoolKind[] | null;
  /** What follows the pooling, in order. */
  readonly modules: readonly SentenceModule[];
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
  /** Whether the tokens of a prompt are pooled too. */
  readonly includePrompt: boolean;
  /** What the vectors were trained to be compared by. */
  readonly similarityFnName: SimilarityName;
  /** How many numbers of a vector are used, from its first; null: all. */
  readonly truncateDim: number | null;
  /** Python class of a cross-encoder's activation; null: not stated. */
  readonly activation: string | null;
  /** Keys of config_sentence_transformers.json that nobody knows. */
  readonly ignored: readonly string[];
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
  /** Longest text in tokens as tokenizer_config.json states it; null when it does not. */
  readonly modelMaxLength?: number | null;
}

export type { Task } from './tasks.js';

/** As config.json's problem_type says it. */
export type ClassificationProblem =
  | 'single_label_classification'
  | 'multi_label_classification'
  | 'regression';

/** What the graph is wanted for. */
export interface GraphRequest {
  readonly task: Task;
  /**
   * classification and token-classification: names for the classes of the trained head, as many as it has; where the
   * checkpoint has none, or with `newHead`, those of a new one. One is enough for a regression.
   */
  readonly labels?: readonly string[];
  /**
   * classification: what the head is for. Default: 'single_label_classification'. A trained head keeps what config.json
   * says; only where that says nothing, this decides.
   */
  readonly problem?: ClassificationProblem;
  /** true: a new head, also in place of a trained one. Default: false. */
  readonly newHead?: boolean;
  /**
   * embedding: replaces what the sentence-transformers files say about pooling, and whether the last step
   * scales vectors to length 1.
   */
  readonly pooling?: readonly PoolKind[];
  readonly normalize?: boolean;
  /** The length limit, at most what the model has positions for. Default: what the files state. */
  readonly maxTokens?: number;
}

/** A weight that the checkpoint does not have: normal(0, deviation), cut at `cutoff` deviations where that is stated; zeros; ones. */
export interface NewWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly init:
    | { readonly kind: 'normal'; readonly deviation: number; readonly cutoff?: number }
    | { readonly kind: 'zero' }
    | { readonly kind: 'one' };
}

/** What a graph's head is: with the graph it says which class of transformers its folder is of. */
export interface ModelHead {
  readonly task: Task;
  /** Names in the order of the logits; null but for classification and token-classification. */
  readonly labels: readonly string[] | null;
  /** null but for classification. */
  readonly problem: ClassificationProblem | null;
}

/** A checkpoint as a graph. Every weight of the graph is either in `sources` or in `created`. */
export interface ImportedModel extends ModelHead {
  readonly graph: EncoderGraph;
  /** Weight name in the graph -> tensor name in the checkpoint. */
  readonly sources: ReadonlyMap<string, string>;
  readonly created: readonly NewWeight[];
  /** Tensors of the checkpoint that the graph does not use. */
  readonly unused: readonly string[];
  /** What was taken for something, a line each. */
  readonly notes: readonly string[];
  /** Where a new head's names and form come from. */
  readonly plans: HeadPlans;
  /** What config.json said, and what the request changed in it: a saved model keeps the keys that no graph says. */
  readonly config: JsonObject;
}
