/**
 * The content of a model folder, independent of how it was read: the input of an architecture.
 *
 * An architecture turns it into a graph and says from which tensor each weight comes. It never reads files.
 */

import type { JsonObject } from '../core/json.js';
import type { HeadPlans } from './rewrite/head.js';
import type { Task } from './tasks.js';
import type { ActivationKind, EncoderGraph, PoolKind } from './types.js';

/** Shape of a stored tensor, and its dtype as in safetensors: F32, F16 ... */
export interface TensorInfo {
  readonly dtype: string;
  readonly shape: readonly number[];
}

/**
 * A step after pooling. `name` is its folder. Its weights are `name.linear.weight` [outputs, inputs] and `name.linear.bias`,
 * or `name.norm.weight` and `name.norm.bias`, both in the checkpoint and in the graph.
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
  /** Scales vectors to length 1. */
  | { readonly kind: 'normalize' };

/**
 * How vectors are compared, by the names that sentence-transformers uses; distances are negated, so that larger is more
 * similar.
 */
export type SimilarityName = 'cosine' | 'dot' | 'euclidean' | 'manhattan';

/** Settings in the sentence-transformers files of a folder. */
export interface SentenceSettings {
  /** Whether the model makes a vector per text or a score per pair. */
  readonly kind: 'embedding' | 'cross-encoder';
  /**
   * How token vectors become one vector. The results of several poolings are concatenated in this order. null if the folder
   * has no pooling module (the pooling is never guessed).
   */
  readonly pooling: readonly PoolKind[] | null;
  /** Steps after the pooling, in order. */
  readonly modules: readonly SentenceModule[];
  /** Longest text in tokens, special tokens included; null when not stated. */
  readonly maxTokens: number | null;
  /** Whether texts are lowercased before the tokenizer sees them. */
  readonly lowercase: boolean;
  /** Texts to put in front of an input, by name, and the name of the one that is used by default. */
  readonly prompts: Readonly<Record<string, string>>;
  readonly defaultPrompt: string | null;
  /** Whether the tokens of a prompt are pooled too. */
  readonly includePrompt: boolean;
  /** The similarity that the vectors were trained for. */
  readonly similarityFnName: SimilarityName;
  /** How many leading numbers of a vector are used; null: all. */
  readonly truncateDim: number | null;
  /** Python class of a cross-encoder's activation; null: not stated. */
  readonly activation: string | null;
  /** Keys of config_sentence_transformers.json that are not known here. */
  readonly ignored: readonly string[];
}

/** A model before it has a graph. `tensors` may also describe the weights of a graph in memory. */
export interface Checkpoint {
  /** Folder or name that the model came from, for messages. */
  readonly path: string;
  readonly config: JsonObject;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** null when the folder has no sentence-transformers files. */
  readonly sentence: SentenceSettings | null;
  /** Longest text in tokens as tokenizer_config.json states it; null if it does not. */
  readonly modelMaxLength?: number | null;
}

export type { Task } from './tasks.js';

/** The values of config.json's problem_type. */
export const CLASSIFICATION_PROBLEMS = [
  'single_label_classification',
  'multi_label_classification',
  'regression',
] as const;
export type ClassificationProblem = (typeof CLASSIFICATION_PROBLEMS)[number];

/** The task of the wanted graph, and its options. */
export interface GraphRequest {
  readonly task: Task;
  /**
   * classification and token-classification: names of the classes, as many as a trained head has. They also name the classes
   * of a new head, which is made if the checkpoint has no head or `newHead` is true. One is enough for a regression.
   */
  readonly labels?: readonly string[];
  /**
   * classification: the kind of problem. A trained head keeps the one in config.json; this one is used if config.json has
   * none. Default: 'single_label_classification'.
   */
  readonly problem?: ClassificationProblem;
  /** true: makes a new head even if the checkpoint has a trained one. Default: false. */
  readonly newHead?: boolean;
  /**
   * embedding: replaces the pooling of the sentence-transformers files, and sets whether the last step scales vectors to
   * length 1.
   */
  readonly pooling?: readonly PoolKind[];
  readonly normalize?: boolean;
  /** Longest text in tokens, at most the number of the model's positions. Default: the limit that the files state. */
  readonly maxTokens?: number;
}

/**
 * A weight that the checkpoint does not have, and its initial values: normal(0, deviation), truncated at `cutoff` deviations
 * if given; zeros; ones.
 */
export interface NewWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly init:
    | { readonly kind: 'normal'; readonly deviation: number; readonly cutoff?: number }
    | { readonly kind: 'zero' }
    | { readonly kind: 'one' };
}

/** The head of a graph. Together with the graph it decides the class of transformers that the model's folder names. */
export interface ModelHead {
  readonly task: Task;
  /** Class names in the order of the logits; null except for classification and token-classification. */
  readonly labels: readonly string[] | null;
  /** null except for classification. */
  readonly problem: ClassificationProblem | null;
}

/** What a head predicts that is saved apart from its encoder. */
export interface SavedHead {
  /** In the order of the logits. */
  readonly labels: readonly string[];
  /** null: they are labels of tokens. */
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
  /** Assumptions that the import made, a line each. */
  readonly notes: readonly string[];
  /** Names and form of new heads for this encoder. */
  readonly plans: HeadPlans;
  /** config.json with the request's changes: a saved model keeps the keys that the graph does not determine. */
  readonly config: JsonObject;
}
