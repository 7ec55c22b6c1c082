/**
 * What a training used, as training.json beside the model says it: enough to run it again.
 */

import type { JsonObject } from '../core/json.js';
import { packageVersion } from '../core/package-files.js';
import type { ModelParts } from '../runtime/model-parts.js';
import type { TrainSettings } from './train-options.js';
import type { TrainReport } from './train-report.js';

/** `maxTokens`: where its rows were cut. */
export function trainingRecord(
  { base, head }: ModelParts,
  settings: TrainSettings & { readonly maxTokens: number },
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
