/**
 * What a model folder or an ONNX file is for, as its config.json and its weights say: the class of transformers that it is of, and
 * the head that it has.
 */

import { graphFromCheckpoint, taskOfConfig } from '../architectures/index.js';
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
  /** null but for classification. */
  readonly problem: ClassificationProblem | null;
  /** Whether config.json states the problem; else the caller decides. */
  readonly stated: boolean;
  /** Of classification and token classification; else null. */
  readonly labels: readonly string[] | null;
  /** Whether the one label is a score of a pair: a cross-encoder. */
  readonly scorer: boolean;
}

/** Reads the folder's small files; of an ONNX file all of it. CORRUPT_MODEL where there is no model at all. */
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
  // Encoders are often trained further from a language model and keep its name.
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

/** Whether config.json has what sentence-transformers writes for a cross-encoder: now, and before version 4. */
export function isScorer(config: JsonObject): boolean {
  const { sentence_transformers: own } = config;
  const stated = isJsonObject(own)
    ? own.activation_fn
    : config.sbert_ce_default_activation_function;
  return typeof stated === 'string';
}
