/**
 * The training loop: epochs, steps, schedule, progress. It changes the trainable program it is given and nothing else.
 *
 * The numbers depend on the weights, the corpus and the settings only, not on lanes, time or callbacks.
 */

import { SinterError } from '../core/errors.js';
import { runJob } from '../core/jobs.js';
import {
  type NativeProgram,
  type NativeTrainer,
  native,
  type TrainerSettings,
  toSinterError,
} from '../core/native.js';
import { SeededRandom } from '../data/random.js';
import type { EncoderGraph } from '../graph/types.js';
import { epochBatches } from './batches.js';
import type { Corpus } from './corpus.js';
import { learningRateAt, type Schedule, warmupSteps } from './schedule.js';
import type { TrainSettings } from './train-options.js';
import type {
  EpochProgress,
  EpochRecord,
  EvalScores,
  StepProgress,
  StepRecord,
  TrainReport,
} from './train-report.js';
import { decayedWeights } from './weight-decay.js';

export interface TrainHooks {
  /** Scores of the program as it is now; called after each epoch. */
  readonly evaluate: (() => Promise<EvalScores>) | undefined;
  readonly onStep: ((progress: StepProgress) => void | Promise<void>) | undefined;
  readonly onEpoch: ((progress: EpochProgress) => void | Promise<void>) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Trains `program` (trainable, sealed) on `corpus` with cross entropy over its `logits`. */
export async function runTraining(
  program: NativeProgram,
  graph: EncoderGraph,
  corpus: Corpus,
  settings: TrainSettings,
  hooks: TrainHooks,
): Promise<Omit<TrainReport, 'truncated'>> {
  const { beta1, beta2, epsilon, weightDecay } = settings;
  const decayed = decayedWeights(graph);
  const trainer = makeTrainer(program, { beta1, beta2, epsilon, weightDecay, decayed });
  try {
    return await new Run(trainer, corpus, settings, hooks).all();
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

/** The state of one run. */
class Run {
  private readonly trainer: NativeTrainer;
  private readonly corpus: Corpus;
  private readonly settings: TrainSettings;
  private readonly hooks: TrainHooks;
  private readonly schedule: Schedule;
  private readonly random: SeededRandom;
  private readonly begin = performance.now();
  private readonly steps: StepRecord[] = [];
  private trainMs = 0;

  constructor(trainer: NativeTrainer, corpus: Corpus, settings: TrainSettings, hooks: TrainHooks) {
    const { epochs, batchSize, schedule, learningRate, warmup, seed } = settings;
    const totalSteps = epochs * Math.ceil(corpus.size / batchSize);
    const warm = warmupSteps(warmup, totalSteps);
    this.trainer = trainer;
    this.corpus = corpus;
    this.settings = settings;
    this.hooks = hooks;
    this.schedule = { kind: schedule, learningRate, warmupSteps: warm, totalSteps };
    this.random = new SeededRandom(seed);
  }

  async all(): Promise<Omit<TrainReport, 'truncated'>> {
    const epochs: EpochRecord[] = [];
    for (let epoch = 1; epoch <= this.settings.epochs; epoch++)
      epochs.push(await this.epoch(epoch));
    const tokens = this.corpus.tokenCount * this.settings.epochs;
    return {
      steps: this.steps,
      epochs,
      rows: this.corpus.size,
      seconds: this.seconds(),
      tokensPerSecond: tokens / (this.trainMs / 1000),
    };
  }

  private async epoch(epoch: number): Promise<EpochRecord> {
    const { corpus, settings, hooks } = this;
    const lengthOf = (row: number) => corpus.lengthOf(row);
    const batches = epochBatches(corpus.size, settings, this.random, lengthOf);
    let lossSum = 0;
    for (const rows of batches) lossSum += (await this.step(rows, epoch)) * rows.length;
    const scores = (await hooks.evaluate?.()) ?? null;
    const record: EpochRecord = { epoch, trainLoss: lossSum / corpus.size, eval: scores };
    const totalEpochs = settings.epochs;
    await hooks.onEpoch?.({ ...record, totalEpochs, seconds: this.seconds() });
    return record;
  }

  /** One optimizer step; gives its loss. */
  private async step(rows: readonly number[], epoch: number): Promise<number> {
    const { tokens, labels } = this.corpus.gather(rows);
    const learningRate = learningRateAt(this.schedule, this.steps.length);
    const { maxGradNorm } = this.settings;
    const dropoutSeed = this.random.next();
    const before = performance.now();
    const { loss, gradNorm } = await runJob('train', this.hooks.signal, (jobId) =>
      this.trainer.step(
        tokens,
        { kind: 'cross_entropy', labels },
        { jobId, learningRate, maxGradNorm, dropoutSeed, update: true },
      ),
    );
    this.trainMs += performance.now() - before;
    const record = { step: this.steps.length + 1, epoch, loss, learningRate, gradNorm };
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) throw diverged(record);
    this.steps.push(record);
    const { totalSteps } = this.schedule;
    const totalEpochs = this.settings.epochs;
    await this.hooks.onStep?.({ ...record, totalSteps, totalEpochs, seconds: this.seconds() });
    return loss;
  }

  private seconds(): number {
    return (performance.now() - this.begin) / 1000;
  }
}

function diverged({ step, loss, learningRate, gradNorm }: StepRecord): SinterError {
  return new SinterError(
    'INVALID_DATA',
    `train: step ${step} has loss ${loss} and gradient norm ${gradNorm} at learning rate ${learningRate}; ` +
      'the training diverged and the model keeps its weights: lower learningRate',
    { details: { step, learningRate } },
  );
}
