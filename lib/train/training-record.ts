/** The record of a training for training.json beside the model: enough to run the training again. */

import type { JsonObject } from '../core/json.js';
import { packageVersion } from '../core/package-files.js';
import type { ModelParts } from '../runtime/model-parts.js';
import type { TrainSettings } from './train-options.js';
import type { TrainReport } from './train-report.js';

/** The content of training.json. `maxTokens`: the limit at which rows were truncated. `method`: which weights were trained. */
export function trainingRecord(
  { base, head }: ModelParts,
  settings: TrainSettings & { readonly maxTokens: number; readonly method: string },
  { rows, truncated, steps }: TrainReport<unknown>,
): JsonObject {
  return {
    sinter: packageVersion(),
    node: process.versions.node,
    base,
    task: head.task,
    settings: { ...settings },
    rows,
    truncated,
    steps: steps.length,
  };
}
