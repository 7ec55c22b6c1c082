/**
 * What a compression has to know of a kind of model: how good a smaller form is, and how it learns from the original.
 *
 * The rule: the search sees parts and outcomes only; rows, labels and losses stay inside the subject of their task.
 */

import type { Outcome } from '../../compress/outcome.js';
import type { RowLoss } from '../../compress/row-losses.js';
import type { OutputName } from '../../graph/types.js';
import type { ModelParts } from '../../runtime/model-parts.js';
import type { TextInput } from '../../tokenize/text-tokenizer.js';
import type { HiddenStatePair } from '../../train/distillation-options.js';
import type { StepProgress } from '../../train/train-report.js';

/** Rows to learn from, rows by which candidates are compared, and rows for the verdict, which were used for no choice. */
export interface SubjectRows<Row> {
  readonly train: readonly Row[];
  readonly choice: readonly Row[];
  readonly test: readonly Row[];
  /** Texts without labels, to distil on beside the rows. */
  readonly unlabelled: readonly TextInput[];
  /** Whether the rows have no labels: then the original's own answers are the truth. */
  readonly isUnlabelled: boolean;
}

/** Loads a model that `save` wrote. */
export type SubjectLoader<M> = (folder: string) => Promise<M>;

/** Which rows are measured. */
export type MeasuredPart = 'choice' | 'test';

/** A training of a smaller model with the original as its teacher. */
export interface Recovery {
  readonly teacher: ModelParts;
  /** Hidden states that the student learns. Empty: none. */
  readonly hiddenStates: readonly HiddenStatePair[];
  readonly epochs: number;
  readonly learningRate: number;
  readonly batchSize: number;
  readonly seed: number;
  /** A folder for checkpoints, from which an interrupted training goes on; null: none are kept. */
  readonly checkpoints: string | null;
  readonly onStep?: ((progress: StepProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A kind of model with its rows. */
export interface Subject {
  /** Name of the task, as `--task` has it, or `embedding`. */
  readonly task: string;
  /** Name of the score. */
  readonly metric: string;
  /** The texts of the rows to learn from, then those without labels. */
  readonly inputs: readonly TextInput[];
  /** The output that is measured. */
  readonly output: OutputName;
  /** The loss by which heads and neurons are found important; it needs no labels. */
  readonly rowLoss: RowLoss;
  /** Whether the rows have no labels: then the original's own outputs are the truth. */
  readonly isUnlabelled: boolean;
  readonly counts: Readonly<Record<'train' | 'choice' | 'test' | 'unlabelled', number>>;
  measure(parts: ModelParts, part: MeasuredPart, signal?: AbortSignal): Promise<Outcome>;
  /** The trained parts; those given are freed, also on an error. */
  recover(parts: ModelParts, recovery: Recovery): Promise<ModelParts>;
  /** Reads parts that `saveModel` wrote. */
  load(folder: string): Promise<ModelParts>;
}
