/**
 * What the shared code needs to know of a family of encoders: how its config.json is read, how its encoder is built, what
 * its heads look like and what everything is called.
 *
 * A family is data and a few small functions; heads, weights, labels and config.json are made the same way for all.
 */

import type { JsonObject } from '../core/json.js';
import type { GraphBuilder } from '../graph/builder.js';
import type { HeadPlans } from '../graph/rewrite/head.js';
import { HEAD_TASKS, TASKS, type Task } from '../graph/tasks.js';
import type { ConfigReader } from './config-reader.js';
import type { GraphStructure } from './structure.js';

/** One config.json of a family. */
export interface EncoderPlan extends Omit<HeadPlans, 'prefix'> {
  readonly vocabulary: number;
  readonly segments: number;
  readonly hidden: number;
  /** The token table: name (below the prefix) and width. */
  readonly tokens: { readonly name: string; readonly width: number };
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
  return className + TASKS[task].classSuffix;
}

/**
 * The task of the class in config.json's `architectures`, of this family or another; of a class with a head that Sinter does
 * not know its name. null where nothing is stated, or a class of pretraining.
 */
export function statedTask({ architectures }: JsonObject): Task | string | null {
  const [name] = Array.isArray(architectures) ? architectures : [];
  if (typeof name !== 'string') return null;
  const known = HEAD_TASKS.find((task) => name.endsWith(TASKS[task].classSuffix.slice(3)));
  if (known !== undefined) return known;
  if (name.endsWith('Model')) return 'embedding';
  return /For[A-Z]/.test(name) && !/For(PreTraining|CausalLM)$/.test(name) ? name : null;
}
