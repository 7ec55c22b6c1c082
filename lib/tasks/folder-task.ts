/**
 * Finds the task of a model folder or an ONNX file from its config.json and its weights: the class of transformers that is
 * stated, and the head that is there.
 */

import { checkFamily, graphFromCheckpoint, taskOfConfig } from '../architectures/index.js';
import { findOnnxFile } from '../checkpoint/find-onnx.js';
import type { LoadSettings } from '../checkpoint/load-model.js';
import { openOnnxFolder } from '../checkpoint/onnx/open-onnx.js';
import { readQuantizedTensors, withoutQuantizationConfig } from '../checkpoint/quantized-folder.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import { readHfFolder } from '../formats/hf-folder.js';
import type { Checkpoint, ClassificationProblem } from '../graph/checkpoint.js';
import { TASKS, type Task } from '../graph/tasks.js';

export interface FolderTask {
  readonly task: Task;
  /** null except for classification. */
  readonly problem: ClassificationProblem | null;
  /** Whether config.json states the problem; if not, the caller decides. */
  readonly stated: boolean;
  /** Class names for classification and token-classification; else null. */
  readonly labels: readonly string[] | null;
  /** Whether the model is a cross-encoder, whose one label is the score of a pair. */
  readonly scorer: boolean;
}

/**
 * The task of a model. It reads only the small files of a folder, but all of an ONNX file. Throws CORRUPT_MODEL if there is
 * no model.
 */
export async function folderTask(
  path: string,
  { firstPosition }: Pick<LoadSettings, 'firstPosition'> = {},
): Promise<FolderTask> {
  const onnx = await findOnnxFile(path);
  const folder =
    onnx === null
      ? await readHfFolder(path)
      : await openOnnxFolder(onnx, {
          where: 'load',
          signal: undefined,
          widen: false,
          firstPosition,
        });
  await folder.close();
  // An encoder that was trained from a language model often keeps the class name of that.
  if (folder.sentence?.kind === 'embedding') return EMBEDDING;
  const found = taskOf(folder);
  return folder.sentence === null ? found : { ...found, scorer: found.labels?.length === 1 };
}

const EMBEDDING = {
  task: 'embedding',
  problem: null,
  stated: false,
  labels: null,
  scorer: false,
} as const;

function taskOf({ path, config, tensors, sentence }: Checkpoint): FolderTask {
  checkFamily({ path, config });
  const task = taskOfConfig(config);
  if (task === 'embedding') return EMBEDDING;
  if (!TASKS[task].labelled) return { ...EMBEDDING, task };
  const stored = readQuantizedTensors(path, config, tensors);
  const checkpoint = {
    path,
    config: withoutQuantizationConfig(config),
    tensors: stored.tensors,
    sentence,
  };
  const { problem, labels } = graphFromCheckpoint(checkpoint, { task });
  const stated = (config.problem_type ?? null) !== null;
  return { task, problem, labels, stated, scorer: labels?.length === 1 && isScorer(config) };
}

/**
 * Whether config.json has a key that sentence-transformers writes for a cross-encoder, in the current form or that before
 * version 4.
 */
export function isScorer(config: JsonObject): boolean {
  const { sentence_transformers: own } = config;
  const stated = isJsonObject(own)
    ? own.activation_fn
    : config.sbert_ce_default_activation_function;
  return typeof stated === 'string';
}
