/** `readTrainConfig`: options of a training from a file. */

import { readOptions } from '../core/options.js';
import type { MethodOption } from '../models/train-method.js';
import type { EmbeddingLossOptions } from '../tasks/embedding/loss-options.js';
import type { ClassifierLossOptions } from '../tasks/text-classification/loss-options.js';
import type { TrainOptions } from '../train/train-options.js';

/** Options of every training that a file can say. */
export type TrainConfig = TrainOptions & MethodOption & { readonly maxTokens?: number };

/** Which options a file may have beside those of every training. */
export interface TrainConfigOptions {
  /** `classifier`: those of losses of classifiers and regressions. `encoder`: those of `Encoder.train`. Default: none. */
  readonly model?: 'classifier' | 'encoder';
}

/**
 * Reads the options of a training from a YAML or JSON file: `model.train(rows, await readTrainConfig('train.yaml'))`. Keys are
 * the names of options here, or those of TrainingArguments in transformers 4 and 5; options that the file leaves out have the
 * defaults of Sinter. Throws INVALID_DATA with file and line: for a key that is not known (with the nearest name), a value
 * that an option cannot have, and a setting of TrainingArguments that cannot be kept to here. Paths are as in `train`.
 */
export async function readTrainConfig(
  path: string,
  options: { readonly model: 'classifier' },
): Promise<TrainConfig & Omit<ClassifierLossOptions<never>, 'teacher'>>;
export async function readTrainConfig(
  path: string,
  options: { readonly model: 'encoder' },
): Promise<TrainConfig & EmbeddingLossOptions>;
export async function readTrainConfig(
  path: string,
  options?: TrainConfigOptions,
): Promise<TrainConfig>;
export async function readTrainConfig(
  path: string,
  options: TrainConfigOptions = {},
): Promise<object> {
  const where = 'readTrainConfig';
  const read = readOptions(where, options, { model: true });
  const model = read.choice('model', undefined, ['classifier', 'encoder']);
  const { configNames, configuredOptions, withoutIdleSteps } = await import('./train-config.js');
  const found = await configuredOptions(path, configNames(model));
  const all = Object.fromEntries(found.map(({ name, value }) => [name, value]));
  return withoutIdleSteps(all);
}
