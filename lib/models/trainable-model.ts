/**
 * A model with a head that can be trained.
 *
 * Only `train` changes its weights, and only when it ends well: until then, and after an abort, the model is what it
 * was. Calls that run meanwhile use the weights they began with.
 */

import { type QuantizeOptions, quantizeModel } from '../compress/quantize-model.js';
import { rangeMistake, SinterError } from '../core/errors.js';
import type { Matrix } from '../core/matrix.js';
import { type KnownOptions, readOptions } from '../core/options.js';
import { isQuantized } from '../graph/rewrite/quantize.js';
import { forwardTexts } from '../runtime/forward.js';
import type { ModelParts } from '../runtime/model-parts.js';
import type { RunSettings } from '../runtime/predict-options.js';
import { forwardWindows, type WindowSettings } from '../runtime/windowed-logits.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import type { Rows } from '../train/collect-rows.js';
import type { TrainPlan } from '../train/train-model.js';
import { readTrainOptions, TRAIN_OPTIONS, type TrainOptions } from '../train/train-options.js';
import type { EpochProgress, StepProgress, TrainReport } from '../train/train-report.js';
import { trainingRecord } from '../train/training-record.js';
import { TextModel } from './text-model.js';

/** Options of every `train`; `Row` is what it learns from, `S` the scores that it reports. */
export interface ModelTrainOptions<Row, S> extends TrainOptions {
  /** Held-out rows, evaluated after each epoch. */
  readonly eval?: Rows<Row>;
  /** Cuts rows at this many tokens. Default: the model's limit. */
  readonly maxTokens?: number;
  /** Called after each step; a promise is waited for. */
  readonly onStep?: (progress: StepProgress) => void | Promise<void>;
  /** Called after each epoch and its evaluation; a promise is waited for. */
  readonly onEpoch?: (progress: EpochProgress<S>) => void | Promise<void>;
  readonly signal?: AbortSignal;
}

export interface EvaluateOptions {
  readonly signal?: AbortSignal;
}

export const MODEL_TRAIN_OPTIONS = {
  ...TRAIN_OPTIONS,
  eval: true,
  maxTokens: true,
  onStep: true,
  onEpoch: true,
  signal: true,
} as const;

/** What a plan is made with. */
export interface PlanContext {
  readonly where: 'train';
  readonly maxTokens: number;
  readonly signal: AbortSignal;
}

export abstract class TrainableModel extends TextModel {
  private training = false;

  /** @internal Trains by the plan that `makePlan` makes of the rows. `known`: the names that `options` may have. */
  protected async runTraining<Row, S, O extends ModelTrainOptions<Row, S>>(
    options: O,
    known: KnownOptions<O>,
    makePlan: (context: PlanContext) => Promise<TrainPlan<S>>,
  ): Promise<TrainReport<S>> {
    const where = 'train';
    const settings = readTrainOptions<TrainOptions>(where, options, known as never);
    const read = readOptions<ModelTrainOptions<Row, S>>(where, options, known as never);
    const maxTokens = read.count('maxTokens', this.maxTokens);
    if (maxTokens > this.maxTokens) {
      const what = `at most ${this.maxTokens}, the model's own limit`;
      throw rangeMistake(`${where}: maxTokens`, what, maxTokens);
    }
    const hooks = { onStep: read.callback('onStep'), onEpoch: read.callback('onEpoch') };
    const own = read.signal();
    const signal = AbortSignal.any([this.ended.signal, ...(own === undefined ? [] : [own])]);
    if (isQuantized(this.parts.graph)) {
      throw new SinterError(
        'UNSUPPORTED_MODEL',
        'train: the model is quantized; train the f32 model and quantize it afterwards',
      );
    }
    if (this.training) throw new SinterError('OVERLOADED', 'train: the model is being trained');
    this.training = true;
    try {
      const { parts } = this;
      const { graph, program, report } = await this.use(where, async (current) => {
        const plan = await makePlan({ where, maxTokens, signal });
        const { trainParts } = await import('../train/train-model.js');
        return trainParts(parts, current, plan, { settings, hooks, signal });
      });
      const training = trainingRecord(parts, { ...settings, maxTokens }, report);
      const origin = { ...parts.origin, untrained: [] };
      this.parts = { ...parts, graph, program, training, origin };
      // Calls that still use the old weights end first; they are not waited for.
      void parts.program.retire();
      if (this.isDisposed) void program.retire();
      return report;
    } finally {
      this.training = false;
    }
  }

  /** @internal One row of logits per text; the caller is told which were cut. */
  protected async forward(
    where: string,
    texts: readonly TextInput[],
    { cuts, ...run }: RunSettings,
    windows: WindowSettings | null = null,
  ): Promise<Matrix> {
    const { parts } = this;
    const { graph, tokenizer } = parts;
    const request = { where, output: 'logits', maxTokens: this.maxTokens, ...run } as const;
    const logits = await this.use(where, (program) =>
      windows === null
        ? forwardTexts(program, tokenizer, graph, texts, { ...request, onCut: cuts.add })
        : forwardWindows(program, parts, texts, { ...request, ...windows }),
    );
    cuts.report();
    return logits;
  }

  /** @internal Parts of a new model with int8 weights. */
  protected async quantizedParts(options: QuantizeOptions): Promise<ModelParts> {
    const { parts } = this;
    return this.use('quantize', (program) => quantizeModel(parts, program, options));
  }
}
