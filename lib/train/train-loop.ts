/**
 * The training loop: epochs, steps, schedule, evaluations, progress. It changes only the given trainable program.
 *
 * The results depend on the weights, the corpus and the settings only, not on lanes, time or callbacks.
 */

import { SeededRandom } from '../core/random.js';
import type { EncoderGraph } from '../graph/types.js';
import { runJob } from '../native/jobs.js';
import { native, toSinterError } from '../native/native.js';
import type { NativeProgram } from '../native/program.js';
import type { NativeTrainer, TrainerSettings } from '../native/training.js';
import { Sampler } from './batches.js';
import { BestScores } from './best-score.js';
import { type Checkpoints, TrainingProgress, type TrainingSubject } from './checkpoints.js';
import type { Examples } from './corpus.js';
import { digestOfExamples, digestOfModel } from './digests.js';
import {
  checkWeights,
  diverged,
  endedWith,
  isDivergence,
  overflowed,
  withCheckpoint,
} from './divergence.js';
import { BEST, type GoodWeights, isGoodCheckpoint, keepsCopy } from './good-weights.js';
import type { LogPlan } from './log-options.js';
import type { Objective } from './objectives.js';
import { OPTIMIZERS } from './optimizers.js';
import { parameterGroups, trainedWeights } from './parameter-groups.js';
import { learningRateAt, type Schedule, scheduleParts, warmupSteps } from './schedule.js';
import { scoreOf } from './score-of.js';
import { trainStep, tryStep } from './step.js';
import { TrainLog } from './train-log.js';
import type { TrainSettings } from './train-options.js';
import type {
  Divergence,
  EpochProgress,
  EpochRecord,
  EvaluationRecord,
  StepProgress,
  StepRecord,
  TrainReport,
} from './train-report.js';

/** Rows that are computed once more after an epoch's last step: enough to notice weights that overflow. */
const CHECKED_ROWS = 4;

export interface TrainHooks<S> {
  /** Scores of the program in its current state; called when an evaluation is due. */
  readonly evaluate: (() => Promise<S>) | undefined;
  readonly onStep: ((progress: StepProgress) => void | Promise<void>) | undefined;
  readonly onEpoch: ((progress: EpochProgress<S>) => void | Promise<void>) | undefined;
  readonly onEvaluation?: ((record: EvaluationRecord<S>) => void | Promise<void>) | undefined;
  readonly signal: AbortSignal | undefined;
  /** Rows of each class, for epochs with the same number of each; left out: an epoch has each row once. */
  readonly classes?: readonly (readonly number[])[] | undefined;
  /** Saves the training at intervals and resumes it; left out: it is not saved. */
  readonly checkpoints?: Checkpoints | undefined;
  /** Files for the numbers of the training; left out: there are none. */
  readonly logs?: LogPlan | undefined;
  /** The rows of `evaluate`, for the checkpoints. */
  readonly held?: Examples | undefined;
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
  const trainer = makeTrainer(program, {
    optimizer: OPTIMIZERS[settings.optimizer].settings(settings),
    groups: parameterGroups(graph, settings, trainedWeights(graph, settings)),
    averageDecay: settings.averageDecay,
    keeps: keepsCopy(settings, hooks),
  });
  try {
    const run = new Run<S>(trainer, { program, graph, corpus, objective, settings, hooks });
    try {
      return await run.all();
    } finally {
      await run.close();
    }
  } finally {
    trainer.dispose();
  }
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
  readonly program: NativeProgram;
  readonly graph: EncoderGraph;
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
  private readonly epochs: number;
  private readonly progress: TrainingProgress<S>;
  private readonly begin = performance.now();
  private subject: TrainingSubject | undefined;
  private tokens = 0;
  private trainMs = 0;
  private rowsTaken = 0;
  private stepsTaken = 0;
  private diverged: Divergence | null = null;
  /** Whether the trainer has room for a copy of the weights. */
  private readonly keeps: boolean;
  /** What the copy is, where one was made in this run. */
  private kept: GoodWeights | null = null;
  /** The lowest mean loss of an epoch. */
  private lowestLoss = Number.POSITIVE_INFINITY;
  private readonly log: TrainLog | undefined;

  constructor(trainer: NativeTrainer, work: Work<S>) {
    const { corpus, settings } = work;
    const { batchSize, gradientAccumulationSteps, learningRate, warmup, maxSteps } = settings;
    const rowsPerStep = batchSize * gradientAccumulationSteps;
    const { classes } = work.hooks;
    const plan = { ...settings, batchSize: rowsPerStep, classes, textsOf: corpus.textsOf };
    const sampler =
      corpus.sampler?.(rowsPerStep, settings.shuffle) ??
      new Sampler(corpus.size, plan, (row) => corpus.lengthOf(row));
    // Of rows that were not counted an epoch may be of one step.
    const epochSteps = sampler.batchCount ?? 1;
    this.epochs = maxSteps === 0 ? settings.epochs : Math.ceil(maxSteps / epochSteps);
    const totalSteps = maxSteps === 0 ? settings.epochs * epochSteps : maxSteps;
    const warm = warmupSteps(warmup, totalSteps);
    this.trainer = trainer;
    this.work = work;
    this.keeps = keepsCopy(settings, work.hooks);
    this.log = work.hooks.logs && new TrainLog(work.hooks.logs);
    const parts = scheduleParts(settings.schedule);
    this.schedule = { ...parts, learningRate, warmupSteps: warm, totalSteps };
    const scores = new BestScores(settings);
    this.progress = new TrainingProgress(new SeededRandom(settings.seed), sampler, scores);
  }

  async all(): Promise<Omit<TrainReport<S>, 'truncated' | 'advice'>> {
    const { corpus, settings, hooks } = this.work;
    const { progress } = this;
    const { scores } = progress;
    await this.resume();
    await this.log?.begin(progress.history, progress.epochs, hooks.checkpoints?.resumes === true);
    const isOver = () => progress.epoch >= this.epochs || this.isDone();
    while (progress.inEpoch || !isOver()) {
      if (!progress.inEpoch) progress.beginEpoch();
      await this.epoch().catch((error) => this.endDiverged(error));
      if (this.diverged !== null) break;
    }
    const { steps, epochs, evaluations } = progress.history;
    const isBest = settings.loadBestModelAtEnd && scores.best !== null;
    if (this.diverged === null && isBest) await this.exchange('kept');
    else if (this.diverged === null && settings.averageDecay > 0 && progress.steps > 0)
      await this.exchange('average');
    await this.logEnd();
    return {
      ...{ steps, epochs, evaluations },
      best: scores.best,
      diverged: this.diverged,
      stoppedEarly: this.diverged !== null || progress.steps < this.schedule.totalSteps,
      rows: corpus.size,
      seconds: this.seconds(),
      tokensPerSecond: this.tokensPerSecond(),
    };
  }

  async close(): Promise<void> {
    await this.log?.close();
    await this.progress.sampler.close?.();
  }

  private async logEnd(): Promise<void> {
    const { steps, epochs: epoch, history } = this.progress;
    const loss = history.steps.reduce((sum, one) => sum + one.loss, 0) / history.steps.length;
    const { rowsTaken, stepsTaken } = this;
    const seconds = this.seconds();
    await this.log?.end({ steps, epoch, loss, rowsTaken, stepsTaken, seconds });
  }

  /** Goes on from a checkpoint, if there is one. */
  private async resume(): Promise<void> {
    const { program, graph, corpus, settings, hooks } = this.work;
    if (hooks.checkpoints === undefined) return;
    this.subject = {
      settings,
      model: await digestOfModel(graph, program.store, hooks.signal),
      rows: corpus.digest ?? (await digestOfExamples(corpus)),
      held: hooks.held === undefined ? '' : await digestOfExamples(hooks.held),
    };
    await hooks.checkpoints.begin(this.trainer, this.progress, this.subject, hooks.signal);
  }

  private async epoch(): Promise<void> {
    const { settings, hooks } = this.work;
    const { progress } = this;
    const { sampler, history } = progress;
    while (!this.isDone()) {
      const rows = await sampler.next();
      if (rows === undefined) break;
      progress.lossSum += (await this.step(rows)) * rows.length;
      progress.rows += rows.length;
      if (settings.evalSteps > 0 && progress.steps % settings.evalSteps === 0)
        await this.evaluate();
      if (this.subject !== undefined)
        await hooks.checkpoints?.afterStep(this.trainer, progress, this.subject, hooks.signal);
    }
    await this.checkLastStep(sampler.last);
    const isLast = this.isDone() || progress.epoch >= this.epochs;
    if (settings.evalSteps === 0 || isLast) await this.evaluate();
    const { epoch } = progress;
    const scores = history.evaluations.findLast((one) => one.epoch === epoch)?.scores ?? null;
    const record: EpochRecord<S> = {
      epoch,
      trainLoss: progress.lossSum / progress.rows,
      eval: scores,
    };
    history.epochs.push(record);
    await this.keepEpoch(record);
    progress.endEpoch();
    const totalEpochs = this.epochs;
    await hooks.onEpoch?.({ ...record, totalEpochs, seconds: this.seconds() });
    if (this.subject !== undefined)
      await hooks.checkpoints?.afterEpoch(this.trainer, progress, this.subject, hooks.signal);
  }

  /** A divergence ends the training with its last good weights; without any its error names the newest checkpoint. */
  private async endDiverged(error: unknown): Promise<void> {
    if (!isDivergence(error)) throw error;
    const { details } = error;
    const step = Number(details.step ?? this.progress.steps);
    const good = await this.lastGood(step);
    if (good === null) throw withCheckpoint(error, await this.work.hooks.checkpoints?.newest());
    this.diverged = { step, keptStep: good.step, message: endedWith(error, good), details };
  }

  /** Gives the program the last good weights and says what they are; null, and no change, where there are none. */
  private async lastGood(step: number): Promise<GoodWeights | null> {
    const { settings, hooks } = this.work;
    const { scores, history } = this.progress;
    const { best } = scores;
    const isBest = settings.loadBestModelAtEnd && best !== null;
    const kept = isBest ? { step: best.step, source: BEST } : this.kept;
    if (kept !== null) {
      await this.exchange('kept');
      return kept;
    }
    const isGood = isGoodCheckpoint(history, step);
    const saved = await hooks.checkpoints?.restoreNewest(this.trainer, isGood, hooks.signal);
    if (saved === undefined || saved === null) return null;
    if (settings.averageDecay > 0) await this.exchange('average');
    return { step: saved, source: 'the last good checkpoint' };
  }

  /** Copies the weights after an epoch whose loss is no higher than any before, where no evaluation says which are good. */
  private async keepEpoch({ epoch, trainLoss }: EpochRecord<S>): Promise<void> {
    const { settings, hooks } = this.work;
    if (!this.keeps || hooks.evaluate !== undefined) return;
    if (!(trainLoss <= this.lowestLoss)) return;
    this.lowestLoss = trainLoss;
    const hasAverage = settings.averageDecay > 0;
    if (hasAverage) await this.exchange('average');
    await this.keep(`epoch ${epoch}`);
    if (hasAverage) await this.exchange('average');
  }

  private async keep(source: string): Promise<void> {
    await runJob('train', this.work.hooks.signal, (jobId) => this.trainer.keep(jobId));
    this.kept = { step: this.progress.steps, source };
  }

  /** Whether the epoch ends here: all steps are taken, or the patience is at its end. */
  private isDone(): boolean {
    const { steps, scores } = this.progress;
    return steps >= this.schedule.totalSteps || scores.isOver;
  }

  /** Evaluates once per step at most; the average of the weights, where there is one. */
  private async evaluate(): Promise<void> {
    const { hooks, settings } = this.work;
    const { progress } = this;
    const { steps: step, epoch, history } = progress;
    if (hooks.evaluate === undefined || history.evaluations.at(-1)?.step === step) return;
    const hasAverage = settings.averageDecay > 0;
    if (hasAverage) await this.exchange('average');
    const begin = performance.now();
    const scores = await hooks.evaluate().catch((error) => {
      throw overflowed(error, step);
    });
    const seconds = (performance.now() - begin) / 1000;
    const value = scoreOf(scores, settings.metricForBestModel);
    const isBest = progress.scores.add({ step, epoch, value });
    if (isBest && this.keeps) await this.keep(BEST);
    if (hasAverage) await this.exchange('average');
    const record = { step, epoch, scores, isBest };
    history.evaluations.push(record);
    const held = { rows: hooks.held?.size ?? 0, seconds };
    await this.log?.afterEvaluation(step, progress.epochs, scores, held);
    await hooks.onEvaluation?.(record);
  }

  private async exchange(copy: 'average' | 'kept'): Promise<void> {
    await runJob('train', this.work.hooks.signal, (jobId) => this.trainer.exchange(copy, jobId));
  }

  /** Takes one optimizer step; returns its loss. */
  private async step(rows: readonly number[]): Promise<number> {
    const { corpus, objective, settings, hooks } = this.work;
    const { progress } = this;
    const learningRate = learningRateAt(this.schedule, progress.steps);
    const { maxGradNorm, maxGradValue } = settings;
    const dropoutSeed = progress.random.next();
    const { tokens, terms } = await objective(corpus.gather(rows), progress.random);
    const before = performance.now();
    const limits = { maxGradNorm, maxGradValue };
    const options = { learningRate, ...limits, dropoutSeed, signal: hooks.signal };
    const { loss, gradNorm } = await trainStep(this.trainer, tokens, terms, options);
    this.trainMs += performance.now() - before;
    this.tokens += tokens.ids.length;
    progress.steps++;
    const record = { step: progress.steps, epoch: progress.epoch, loss, learningRate, gradNorm };
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm))
      throw await diverged(record, this.trainer, { ...this.work, tokens, rows });
    progress.history.steps.push(record);
    this.rowsTaken += rows.length;
    this.stepsTaken++;
    await this.log?.afterStep(progress.history.steps, progress.epochs);
    const { totalSteps } = this.schedule;
    const totalEpochs = this.epochs;
    const times = { seconds: this.seconds(), tokensPerSecond: this.tokensPerSecond() };
    await hooks.onStep?.({ ...record, totalSteps, totalEpochs, ...times });
    return loss;
  }

  /**
   * Throws if the last step of the epoch has made the loss or the gradients infinite or NaN. No later step would show that,
   * so some of its rows are computed again.
   */
  private async checkLastStep(batch: readonly number[]): Promise<void> {
    const last: StepRecord | undefined = this.progress.history.steps.at(-1);
    if (last === undefined) return;
    const { corpus, objective, settings, hooks } = this.work;
    // A generator of its own, so that this check does not change the results of the training.
    const rows = batch.slice(0, CHECKED_ROWS);
    const { tokens, terms } = await objective(corpus.gather(rows), new SeededRandom(settings.seed));
    const options = { dropoutSeed: null, signal: hooks.signal };
    const { loss, gradNorm } = await tryStep(this.trainer, tokens, terms, options);
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm))
      throw await diverged({ ...last, loss, gradNorm }, this.trainer, {
        ...{ ...this.work, tokens, rows },
      });
    await checkWeights(this.trainer, last.step);
  }

  private tokensPerSecond(): number {
    return this.trainMs === 0 ? 0 : this.tokens / (this.trainMs / 1000);
  }

  private seconds(): number {
    return (performance.now() - this.begin) / 1000;
  }
}
