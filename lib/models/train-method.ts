/**
 * The methods of a training: which weights it changes, with the options and defaults of each, and the call that trains so.
 */

import { rangeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import type { NativeProgram } from '../native/native.js';
import type { ModelParts } from '../runtime/model-parts.js';
import type { CheckpointPlan } from '../train/checkpoint-options.js';
import type { Distillation } from '../train/distillation-training.js';
import {
  type FewShotOptions,
  type FewShotSettings,
  readFewShotOptions,
} from '../train/few-shot-options.js';
import { type LoraOptions, type LoraSettings, readLoraOptions } from '../train/lora-options.js';
import type { TrainedParts, TrainPlan, TrainRequest } from '../train/train-model.js';
import type { TrainOptions, TrainSettings } from '../train/train-options.js';

/**
 * `full`: all weights are trained. `head`: only what the model computes from the vector of a text. `lora`: low-rank adapters
 * and the head. `few-shot`: the encoder on pairs of rows, then the head.
 */
export type TrainMethod = 'full' | 'head' | 'lora' | 'few-shot';

export const TRAIN_METHODS: readonly TrainMethod[] = ['full', 'head', 'lora', 'few-shot'];

/** Which weights a training changes. */
export interface MethodOption {
  /**
   * `full` (default) trains all weights. `head` leaves the encoder as it is: the vector of each text is computed once, without
   * dropout, and only the head is trained over those vectors, which takes seconds; it is for classifiers and cross-encoders.
   * `lora` trains low-rank adapters beside the matrices of the encoder, and the head, and adds them to the weights at the
   * end; `saveAdapter` writes them alone. With `head` and `lora` the learning rate is 1e-3 by default. `few-shot` is for a
   * classifier with few rows (SetFit): the encoder learns to tell pairs of rows with one label from other pairs, and then the
   * head is trained as with `head`; `epochs` (default: 40), `learningRate` (1e-2) and `batchSize` are those of the head.
   */
  readonly method?: TrainMethod;
  /** For `method: 'lora'`. */
  readonly lora?: LoraOptions;
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
  'few-shot': { learningRate: 1e-2, epochs: 40 },
};

/** A method with the settings of its own options. */
export interface MethodSettings {
  readonly method: TrainMethod;
  readonly lora: LoraSettings;
  readonly fewShot: FewShotSettings;
}

/** The method of a training, and the settings of its adapters. Throws RangeError for another than those of TRAIN_METHODS. */
export function readMethod(
  where: string,
  { method: named, lora, fewShot }: MethodOption,
): MethodSettings {
  const read = readOptions<Pick<MethodOption, 'method'>>(
    where,
    named === undefined ? {} : { method: named },
    { method: true },
  );
  const method = read.choice('method', 'full', TRAIN_METHODS);
  if (lora !== undefined && method !== 'lora') {
    throw rangeMistake(`${where}: method`, "'lora' where lora is given", method);
  }
  if (fewShot !== undefined && method !== 'few-shot') {
    throw rangeMistake(`${where}: method`, "'few-shot' where fewShot is given", method);
  }
  return {
    method,
    lora: readLoraOptions(where, lora),
    fewShot: readFewShotOptions(where, fewShot),
  };
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
  const what = "'full', 'head' or 'lora' here; 'few-shot' is for rows with labels and no teacher";
  throw rangeMistake(`${where}: method`, what, method);
}

/** Trains copies of the weights of `current` by a method. */
export async function trainByMethod<S>(
  parts: ModelParts,
  current: NativeProgram,
  plan: TrainPlan<S>,
  request: TrainRequest<S>,
  {
    method,
    lora,
    fewShot,
    distillation,
  }: MethodSettings & { readonly distillation?: Distillation | undefined },
): Promise<TrainedParts<S>> {
  switch (method) {
    case 'head': {
      const { trainHeadParts } = await import('../train/head-training.js');
      return trainHeadParts(parts, current, plan, request);
    }
    case 'lora': {
      const { trainLoraParts } = await import('../train/lora-training.js');
      return trainLoraParts(parts, current, plan, request, lora);
    }
    case 'few-shot': {
      const { trainFewShotParts } = await import('../train/few-shot-training.js');
      return trainFewShotParts(parts, current, plan, request, fewShot);
    }
    case 'full': {
      if (distillation !== undefined) {
        const { trainDistilledParts } = await import('../train/distillation-training.js');
        return trainDistilledParts(parts, current, plan, request, distillation);
      }
      const { trainParts } = await import('../train/train-model.js');
      return trainParts(parts, current, plan, request);
    }
  }
}
