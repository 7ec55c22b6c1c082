/**
 * What the shared code needs to know of a family of encoders: how its config.json is read, how its encoder is built, what
 * its heads look like and what everything is called.
 *
 * A family is data and a few small functions; heads, weights, labels and config.json are made the same way for all.
 */

import type { JsonObject } from '../core/json.js';
import type { GraphBuilder } from '../graph/builder.js';
import type { Task } from '../graph/checkpoint.js';
import type { ActivationKind, PoolKind } from '../graph/types.js';
import type { ConfigReader } from './config-reader.js';
import type { GraphStructure } from './structure.js';

export type HeadTask = Exclude<Task, 'embedding'>;

/** dropout -> dense -> activation -> norm; module names are those of the file. */
export interface Transform {
  readonly name: string;
  readonly width: number;
  readonly activation: ActivationKind;
  /** Before the product. */
  readonly dropout?: number;
  /** Default: true. */
  readonly bias?: boolean;
  readonly norm?: { readonly name: string; readonly epsilon: number; readonly bias?: boolean };
}

/** rows -> transform -> dropout -> last product. */
export interface HeadPlan {
  /** What it works on; `pooler`: what the encoder's own pooler gives; a kind of pooling: that of the last hidden value. */
  readonly rows: 'pooler' | 'token' | 'selected' | PoolKind;
  readonly transform?: Transform;
  readonly dropout?: number;
  /** Module of the last product: `output.weight`, `output.bias`. */
  readonly output: string;
  /**
   * masked-lm: name of the bias when it is not `output.bias`, null without one. The weight is that of the token table
   * unless the config unties them.
   */
  readonly bias?: string | null;
}

/** One config.json of a family. */
export interface EncoderPlan {
  readonly vocabulary: number;
  readonly segments: number;
  /** Longest text in tokens. */
  readonly positions: number;
  readonly hidden: number;
  /** The token table: name (below the prefix) and width. */
  readonly tokens: { readonly name: string; readonly width: number };
  /** Module (below the prefix) of tanh(linear(first token)); null when the family's bare model has none. */
  readonly pooler: string | null;
  readonly heads: Readonly<Partial<Record<HeadTask, HeadPlan>>>;
  /** Whether a masked LM has a matrix of its own instead of the token table. */
  readonly untied: boolean;
  /** How a new matrix is drawn. */
  readonly init: (weight: string) => { readonly deviation: number; readonly cutoff?: number };
  /** Adds embeddings and layers with all `hidden` outputs; returns the last value. */
  readonly build: (builder: GraphBuilder, prefix: string) => string;
}

export interface Family {
  /** model_type in config.json, and EncoderGraph.architecture. */
  readonly modelType: string;
  /** Of its classes in transformers: `Bert` for BertModel, BertForMaskedLM. */
  readonly className: string;
  /** What stands before the encoder's names in the files of classes with a head: `bert.`; not empty. */
  readonly prefix: string;
  /** Throws CORRUPT_MODEL or UNSUPPORTED_MODEL naming file and key. `has`: whether the checkpoint has a tensor. */
  readonly read: (reader: ConfigReader, has: (tensor: string) => boolean) => EncoderPlan;
  /** The keys of config.json that a graph says, whatever its weights are called. */
  readonly keys: (structure: GraphStructure, base: JsonObject) => JsonObject;
}

/** The class that transformers loads such a folder with. */
export function classOf({ className }: Family, task: Task): string {
  return className + CLASS_SUFFIX[task];
}

/**
 * The task of the class in config.json's `architectures`, of this family or another; of a class with a head that Sinter does
 * not know its name. null where nothing is stated, or a class of pretraining.
 */
export function statedTask({ architectures }: JsonObject): Task | string | null {
  const [name] = Array.isArray(architectures) ? architectures : [];
  if (typeof name !== 'string') return null;
  const known = HEAD_TASKS.find((task) => name.endsWith(CLASS_SUFFIX[task].slice(3)));
  if (known !== undefined) return known;
  if (name.endsWith('Model')) return 'embedding';
  return /For[A-Z]/.test(name) && !/For(PreTraining|CausalLM)$/.test(name) ? name : null;
}

const CLASS_SUFFIX: Readonly<Record<Task, string>> = {
  embedding: 'Model',
  classification: 'ForSequenceClassification',
  'token-classification': 'ForTokenClassification',
  'question-answering': 'ForQuestionAnswering',
  'masked-lm': 'ForMaskedLM',
};

/** All tasks that have a head. */
export const HEAD_TASKS: readonly HeadTask[] = [
  'classification',
  'token-classification',
  'question-answering',
  'masked-lm',
];
