/**
 * The description of a family of encoders for the shared code: how config.json is read, how the encoder is built, and the
 * forms and names of its heads.
 *
 * A family is data and a few small functions; heads, weights, labels and config.json are made in the same way for all.
 */

import type { JsonObject } from '../core/json.js';
import type { GraphBuilder } from '../graph/builder.js';
import type { HeadPlans } from '../graph/rewrite/head.js';
import { HEAD_TASKS, TASKS, type Task } from '../graph/tasks.js';
import type { ConfigReader } from './config-reader.js';
import type { GraphStructure } from './structure.js';

/** The encoder that a config.json of a family describes. */
export interface EncoderPlan extends Omit<HeadPlans, 'prefix'> {
  readonly vocabulary: number;
  readonly segments: number;
  readonly hidden: number;
  /** Name (after the prefix) and width of the token table. */
  readonly tokens: { readonly name: string; readonly width: number };
  /** Adds embeddings and layers, with all `hidden` outputs; returns the last value. */
  readonly build: (builder: GraphBuilder, prefix: string) => string;
}

export interface Family {
  /** model_type in config.json, also the graph's `architecture`. */
  readonly modelType: string;
  /** First part of its class names in transformers: `Bert` for BertModel, BertForMaskedLM. */
  readonly className: string;
  /** Prefix of the encoder's names in the files of classes with a head: `bert.`; not empty. */
  readonly prefix: string;
  /**
   * Reads a config.json. Throws CORRUPT_MODEL or UNSUPPORTED_MODEL that names file and key. `has` tells whether the
   * checkpoint has a tensor.
   */
  readonly read: (reader: ConfigReader, has: (tensor: string) => boolean) => EncoderPlan;
  /** The keys of config.json that follow from the graph, whatever the names of its weights. */
  readonly keys: (structure: GraphStructure, base: JsonObject) => JsonObject;
}

/** Name of the class of transformers that loads such a folder. */
export function classNameOf({ className }: Family, task: Task): string {
  return className + TASKS[task].classSuffix;
}

/**
 * The task of the class in config.json's `architectures`, whatever its family. For a class with a head that Sinter does not
 * know, the class name. null if no class is stated, or a class for pretraining.
 */
export function statedTask({ architectures }: JsonObject): Task | string | null {
  const [name] = Array.isArray(architectures) ? architectures : [];
  if (typeof name !== 'string') return null;
  const known = HEAD_TASKS.find((task) => name.endsWith(TASKS[task].classSuffix.slice(3)));
  if (known !== undefined) return known;
  if (name.endsWith('Model')) return 'embedding';
  return /For[A-Z]/.test(name) && !/For(PreTraining|CausalLM)$/.test(name) ? name : null;
}
