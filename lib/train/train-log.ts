/**
 * What a training logs and when, by the names of `Trainer` in transformers.
 *
 * Everything but the times follows from the training alone, so the log of a resumed training has the same entries.
 */

import { EventFiles, JsonLines, type LogEntry, type LogFile } from './log-files.js';
import type { LogPlan } from './log-options.js';
import type { TrainingHistory } from './progress.js';
import type { StepRecord } from './train-report.js';

/** The end of a training. */
export interface TrainedTotals {
  readonly steps: number;
  /** Epochs, with the part of the last one that was taken. */
  readonly epoch: number;
  /** Mean loss of all steps. */
  readonly loss: number;
  /** Rows and steps that were taken within `seconds`, which a resumed training counts from where it went on. */
  readonly rowsTaken: number;
  readonly stepsTaken: number;
  readonly seconds: number;
}

export class TrainLog {
  private readonly plan: LogPlan;
  private readonly files: readonly LogFile[];

  constructor(plan: LogPlan) {
    this.plan = plan;
    const { file, folder } = plan;
    this.files = [
      ...(file === undefined ? [] : [new JsonLines(file)]),
      ...(folder === undefined ? [] : [new EventFiles(folder)]),
    ];
  }

  /**
   * Makes the files. With `resumes` they may hold a log already, which goes on after the history: what it has of the last step
   * is written anew, because an evaluation may have come after the checkpoint.
   */
  async begin(
    { steps, evaluations }: TrainingHistory<unknown>,
    epoch: number,
    resumes: boolean,
  ): Promise<void> {
    const step = steps.length;
    for (const file of this.files) await file.begin(resumes ? step : undefined);
    if (step === 0) return;
    await this.afterStep(steps, epoch);
    const evaluation = evaluations.at(-1);
    if (evaluation?.step === step)
      await this.write(step, { ...evaluationEntry(evaluation.scores), epoch });
  }

  /** Called after each step with all steps so far. `epoch`: epochs, with the part of the running one that was taken. */
  async afterStep(steps: readonly StepRecord[], epoch: number): Promise<void> {
    const { everySteps } = this.plan;
    const last = steps.at(-1);
    if (last === undefined || last.step % everySteps !== 0) return;
    const losses = steps.slice(-everySteps).map(({ loss }) => loss);
    const { learningRate, gradNorm, step } = last;
    const loss = losses.reduce((sum, one) => sum + one, 0) / losses.length;
    const entry = { loss, grad_norm: gradNorm, learning_rate: learningRate, epoch };
    await this.write(step, entry);
  }

  /** Called after each evaluation of `rows` rows. */
  async afterEvaluation(
    step: number,
    epoch: number,
    scores: unknown,
    { rows, seconds }: { readonly rows: number; readonly seconds: number },
  ): Promise<void> {
    const times = { eval_runtime: seconds, eval_samples_per_second: rows / seconds };
    await this.write(step, { ...evaluationEntry(scores), ...times, epoch });
  }

  /** Called after the last step and its evaluation. */
  async end(totals: TrainedTotals): Promise<void> {
    const { steps, epoch, loss, rowsTaken, stepsTaken, seconds } = totals;
    await this.write(steps, {
      train_runtime: seconds,
      train_samples_per_second: rowsTaken / seconds,
      train_steps_per_second: stepsTaken / seconds,
      train_loss: loss,
      epoch,
    });
  }

  async close(): Promise<void> {
    for (const file of this.files) await file.close();
  }

  private async write(step: number, entry: LogEntry): Promise<void> {
    for (const file of this.files) await file.write(step, entry);
  }
}

/** The numbers among the scores of an evaluation. */
function evaluationEntry(scores: unknown): LogEntry {
  const all = Object.entries(scores as Readonly<Record<string, unknown>>);
  const numbers = all.filter(([, value]) => typeof value === 'number');
  return Object.fromEntries(numbers.map(([name, value]) => [`eval_${name}`, value as number]));
}
