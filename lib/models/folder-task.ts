/**
 * What a model folder or an ONNX file is for, as its config.json says: the class of transformers that it is of.
 */

import { isJsonObject, type JsonObject } from '../core/json.js';
import { readHfFolder } from '../formats/hf-folder.js';
import type { ClassificationProblem, Task } from '../graph/checkpoint.js';
import { findOnnxFile } from './find-onnx.js';

export interface FolderTask {
  readonly task: Task;
  /** null but for classification. */
  readonly problem: ClassificationProblem | null;
  /** Whether the one label is a score of a pair: a cross-encoder. */
  readonly scorer: boolean;
}

/** Endings of the class names in `architectures`. */
const ENDINGS: readonly (readonly [string, Task])[] = [
  ['ForSequenceClassification', 'classification'],
  ['ForTokenClassification', 'token-classification'],
  ['ForQuestionAnswering', 'question-answering'],
  ['ForMaskedLM', 'masked-lm'],
];

/** Reads the folder's small files; of an ONNX file all of it. CORRUPT_MODEL where there is no model at all. */
export async function folderTask(path: string): Promise<FolderTask> {
  const onnx = await findOnnxFile(path);
  const folder =
    onnx === null
      ? await readHfFolder(path)
      : await (await import('./onnx-folder.js')).readOnnxFolder(onnx, { widen: false });
  await folder.close();
  // Encoders are often trained further from a language model and keep its name.
  if (folder.sentence?.kind === 'embedding') return EMBEDDING;
  const found = taskOf(folder.config);
  return folder.sentence === null ? found : { ...found, scorer: found.problem === 'regression' };
}

const EMBEDDING = { task: 'embedding', problem: null, scorer: false } as const;

function taskOf(config: JsonObject): FolderTask {
  const { architectures } = config;
  const names: readonly unknown[] = Array.isArray(architectures) ? architectures : [];
  for (const [ending, task] of ENDINGS) {
    if (!names.some((name) => typeof name === 'string' && name.endsWith(ending))) continue;
    const problem = task === 'classification' ? problemOf(config) : null;
    return { task, problem, scorer: problem === 'regression' && isScorer(config) };
  }
  return EMBEDDING;
}

/** problem_type; without it one label is a number, as transformers takes it. */
function problemOf({ problem_type: stated, id2label, num_labels: count }: JsonObject) {
  if (stated === 'multi_label_classification' || stated === 'regression') return stated;
  const labels = isJsonObject(id2label) ? Object.keys(id2label).length : (count ?? 2);
  const one = (stated ?? null) === null && labels === 1;
  return one ? 'regression' : 'single_label_classification';
}

/** Whether config.json has what sentence-transformers writes for a cross-encoder: now, and before version 4. */
export function isScorer(config: JsonObject): boolean {
  const { sentence_transformers: own } = config;
  const stated = isJsonObject(own)
    ? own.activation_fn
    : config.sbert_ce_default_activation_function;
  return typeof stated === 'string';
}
