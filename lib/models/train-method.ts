/**
 * The methods of a training: which weights it changes, with the options and defaults of each, and the call that trains so.
 */

import { rangeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import type { BottleneckOptions, Ia3Options, LoraOptions } from '../graph/adapter-options.js';
import type { NativeProgram } from '../native/program.js';
import type { ModelParts } from '../runtime/model-parts.js';
import {
  readBottleneckOptions,
  readIa3Options,
  readLoraOptions,
} from '../train/adapter-options.js';
import type { AdapterChoice } from '../train/adapter-plan.js';
import type { CheckpointPlan } from '../train/checkpoint-options.js';
import type { Distillation } from '../train/distillation-training.js';
import {
  type FewShotOptions,
  type FewShotSettings,
  readFewShotOptions,
} from '../train/few-shot-options.js';
import type { TrainedParts, TrainPlan, TrainRequest } from '../train/train-model.js';
import type { TrainOptions, TrainSettings } from '../train/train-options.js';

export const TRAIN_METHODS = ['full', 'head', 'lora', 'ia3', 'bottleneck', 'few-shot'] as const;

/**
 * `full`: all weights are trained. `head`: only what the model computes from the vector of a text. `lora`, `ia3`: low-rank
 * adapters or vectors beside the matrices, and the head. `bottleneck`: bottleneck adapters, and the head. `few-shot`: the encoder
 * on pairs of rows, then the head.
 */
export type TrainMethod = (typeof TRAIN_METHODS)[number];

/** Which weights a training changes. */
export interface MethodOption {
  /**
   * `full` (default) trains all weights. `head` leaves the encoder as it is: the vector of each text is computed once, without
   * dropout, and only the head is trained over those vectors, which takes seconds; it is for classifiers and cross-encoders.
   * `lora` trains low-rank adapters beside the matrices of the encoder, and the head, and adds them to the weights at the
   * end; `ia3` does the same with vectors; `bottleneck` puts small networks into the layers, which stay in the model. `saveAdapter`
   * writes adapters alone. With these methods the learning rate is 1e-3 by default. `few-shot` is for a classifier with few
   * rows (SetFit): the encoder learns to tell pairs of rows with one label from other pairs, and then the head is trained as
   * with `head`; `epochs` (default: 40), `learningRate` (1e-2) and `batchSize` are those of the head.
   */
  readonly method?: TrainMethod;
  /** For `method: 'lora'`. */
  readonly lora?: LoraOptions;
  /** For `method: 'ia3'`. */
  readonly ia3?: Ia3Options;
  /** For `method: 'bottleneck'`. */
  readonly bottleneck?: BottleneckOptions;
  /** For `method: 'few-shot'`: how the encoder is trained. */
  readonly fewShot?: FewShotOptions;
}

/**
 * Defaults of methods that differ from those of all trainings. A head alone, or with adapters, has far fewer weights, and none
 * of them were trained before; a head over the vectors of few rows needs many steps, which cost little.
 */
export const METHOD_DEFAULTS: Readonly<Record<TrainMethod, TrainOptions>> = {
  full: {},
  head: { learningRate: 1e-3 },
  lora: { learningRate: 1e-3 },
  ia3: { learningRate: 1e-3 },
  bottleneck: { learningRate: 1e-3 },
  'few-shot': { learningRate: 1e-2, epochs: 40 },
};

/** The option with the settings of each method that has one. */
const OPTION_OF = {
  lora: 'lora',
  ia3: 'ia3',
  bottleneck: 'bottleneck',
  'few-shot': 'fewShot',
} as const satisfies Partial<Record<TrainMethod, keyof MethodOption>>;

/** A method with the settings of its own option. */
export type MethodSettings =
  | { readonly method: 'full' | 'head' }
  | { readonly method: 'few-shot'; readonly settings: FewShotSettings }
  | AdapterChoice;

/** The method of a training with its settings. Throws RangeError for another than those of TRAIN_METHODS. */
export function readMethod(
  where: string,
  { method: named, ...options }: MethodOption,
): MethodSettings {
  const read = readOptions<Pick<MethodOption, 'method'>>(
    where,
    named === undefined ? {} : { method: named },
    { method: true },
  );
  const method = read.choice('method', 'full', TRAIN_METHODS);
  for (const [one, option] of Object.entries(OPTION_OF)) {
    if (options[option] !== undefined && method !== one)
      throw rangeMistake(`${where}: method`, `'${one}' where ${option} is given`, method);
  }
  switch (method) {
    case 'lora':
      return { method, settings: readLoraOptions(where, options.lora) };
    case 'ia3':
      return { method, settings: readIa3Options(where, options.ia3) };
    case 'bottleneck':
      return { method, settings: readBottleneckOptions(where, options.bottleneck) };
    case 'few-shot':
      return { method, settings: readFewShotOptions(where, options.fewShot) };
    default:
      return { method };
  }
}

export function withoutUndefined<T extends object>(options: T): T {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as T;
}

/** Throws RangeError for options that choose among all weights, beside a method that chooses them itself. */
function checkWhole(where: string, method: TrainMethod, settings: TrainSettings): void {
  const { freeze, trainable } = settings;
  if (method === 'full' || (freeze.length === 0 && trainable === 'all')) return;
  const option = trainable === 'all' ? 'freeze' : 'trainable';
  throw rangeMistake(`${where}: method`, `'full' where ${option} is given`, method);
}

/** Throws RangeError for what the method cannot do: freeze some of all weights, be saved on the way, or train on these rows. */
export function checkMethod(
  where: string,
  method: TrainMethod,
  settings: TrainSettings,
  {
    saving,
    hasLabels,
    distils,
  }: {
    readonly saving: CheckpointPlan | undefined;
    readonly hasLabels: boolean;
    readonly distils: boolean;
  },
): void {
  checkWhole(where, method, settings);
  if (distils && method !== 'full')
    throw rangeMistake(`${where}: method`, "'full' where distillation is given", method);
  if (method !== 'few-shot') return;
  if (saving !== undefined)
    throw rangeMistake(`${where}: saveTo`, "left out with method 'few-shot'", saving.folder);
  if (hasLabels) return;
  const what = "another one here; 'few-shot' is for rows with labels and no teacher";
  throw rangeMistake(`${where}: method`, what, method);
}

/** Trains copies of the weights of `current` by a method. */
export async function trainByMethod<S>(
  parts: ModelParts,
  current: NativeProgram,
  plan: TrainPlan<S>,
  request: TrainRequest<S>,
  chosen: MethodSettings & { readonly distillation?: Distillation | undefined },
): Promise<TrainedParts<S>> {
  if (plan.extension !== undefined && chosen.method !== 'full') {
    const what = "'full' with a loss that has weights of its own";
    throw rangeMistake('train: method', what, chosen.method);
  }
  switch (chosen.method) {
    case 'head': {
      const { trainHeadParts } = await import('../train/head-training.js');
      return trainHeadParts(parts, current, plan, request);
    }
    case 'few-shot': {
      const { trainFewShotParts } = await import('../train/few-shot-training.js');
      return trainFewShotParts(parts, current, plan, request, chosen.settings);
    }
    case 'full': {
      const { distillation } = chosen;
      if (distillation !== undefined) {
        const { trainDistilledParts } = await import('../train/distillation-training.js');
        return trainDistilledParts(parts, current, plan, request, distillation);
      }
      const { trainParts } = await import('../train/train-model.js');
      return trainParts(parts, current, plan, request);
    }
    default: {
      const { trainAdapterParts } = await import('../train/adapter-training.js');
      return trainAdapterParts(parts, current, plan, request, chosen);
    }
  }
}
