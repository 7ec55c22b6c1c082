/**
 * The training loop: epochs, steps, schedule, progress. It changes the trainable program it is given and nothing else.
 *
 * The numbers depend on the weights, the corpus and the settings only, not on lanes, time or callbacks.
 */

import { type ErrorDetails, SinterError } from '../core/errors.js';
import { SeededRandom } from '../core/random.js';
import type { EncoderGraph } from '../graph/types.js';
import { runJob } from '../native/jobs.js';
import {
  type NativeProgram,
  type NativeTrainer,
  native,
  type TrainerSettings,
  toSinterError,
} from '../native/native.js';
import { epochBatches } from './batches.js';
import type { Corpus } from './corpus.js';
import type { Objective } from './objectives.js';
import { learningRateAt, type Schedule, warmupSteps } from './schedule.js';
import type { TrainSettings } from './train-options.js';
import type {
  EpochProgress,
  EpochRecord,
  StepProgress,
  StepRecord,
  TrainReport,
} from './train-report.js';
import { decayedWeights } from './weight-decay.js';

/** Rows that are computed once more after an epoch's last step: enough to meet weights that overflow. */
const CHECKED_ROWS = 4;

export interface TrainHooks<S> {
  /** Scores of the program as it is now; called after each epoch. */
  readonly evaluate: (() => Promise<S>) | undefined;
  readonly onStep: ((progress: StepProgress) => void | Promise<void>) | undefined;
  readonly onEpoch: ((progress: EpochProgress<S>) => void | Promise<void>) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Trains `program` (trainable, sealed) on `corpus` by what `objective` makes of its batches. */
export async function runTraining<S>(
  program: NativeProgram,
  graph: EncoderGraph,
  corpus: Corpus,
  objective: Objective,
  settings: TrainSettings,
  hooks: TrainHooks<S>,
): Promise<Omit<TrainReport<S>, 'truncated'>> {
  const { beta1, beta2, epsilon, weightDecay } = settings;
  const decayed = decayedWeights(graph);
  const trainer = makeTrainer(program, { beta1, beta2, epsilon, weightDecay, decayed });
  try {
    return await new Run<S>(trainer, { corpus, objective, settings, hooks }).all();
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
  readonly corpus: Corpus;
  readonly objective: Objective;
  readonly settings: TrainSettings;
  readonly hooks: TrainHooks<S>;
}

/** The state of one run. */
class Run<S> {
  private readonly trainer: NativeTrainer;
  private readonly work: Work<S>;
  private readonly schedule: Schedule;
  private readonly random: SeededRandom;
  private readonly begin = performance.now();
  private readonly steps: StepRecord[] = [];
  private trainMs = 0;

  constructor(trainer: NativeTrainer, work: Work<S>) {
    const { corpus, settings } = work;
    const { epochs, batchSize, schedule, learningRate, warmup, seed } = settings;
    const totalSteps = epochs * Math.ceil(corpus.size / batchSize);
    const warm = warmupSteps(warmup, totalSteps);
    this.trainer = trainer;
    this.work = work;
    this.schedule = { kind: schedule, learningRate, warmupSteps: warm, totalSteps };
    this.random = new SeededRandom(seed);
  }

  async all(): Promise<Omit<TrainReport<S>, 'truncated'>> {
    const { corpus, settings } = this.work;
    const epochs: EpochRecord<S>[] = [];
    for (let epoch = 1; epoch <= settings.epochs; epoch++) epochs.push(await this.epoch(epoch));
    const tokens = corpus.tokenCount * settings.epochs;
    return {
      steps: this.steps,
      epochs,
      rows: corpus.size,
      seconds: this.seconds(),
      tokensPerSecond: tokens / (this.trainMs / 1000),
    };
  }

  private async epoch(epoch: number): Promise<EpochRecord<S>> {
    const { corpus, settings, hooks } = this.work;
    const lengthOf = (row: number) => corpus.lengthOf(row);
    const batches = epochBatches(corpus.size, settings, this.random, lengthOf);
    let lossSum = 0;
    for (const rows of batches) lossSum += (await this.step(rows, epoch)) * rows.length;
    await this.checkLastStep(batches.at(-1) ?? []);
    const scores = (await hooks.evaluate?.()) ?? null;
    const record: EpochRecord<S> = { epoch, trainLoss: lossSum / corpus.size, eval: scores };
    const totalEpochs = settings.epochs;
    await hooks.onEpoch?.({ ...record, totalEpochs, seconds: this.seconds() });
    return record;
  }

  /** One optimizer step; gives its loss. */
  private async step(rows: readonly number[], epoch: number): Promise<number> {
    const { corpus, objective, settings, hooks } = this.work;
    const learningRate = learningRateAt(this.schedule, this.steps.length);
    const { maxGradNorm } = settings;
    const dropoutSeed = this.random.next();
    const { tokens, loss: target } = objective(corpus.gather(rows), this.random);
    const before = performance.now();
    const { loss, gradNorm } = await runJob('train', hooks.signal, (jobId) =>
      this.trainer.step(tokens, target, {
        ...{ jobId, learningRate, maxGradNorm, dropoutSeed, update: true },
      }),
    );
    this.trainMs += performance.now() - before;
    const record = { step: this.steps.length + 1, epoch, loss, learningRate, gradNorm };
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) throw diverged(record);
    this.steps.push(record);
    const { totalSteps } = this.schedule;
    const totalEpochs = settings.epochs;
    await hooks.onStep?.({ ...record, totalSteps, totalEpochs, seconds: this.seconds() });
    return loss;
  }

  /** What the epoch's last step made of the weights shows in no step after it: some of its rows are computed again. */
  private async checkLastStep(rows: readonly number[]): Promise<void> {
    const last = this.steps.at(-1);
    if (last === undefined) return;
    const { corpus, objective, settings, hooks } = this.work;
    // Of its own: the numbers of a training do not depend on this check.
    const some = corpus.gather(rows.slice(0, CHECKED_ROWS));
    const { tokens, loss: target } = objective(some, new SeededRandom(settings.seed));
    const { loss, gradNorm } = await runJob('train', hooks.signal, (jobId) =>
      this.trainer.step(tokens, target, {
        ...{ jobId, learningRate: 0, maxGradNorm: 0, dropoutSeed: null, update: false },
      }),
    );
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

/** The error of a training that ended in numbers that are none. */
export function divergence(what: string, details: ErrorDetails): SinterError {
  return new SinterError(
    'INVALID_DATA',
    `train: ${what}; the training diverged and the model keeps its weights: lower learningRate`,
    { details },
  );
}
