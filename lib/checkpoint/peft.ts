/** Adapters as `peft` stores them, for a model and from one. */

import { SinterError, show } from '../core/errors.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { type PeftAdapter, readPeftFolder, writePeftFolder } from '../formats/peft-folder.js';
import type { Task } from '../graph/tasks.js';
import type { Adapter } from '../runtime/adapter.js';
import type { ModelParts } from '../runtime/model-parts.js';

/** task_type of PEFT; null: it has none. */
const TASK_TYPES: Readonly<Record<Task, string | null>> = {
  embedding: 'FEATURE_EXTRACTION',
  classification: 'SEQ_CLS',
  'token-classification': 'TOKEN_CLS',
  'question-answering': 'QUESTION_ANS',
  'masked-lm': null,
};

/** Writes the adapter of a model. */
export async function savePeft(
  where: string,
  { adapter, head }: ModelParts,
  path: string,
  { overwrite, base }: { readonly overwrite: boolean; readonly base: string | undefined },
): Promise<void> {
  if (adapter === undefined) {
    throw new SinterError(
      'INVALID_DATA',
      `${where}: the model has no adapter; train it with method: 'lora'`,
    );
  }
  const of = base ?? adapter.base;
  if (of === null) {
    const what =
      'the base of the adapter is a model that was trained or changed after it was loaded; save that model before the ' +
      'training, and give its path as base';
    throw new SinterError('INVALID_DATA', `${where}: ${what}`);
  }
  const { settings, matrices, whole, tensors } = adapter;
  const modules = matrices.map(({ module }) => module);
  const config: JsonObject = {
    ...{ peft_type: 'LORA', task_type: TASK_TYPES[head.task], base_model_name_or_path: of },
    ...{ r: settings.r, lora_alpha: settings.alpha, lora_dropout: settings.dropout },
    // The modules themselves: `all-linear` means other ones to PEFT where the head is not known to it.
    ...{ target_modules: modules.sort(), use_rslora: settings.rslora, bias: 'none' },
    ...{ rank_pattern: settings.rankPattern, alpha_pattern: settings.alphaPattern },
    modules_to_save:
      whole.length === 0 ? null : [...new Set(whole.map((name) => name.split('.')[0] ?? ''))],
    ...{ fan_in_fan_out: false, use_dora: false, inference_mode: true, init_lora_weights: true },
  };
  const own = whole.length === 0 ? null : adapter.head;
  await writePeftFolder(path, { config, tensors, head: own }, { where, overwrite });
}

export interface LoadPeftOptions {
  /** true: it runs beside the model with a head of its own, which may have another number of labels. Default: false. */
  readonly beside?: boolean;
}

/** The adapter in a folder, for the weights of a model. Throws CORRUPT_MODEL where it does not fit them. */
export async function loadPeft(
  parts: ModelParts,
  path: string,
  { beside = false }: LoadPeftOptions = {},
): Promise<Adapter> {
  return adapterFor(parts, await readPeftFolder(path), beside);
}

function adapterFor(
  { graph, plans }: ModelParts,
  { path, config, tensors: stored, head }: PeftAdapter,
  beside: boolean,
): Adapter {
  const shapes = new Map(graph.weights.map(({ name, shape }) => [name, shape]));
  const corrupt = (what: string) =>
    new SinterError('CORRUPT_MODEL', `${path}: ${what}`, { details: { file: path } });
  const nameOf = (name: string): string => {
    const { prefix } = plans;
    const bare = name.startsWith(prefix) ? name.slice(prefix.length) : name;
    const found = [name, prefix + name, bare].find((one) => shapes.has(one));
    if (found !== undefined) return found;
    throw corrupt(
      `its base has a weight ${name}, and this model has none: it is an adapter of another model`,
    );
  };
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  const matrices: Adapter['matrices'][number][] = [];
  const whole: string[] = [];
  for (const [name, tensor] of stored) {
    const [module = '', side] = name.split(/\.lora_([AB])\.weight$/);
    if (side === undefined) {
      const own = nameOf(name);
      // The first axis of the last product is the labels.
      const compared = (shape: readonly number[] = []) => String(beside ? shape.slice(1) : shape);
      const known = shapes.get(own);
      if (tensor.shape.length !== known?.length || compared(tensor.shape) !== compared(known)) {
        throw corrupt(
          `${name} is [${tensor.shape.join(', ')}], and the model's is [${shapes.get(own)?.join(', ')}]`,
        );
      }
      whole.push(own);
      tensors.set(own, tensor);
      continue;
    }
    tensors.set(name, tensor);
    if (side === 'B') continue;
    const weight = nameOf(`${module}.weight`);
    const b = `${module}.lora_B.weight`;
    const [rank = 0, inputs] = tensor.shape;
    const [outputs, rankOfB] = stored.get(b)?.shape ?? [];
    if (rank !== rankOfB || String([outputs, inputs]) !== String(shapes.get(weight))) {
      throw corrupt(
        `the adapter of ${module} does not fit its matrix [${shapes.get(weight)?.join(', ')}]`,
      );
    }
    const scale = scaleOf(module, rank, config, corrupt);
    matrices.push({ module, weight, a: name, b, rank, scale });
  }
  if (matrices.length === 0) throw corrupt('it has no tensors of LoRA');
  const { base_model_name_or_path: base } = config;
  const common = { whole, tensors, base: typeof base === 'string' ? base : null, head };
  return { kind: 'lora', settings: settingsOf(config), matrices, ...common };
}

/** alpha / rank, or alpha / sqrt(rank); `alpha_pattern` has other alphas for some modules. */
function scaleOf(
  module: string,
  rank: number,
  { lora_alpha: alpha, alpha_pattern: pattern, use_rslora: rslora }: JsonObject,
  corrupt: (what: string) => SinterError,
): number {
  const patterns = Object.entries(isJsonObject(pattern) ? pattern : {});
  const written = patterns.find(([key]) => !/^[\w.]+$/.test(key))?.[0];
  // Other keys are regular expressions of Python.
  if (written !== undefined)
    throw corrupt(`alpha_pattern must have names of modules, got ${show(written)}`);
  const own = patterns.find(([key]) => module === key || module.endsWith(`.${key}`))?.[1];
  const value: JsonValue | undefined = own ?? alpha;
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw corrupt(`lora_alpha must be a number, got ${show(value)}`);
  return value / (rslora === true ? Math.sqrt(rank) : rank);
}

function settingsOf(config: JsonObject): Adapter['settings'] {
  const number = (value: JsonValue | undefined, fallback: number) =>
    typeof value === 'number' ? value : fallback;
  const numbers = (value: JsonValue | undefined) =>
    (isJsonObject(value) ? value : {}) as Readonly<Record<string, number>>;
  const { target_modules: targets } = config;
  return {
    r: number(config.r, 8),
    alpha: number(config.lora_alpha, 8),
    dropout: number(config.lora_dropout, 0),
    targets: Array.isArray(targets) ? (targets as readonly string[]) : 'all-linear',
    rslora: config.use_rslora === true,
    rankPattern: numbers(config.rank_pattern),
    alphaPattern: numbers(config.alpha_pattern),
  };
}
