/**
 * The training loop: epochs, steps, schedule, progress. It changes only the given trainable program.
 *
 * The results depend on the weights, the corpus and the settings only, not on lanes, time or callbacks.
 */

import { type ErrorDetails, SinterError } from '../core/errors.js';
import { SeededRandom } from '../core/random.js';
import type { EncoderGraph } from '../graph/types.js';
import {
  type NativeProgram,
  type NativeTrainer,
  native,
  type OptimizerSettings,
  type TrainerSettings,
  toSinterError,
} from '../native/native.js';
import { Sampler } from './batches.js';
import { type Checkpoints, TrainingProgress } from './checkpoints.js';
import type { Examples } from './corpus.js';
import type { Objective } from './objectives.js';
import { learningRateAt, type Schedule, warmupSteps } from './schedule.js';
import { trainStep, tryStep } from './step.js';
import type { TrainSettings } from './train-options.js';
import type {
  EpochProgress,
  EpochRecord,
  StepProgress,
  StepRecord,
  TrainReport,
} from './train-report.js';
import { decayGroups } from './weight-decay.js';

/** Rows that are computed once more after an epoch's last step: enough to notice weights that overflow. */
const CHECKED_ROWS = 4;

export interface TrainHooks<S> {
  /** Scores of the program in its current state; called after each epoch. */
  readonly evaluate: (() => Promise<S>) | undefined;
  readonly onStep: ((progress: StepProgress) => void | Promise<void>) | undefined;
  readonly onEpoch: ((progress: EpochProgress<S>) => void | Promise<void>) | undefined;
  readonly signal: AbortSignal | undefined;
  /** Saves the training at intervals and resumes it; left out: it is not saved. */
  readonly checkpoints?: Checkpoints;
}

/** Trains `program` (trainable, sealed) on `corpus`; `objective` makes the loss terms of each batch. */
export async function runTraining<S>(
  program: NativeProgram,
  graph: EncoderGraph,
  corpus: Examples,
  objective: Objective,
  settings: TrainSettings,
  hooks: TrainHooks<S>,
): Promise<Omit<TrainReport<S>, 'truncated' | 'advice'>> {
  const groups = decayGroups(graph, settings.weightDecay);
  const trainer = makeTrainer(program, { optimizer: optimizerOf(settings), groups });
  try {
    return await new Run<S>(trainer, { corpus, objective, settings, hooks }).all();
  } finally {
    trainer.dispose();
  }
}

function optimizerOf(settings: TrainSettings): OptimizerSettings {
  const { optimizer: kind, beta1, beta2, epsilon, momentum, nesterov } = settings;
  if (kind === 'adamw') return { kind, beta1, beta2, epsilon };
  return { kind, momentum, nesterov };
}

function makeTrainer(program: NativeProgram, settings: TrainerSettings): NativeTrainer {
  const { Trainer } = native();
  try {
    return new Trainer(program, settings);
  } catch (error) {
    throw toSinterError(error);
  }
}

interface Work<S> {
  readonly corpus: Examples;
  readonly objective: Objective;
  readonly settings: TrainSettings;
  readonly hooks: TrainHooks<S>;
}

/** One training run. Its `progress` is the part that a checkpoint stores. */
class Run<S> {
  private readonly trainer: NativeTrainer;
  private readonly work: Work<S>;
  private readonly schedule: Schedule;
  private readonly progress: TrainingProgress;
  private readonly begin = performance.now();
  private readonly steps: StepRecord[] = [];
  private tokens = 0;
  private trainMs = 0;

  constructor(trainer: NativeTrainer, work: Work<S>) {
    const { corpus, settings } = work;
    const { epochs, schedule, learningRate, warmup, seed } = settings;
    const sampler = new Sampler(corpus.size, { ...settings, textsOf: corpus.textsOf }, (row) =>
      corpus.lengthOf(row),
    );
    const totalSteps = epochs * sampler.batchCount;
    const warm = warmupSteps(warmup, totalSteps);
    this.trainer = trainer;
    this.work = work;
    this.schedule = { kind: schedule, learningRate, warmupSteps: warm, totalSteps };
    this.progress = new TrainingProgress(new SeededRandom(seed), sampler);
  }

  async all(): Promise<Omit<TrainReport<S>, 'truncated' | 'advice'>> {
    const { corpus, settings, hooks } = this.work;
    const { progress } = this;
    const of = { settings, rows: corpus.size, tokens: corpus.tokenCount };
    await hooks.checkpoints?.resume(this.trainer, progress, of, hooks.signal);
    const epochs: EpochRecord<S>[] = [];
    while (progress.epoch < settings.epochs || progress.inEpoch) {
      if (!progress.inEpoch) progress.beginEpoch();
      epochs.push(await this.epoch());
    }
    return {
      steps: this.steps,
      epochs,
      rows: corpus.size,
      seconds: this.seconds(),
      tokensPerSecond: this.tokens / (this.trainMs / 1000),
    };
  }

  private async epoch(): Promise<EpochRecord<S>> {
    const { corpus, settings, hooks } = this.work;
    const { progress } = this;
    const { epoch } = progress;
    for (let rows = progress.sampler.next(); rows !== undefined; rows = progress.sampler.next()) {
      progress.lossSum += (await this.step(rows)) * rows.length;
      const of = { settings, rows: corpus.size, tokens: corpus.tokenCount };
      await hooks.checkpoints?.save(this.trainer, progress, of, hooks.signal);
    }
    await this.checkLastStep(progress.sampler.last);
    const scores = (await hooks.evaluate?.()) ?? null;
    const trainLoss = progress.lossSum / progress.sampler.rows;
    progress.endEpoch();
    const record: EpochRecord<S> = { epoch, trainLoss, eval: scores };
    const totalEpochs = settings.epochs;
    await hooks.onEpoch?.({ ...record, totalEpochs, seconds: this.seconds() });
    return record;
  }

  /** Takes one optimizer step; returns its loss. */
  private async step(rows: readonly number[]): Promise<number> {
    const { corpus, objective, settings, hooks } = this.work;
    const { progress } = this;
    const learningRate = learningRateAt(this.schedule, progress.steps);
    const { maxGradNorm } = settings;
    const dropoutSeed = progress.random.next();
    const { tokens, terms } = await objective(corpus.gather(rows), progress.random);
    const before = performance.now();
    const options = { learningRate, maxGradNorm, dropoutSeed, signal: hooks.signal };
    const { loss, gradNorm } = await trainStep(this.trainer, tokens, terms, options);
    this.trainMs += performance.now() - before;
    this.tokens += tokens.ids.length;
    progress.steps++;
    const record = { step: progress.steps, epoch: progress.epoch, loss, learningRate, gradNorm };
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) throw diverged(record);
    this.steps.push(record);
    const { totalSteps } = this.schedule;
    const totalEpochs = settings.epochs;
    await hooks.onStep?.({ ...record, totalSteps, totalEpochs, seconds: this.seconds() });
    return loss;
  }

  /**
   * Throws if the last step of the epoch has made the loss or the gradients infinite or NaN. No later step would show that,
   * so some of its rows are computed again.
   */
  private async checkLastStep(rows: readonly number[]): Promise<void> {
    const last = this.steps.at(-1);
    if (last === undefined) return;
    const { corpus, objective, settings, hooks } = this.work;
    // A generator of its own, so that this check does not change the results of the training.
    const some = corpus.gather(rows.slice(0, CHECKED_ROWS));
    const { tokens, terms } = await objective(some, new SeededRandom(settings.seed));
    const options = { dropoutSeed: null, signal: hooks.signal };
    const { loss, gradNorm } = await tryStep(this.trainer, tokens, terms, options);
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
      throw diverged({ ...last, loss, gradNorm });
    }
  }

  private seconds(): number {
    return (performance.now() - this.begin) / 1000;
  }
}

function diverged({ step, loss, learningRate, gradNorm }: StepRecord): SinterError {
  const what = `step ${step} has loss ${loss} and gradient norm ${gradNorm} at learning rate ${learningRate}`;
  return divergence(what, { step, learningRate });
}

/** The error of a training whose numbers became infinite or NaN. */
export function divergence(what: string, details: ErrorDetails): SinterError {
  return new SinterError(
    'INVALID_DATA',
    `train: ${what}; the training diverged and the model keeps its weights: lower learningRate`,
    { details },
  );
}
