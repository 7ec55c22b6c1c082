/**
 * Folders with an adapter, of the `peft` package (LoRA, DoRA, IA3) or Sinter's own: adapter_config.json and adapter_model.safetensors.
 *
 * The rule: a key of the config that changes results and that is not known here is refused by name, unless it is empty.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SinterError, show } from '../core/errors.js';
import {
  fileExists,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  readJsonObject,
} from '../core/json.js';
import type { FloatTensor } from '../core/tensor.js';
import { writeFolderAtomic } from '../files/index.js';
import {
  CLASSIFICATION_PROBLEMS,
  type ClassificationProblem,
  type SavedHead,
} from '../graph/checkpoint.js';
import { ADAPTER_CONFIG } from './adapter-folder.js';
import { checkOwnAdapter } from './own-folder.js';
import { openSafetensors } from './safetensors.js';
import { writeSafetensors } from './safetensors-writer.js';

export interface PeftAdapter {
  readonly path: string;
  readonly config: JsonObject;
  /** Tensors by name, without the `base_model.model.` that each begins with. */
  readonly tensors: ReadonlyMap<string, FloatTensor>;
  /** The labels of a head that is saved with it; null: they are not stated. PEFT has no place for them. */
  readonly head: SavedHead | null;
}

/** Says what a head predicts that is saved with an adapter. Name and keys are those of AdapterHub; PEFT has no place for it. */
const HEAD_CONFIG = 'head_config.json';
const WEIGHTS = 'adapter_model.safetensors';
const PREFIX = 'base_model.model.';

/** Keys that are read here, and keys that only say how the adapter was made. */
const KNOWN: ReadonlySet<string> = new Set([
  ...['peft_type', 'r', 'lora_alpha', 'use_rslora', 'rank_pattern', 'alpha_pattern', 'bias'],
  ...['modules_to_save', 'base_model_name_or_path', 'task_type', 'revision', 'peft_version'],
  ...['auto_mapping', 'inference_mode', 'init_lora_weights', 'lora_dropout', 'loftq_config'],
  ...['corda_config', 'eva_config', 'lora_ga_config', 'megatron_core', 'qalora_group_size'],
  // The tensors say which modules have an adapter.
  ...['target_modules', 'exclude_modules', 'layers_to_transform', 'layers_pattern'],
  // Its magnitudes are tensors.
  ...['use_dora'],
]);

const OF_IA3: ReadonlySet<string> = new Set([
  ...['peft_type', 'target_modules', 'feedforward_modules', 'exclude_modules', 'modules_to_save'],
  ...['base_model_name_or_path', 'task_type', 'revision', 'peft_version', 'auto_mapping'],
  ...['inference_mode', 'init_ia3_weights'],
]);

/** The file of bottleneck adapters is Sinter's own; its keys have the names of the AdapterHub library. */
const OF_BOTTLENECK: ReadonlySet<string> = new Set([
  ...['adapter_type', 'mh_adapter', 'output_adapter', 'original_ln_before', 'reduction_factor'],
  ...['bottleneck_size', 'non_linearity', 'base_model_name_or_path', 'task_type'],
  ...['modules_to_save'],
]);

/** Reads an adapter. Throws UNSUPPORTED_MODEL for a kind that is not known here, CORRUPT_MODEL for a damaged one. */
export async function readPeftFolder(path: string): Promise<PeftAdapter> {
  const file = join(path, ADAPTER_CONFIG);
  const config = await readJsonObject(file);
  const { peft_type: type, adapter_type: own, bias = 'none' } = config;
  const refused = (what: string) =>
    new SinterError('UNSUPPORTED_MODEL', `${file}: ${what}`, { details: { file } });
  const isOwn = type === undefined && own === 'bottleneck';
  if (type !== 'LORA' && type !== 'IA3' && !isOwn)
    throw refused(`peft_type must be "LORA" or "IA3", got ${show(type)}`);
  const known = isOwn ? OF_BOTTLENECK : type === 'LORA' ? KNOWN : OF_IA3;
  if (bias !== 'none') throw refused(`bias must be "none", got ${show(bias)}`);
  for (const [key, value] of Object.entries(config)) {
    if (!known.has(key) && !isEmpty(value)) throw refused(`unsupported ${key} ${show(value)}`);
  }
  const weights = await openSafetensors(join(path, WEIGHTS));
  try {
    const tensors = new Map<string, FloatTensor>();
    for (const [name, { shape }] of weights.tensors) {
      const prefix = isOwn ? '' : PREFIX;
      if (!name.startsWith(prefix)) throw refused(`unsupported tensor ${name}`);
      tensors.set(name.slice(prefix.length), { shape, data: await weights.readFloats(name) });
    }
    return { path, config, tensors, head: await readHead(path) };
  } finally {
    await weights.close();
  }
}

/** The labels in head_config.json; null without that file. Throws CORRUPT_MODEL naming it. */
async function readHead(path: string): Promise<SavedHead | null> {
  const file = join(path, HEAD_CONFIG);
  if (!(await fileExists(file))) return null;
  const { id2label, problem_type: problem = null } = await readJsonObject(file);
  const fail = (what: string) =>
    new SinterError('CORRUPT_MODEL', `${file}: ${what}`, { details: { file } });
  const entries = isJsonObject(id2label) ? Object.entries(id2label) : [];
  const labels = entries.map((_, i) => (isJsonObject(id2label) ? id2label[String(i)] : undefined));
  const names = labels.filter((label): label is string => typeof label === 'string');
  if (names.length === 0 || names.length !== labels.length || new Set(names).size !== names.length)
    throw fail(`id2label must have a different label for 0, 1 and so on, got ${show(id2label)}`);
  if (problem !== null && !CLASSIFICATION_PROBLEMS.some((known) => known === problem))
    throw fail(
      `problem_type must be one of ${CLASSIFICATION_PROBLEMS.join(', ')} or null, got ${show(problem)}`,
    );
  return { labels: names, problem: problem as ClassificationProblem | null };
}

function isEmpty(value: JsonValue | undefined): boolean {
  if (value === null || value === undefined || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isJsonObject(value) && Object.keys(value).length === 0;
}

/** Writes an adapter that `peft` loads. `overwrite`: replaces a folder that holds an adapter and nothing else. */
export async function writePeftFolder(
  path: string,
  { config, tensors, head }: Omit<PeftAdapter, 'path'>,
  { where, overwrite }: { readonly where: string; readonly overwrite: boolean },
): Promise<void> {
  const options = { where, mayReplace: overwrite ? checkOwnAdapter : undefined };
  await writeFolderAtomic(path, options, async (folder) => {
    await writeFile(join(folder, ADAPTER_CONFIG), `${JSON.stringify(config, null, 2)}\n`);
    if (head !== null) {
      const id2label = Object.fromEntries(head.labels.map((label, i) => [String(i), label]));
      const said = { problem_type: head.problem, id2label };
      await writeFile(join(folder, HEAD_CONFIG), `${JSON.stringify(said, null, 2)}\n`);
    }
    const isOwn = config.peft_type === undefined;
    const entries = [...tensors].map(([name, { shape, data }]) => ({
      ...({ name: (isOwn ? '' : PREFIX) + name, dtype: 'F32', shape, data } as const),
    }));
    await writeSafetensors(join(folder, WEIGHTS), entries);
  });
}
