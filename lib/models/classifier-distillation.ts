/** How a classifier learns from a teacher: the options of `distillation`, and what they are for the loss of its labels. */

import { rangeMistake, typeMistake } from '../core/errors.js';
import type { ClassificationProblem } from '../graph/checkpoint.js';
import type { ClassifierLossOptions, Teacher } from '../tasks/text-classification/loss-options.js';
import type { InnerDistillation } from '../train/distillation-options.js';
import { INNER_OPTIONS, type ModelDistillation, readModelDistillation } from './distillation.js';
import type { TextModel } from './text-model.js';

/** What a classifier learns from a teacher, beside the labels of its rows. */
export interface ClassifierDistillation extends InnerDistillation {
  /**
   * A classifier with the same labels and one label per text; 'logits': its logits are in the field `logits` of each row. With
   * `alpha: 0` any model.
   */
  readonly teacher: Teacher | TextModel | 'logits';
  /** As the option of this name beside `teacher`; 0: the teacher's logits are not read. Default: 0.5; 0 but for one label. */
  readonly alpha?: number;
  /** As the option of this name beside `teacher`. Default: 2. */
  readonly temperature?: number;
}

const KNOWN = { ...INNER_OPTIONS, alpha: true, temperature: true } as const;

/** The terms of the distillation, and the options of the loss that its logits stand for. */
export function classifierDistillation<K extends ClassificationProblem>(
  where: string,
  distillation: ClassifierDistillation | undefined,
  options: ClassifierLossOptions<K>,
  problem: K,
): {
  readonly loss: ClassifierLossOptions<K>;
  readonly inner: ModelDistillation | undefined;
} {
  if (distillation === undefined) return { loss: options, inner: undefined };
  if (typeof distillation !== 'object' || distillation === null)
    throw typeMistake(`${where}: distillation`, 'an object', distillation);
  for (const name of ['teacher', 'alpha', 'temperature'] as const) {
    if (options[name] === undefined) continue;
    throw rangeMistake(`${where}: ${name}`, 'left out where distillation is given', options[name]);
  }
  const inner = readModelDistillation(where, distillation, KNOWN);
  const { teacher, temperature } = distillation;
  const { alpha = problem === 'single_label_classification' ? undefined : 0 } = distillation;
  const { hiddenStates, relations } = inner.settings;
  if (alpha !== 0) {
    const logits = { teacher: teacher as Teacher | 'logits', alpha, temperature };
    const set = Object.entries(logits).filter(([, value]) => value !== undefined);
    return { loss: { ...options, ...Object.fromEntries(set) }, inner };
  }
  if (temperature !== undefined)
    throw rangeMistake(`${where}: distillation: temperature`, 'left out with alpha 0', temperature);
  if (hiddenStates.length === 0 && relations === null)
    throw rangeMistake(`${where}: distillation: alpha`, 'above 0 without other terms', alpha);
  return { loss: options, inner };
}
