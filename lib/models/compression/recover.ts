/** What the trainings of all kinds of students have in common. */

import { throwIfAborted } from '../../core/errors.js';
import type { ModelParts } from '../../runtime/model-parts.js';
import type { AdaptedModel } from '../adapted-model.js';
import { insideOf } from '../text-model.js';
import type { Recovery, Subject, SubjectLoader } from './subject.js';

/** Share of the original's logits in the loss of rows with answers, and their temperature. */
export const ALPHA = 0.5;
export const TEMPERATURE = 2;

/** Options of `train` that a recovery says. */
export function recoveryOptions(recovery: Recovery): object {
  const { epochs, learningRate, batchSize, seed, checkpoints, onStep, signal } = recovery;
  const saving = checkpoints === null ? {} : { saveTo: checkpoints, resume: true };
  return {
    ...{ epochs, learningRate, batchSize, seed, ...saving },
    ...(onStep && { onStep }),
    ...(signal && { signal }),
  };
}

/** The same with the original's logits, and hidden states where the student has layers for them. */
export function taughtOptions<M>(recovery: Recovery, teacher: M) {
  const { hiddenStates } = recovery;
  const lessons = { teacher, alpha: ALPHA, temperature: TEMPERATURE };
  const distillation = { ...lessons, ...(hiddenStates.length > 0 && { hiddenStates }) };
  return { ...recoveryOptions(recovery), distillation };
}

/** The parts of `student` after `train`; on an error they are freed. */
export async function trained<M extends AdaptedModel>(
  student: M,
  signal: AbortSignal | undefined,
  train: (student: M) => Promise<void>,
): Promise<ModelParts> {
  try {
    await train(student);
    throwIfAborted(signal, 'compress');
    return insideOf(student).parts;
  } catch (error) {
    await student.dispose();
    throw error;
  }
}

/** Reads the parts of a model that `load` loads. */
export function partsLoader<M extends AdaptedModel>(load: SubjectLoader<M>): Subject['load'] {
  return async (folder) => insideOf(await load(folder)).parts;
}
