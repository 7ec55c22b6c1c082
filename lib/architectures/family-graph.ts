/**
 * Builds the graph of a config.json alone, without any tensors.
 *
 * The graph shows what a model of that family would compute and how its weights would be named.
 */

import type { JsonObject } from '../core/json.js';
import type { Task } from '../graph/checkpoint.js';
import type { EncoderGraph } from '../graph/types.js';
import { assemble } from './assemble.js';
import { ConfigReader } from './config-reader.js';
import type { Family } from './family.js';
import { statedCount } from './stored-labels.js';

export interface FamilyRequest {
  readonly task: Task;
  /** classification and token-classification: the number of labels. Default: the number in id2label or num_labels, else 2. */
  readonly labels?: number;
  /** embedding: whether the graph has the encoder's pooler. Default: true. */
  readonly pooler?: boolean;
  /** Longest text in tokens, if it is less than the number of positions. */
  readonly maxTokens?: number;
}

/** The graph of `config`. Throws CORRUPT_MODEL or UNSUPPORTED_MODEL if Sinter cannot read the config. */
export function graphOfConfig(
  family: Family,
  config: JsonObject,
  request: FamilyRequest,
): EncoderGraph {
  const reader = new ConfigReader(config, family.modelType);
  const plan = family.read(reader, () => false);
  const { task, labels = labelsOf(reader) } = request;
  if (task !== 'embedding' && plan.heads[task] === undefined) {
    throw reader.unsupported(`task ${task} for model_type ${family.modelType}`);
  }
  const maxTokens = Math.min(plan.positions, request.maxTokens ?? plan.positions);
  const { pooler = true } = request;
  return assemble(family, plan, { task, labels, pooler, sentence: null, maxTokens });
}

function labelsOf(reader: ConfigReader): number {
  return statedCount(reader.config) ?? reader.whole('num_labels', 2, 1);
}
