/**
 * Trains a model: copies its weights into a trainable program, runs the loop, and makes a new inference program at the end.
 *
 * The model's own program is only read.
 */

import { setImmediate } from 'node:timers/promises';
import { SinterError, throwIfAborted } from '../core/errors.js';
import { withFloatWeights } from '../graph/rewrite/tables.js';
import type { EncoderGraph } from '../graph/types.js';
import type { NativeProgram } from '../native/native.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { deriveProgram, disposeProgram } from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';
import type { Examples } from './corpus.js';
import type { Objective } from './objectives.js';
import { divergence, runTraining, type TrainHooks } from './train-loop.js';
import type { TrainSettings } from './train-options.js';
import type { TrainReport } from './train-report.js';

/** Data, objective and scoring of a training, made by each kind of model from its rows. */
export interface TrainPlan<S> {
  readonly corpus: Examples;
  readonly truncated: number;
  readonly objective: Objective;
  /** Scores of a program on the held-out rows; undefined without such rows. */
  readonly evaluate: ((program: NativeProgram) => Promise<S>) | undefined;
}

export interface TrainRequest<S> {
  readonly settings: TrainSettings;
  readonly hooks: Pick<TrainHooks<S>, 'onStep' | 'onEpoch'>;
  readonly signal: AbortSignal;
}

/** Trains copies of the weights of `current`; returns the new inference program, its graph and the report. */
export async function trainParts<S>(
  parts: ModelParts,
  current: NativeProgram,
  plan: TrainPlan<S>,
  { settings, hooks, signal }: TrainRequest<S>,
): Promise<{
  graph: EncoderGraph;
  program: SharedProgram;
  report: Omit<TrainReport<S>, 'advice'>;
}> {
  const where = 'train';
  const graph = withFloatWeights(parts.graph);
  const trainable = await deriveProgram(graph, current.store, { trainable: true, where, signal });
  try {
    const { corpus, objective, truncated } = plan;
    const evaluate =
      plan.evaluate && (() => (plan.evaluate as (p: NativeProgram) => Promise<S>)(trainable));
    const all = { ...hooks, evaluate, signal };
    const report = await runTraining<S>(trainable, graph, corpus, objective, settings, all);
    throwIfAborted(signal, where);
    const options = { trainable: false, where, signal };
    const program = await deriveProgram(graph, trainable.store, options).catch((error) => {
      // A weight that overflowed may have had no effect on the rows that were computed again.
      if (!(error instanceof SinterError) || error.code !== 'CORRUPT_MODEL') throw error;
      throw divergence(error.message, error.details);
    });
    return { graph, program: new SharedProgram(program), report: { ...report, truncated } };
  } finally {
    // Each gives hundreds of megabytes back, as the trainer did.
    await setImmediate();
    disposeProgram(trainable);
    await setImmediate();
  }
}
