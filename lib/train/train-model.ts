/**
 * Trains a model: copies its weights into a trainable program, runs the loop, and makes a new inference program at the end.
 *
 * The model's own program is only read.
 */

import { setImmediate } from 'node:timers/promises';
import { SinterError, throwIfAborted } from '../core/errors.js';
import { withFloatWeights } from '../graph/rewrite/tables.js';
import type { EncoderGraph } from '../graph/types.js';
import type { NativeProgram } from '../native/program.js';
import type { Adapter } from '../runtime/adapter.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { deriveProgram, disposeProgram } from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';
import type { CheckpointPlan } from './checkpoint-options.js';
import { Checkpoints } from './checkpoints.js';
import type { RowLabels } from './contrastive-pairs.js';
import type { Examples } from './corpus.js';
import { divergence } from './divergence.js';
import type { Objective } from './objectives.js';
import { trainedWeights } from './parameter-groups.js';
import { runTraining, type TrainHooks } from './train-loop.js';
import type { TrainSettings } from './train-options.js';
import type { TrainReport } from './train-report.js';

/** Data, objective and scoring of a training, made by each kind of model from its rows. */
export interface TrainPlan<S> {
  readonly corpus: Examples;
  readonly truncated: number;
  readonly objective: Objective;
  /** What the training has beside the model's own graph; its weights are gone afterwards. */
  readonly extension?: TrainExtension | undefined;
  /** Numbers of a row's vector from a teacher, where the targets are such vectors. */
  readonly targetWidth?: number | undefined;
  /** Rows of each class, for epochs with the same number of each. */
  readonly classes?: readonly (readonly number[])[] | undefined;
  /** The labels of each row, for few-shot training; left out where rows have none. */
  readonly labelsOf?: RowLabels | undefined;
  /** The held-out rows; left out: there are none. */
  readonly held?: Examples | undefined;
  /** The score by which evaluations are compared by default; left out: `loss`. */
  readonly metric?: string | undefined;
  /**
   * Scores of a program on the held-out rows; undefined without such rows. `over`: the program's graph and its form of those
   * rows, where it is not the model's.
   */
  readonly evaluate: ((program: NativeProgram, over?: EvaluatedOver) => Promise<S>) | undefined;
}

/** A graph with more outputs and weights than the model's, and the first numbers of these weights. */
export interface TrainExtension {
  readonly graph: EncoderGraph;
  readonly written: ReadonlyMap<string, Float32Array>;
}

export interface EvaluatedOver {
  readonly graph: EncoderGraph;
  readonly corpus: Examples;
}

/** The new weights of a model. */
export interface TrainedParts<S> {
  readonly graph: EncoderGraph;
  readonly program: SharedProgram;
  readonly report: Omit<TrainReport<S>, 'advice'>;
  /** What a training of low-rank adapters made. */
  readonly adapter?: Adapter;
}

export interface TrainRequest<S> {
  readonly settings: TrainSettings;
  readonly hooks: Pick<TrainHooks<S>, 'onStep' | 'onEpoch' | 'onEvaluation' | 'logs'>;
  /** Left out: the training is not saved. */
  readonly saving?: CheckpointPlan | undefined;
  readonly signal: AbortSignal;
}

/** Trains copies of the weights of `current`; returns the new inference program, its graph and the report. */
export async function trainParts<S>(
  parts: ModelParts,
  current: NativeProgram,
  plan: TrainPlan<S>,
  { settings, hooks, saving, signal }: TrainRequest<S>,
): Promise<TrainedParts<S>> {
  const where = 'train';
  const own = withFloatWeights(parts.graph);
  const { graph, written } = extended(plan.extension) ?? { graph: own, written: new Map() };
  const chosen = trainedWeights(graph, settings);
  const trainable = await deriveProgram(
    graph,
    current.store,
    { trainable: chosen, where, signal },
    { written },
  );
  try {
    const { corpus, objective, held, classes } = plan;
    const checkpoints = saving && new Checkpoints(saving);
    const evaluate =
      plan.evaluate && (() => (plan.evaluate as (p: NativeProgram) => Promise<S>)(trainable));
    const all = { ...hooks, evaluate, signal, checkpoints, held, classes };
    const report = await runTraining<S>(trainable, graph, corpus, objective, settings, all);
    throwIfAborted(signal, where);
    const options = { trainable: false, where, signal };
    const program = await deriveProgram(own, trainable.store, options).catch(async (error) => {
      // A weight that overflowed may have had no effect on the rows that were computed again.
      if (!(error instanceof SinterError) || error.code !== 'CORRUPT_MODEL') throw error;
      throw divergence(error.message, error.details, await checkpoints?.newest());
    });
    return {
      graph: own,
      program: new SharedProgram(program),
      report: { ...report, truncated: corpus.truncated ?? plan.truncated },
    };
  } finally {
    // Each gives hundreds of megabytes back, as the trainer did.
    await setImmediate();
    disposeProgram(trainable);
    await setImmediate();
  }
}

function extended(extension: TrainExtension | undefined): TrainExtension | undefined {
  return extension && { ...extension, graph: withFloatWeights(extension.graph) };
}
