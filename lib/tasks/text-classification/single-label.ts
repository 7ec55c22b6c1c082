/**
 * Classification in which each text has exactly one label: softmax and cross entropy.
 *
 * A head with one class gives the sigmoid of its logit, as in the pipeline of transformers. Training or evaluating it with
 * one label per text would be meaningless.
 */

import { SinterError, show, typeMistake } from '../../core/errors.js';
import type { Matrix } from '../../core/matrix.js';
import { knownSpelling, showLabels } from '../../data/label-variants.js';
import type { FileRow } from '../../data/types.js';
import {
  accuracy,
  averagedScores,
  type ClassificationReport,
  type ConfusionMatrix,
  type CoveragePoint,
  calibrationError,
  classificationReport,
  confusionMatrix,
  coverageCurve,
  type ReliabilityBin,
  reliability,
} from '../../metrics/index.js';
import { argmax, asProbability, meanCrossEntropy, sigmoid, softmax } from '../../metrics/logits.js';
import { type Rows, textOf } from '../../train/collect-rows.js';
import { crossEntropy } from '../../train/objectives.js';
import type { EvalScores } from '../../train/train-report.js';
import type { Problem } from './problem.js';
import { topLabels } from './top-labels.js';

/**
 * One example. Labels are plain strings here, whatever the classifier's label type: rows mostly come from files, so each
 * label is checked when its row is read. Only the type lets `label` be missing, so that rows of `readRows` fit.
 */
export interface LabelledRow {
  readonly text: string;
  /** Second text of a pair. */
  readonly pair?: string | undefined;
  readonly label: string;
  /** With `teacher: 'logits'`: a teacher's logits, in the order of the model's labels. */
  readonly logits?: ArrayLike<number> | undefined;
}

/** A row to distil on without a label. */
export interface TaughtRow {
  readonly text: string;
  /** Second text of a pair. */
  readonly pair?: string | undefined;
  readonly label?: undefined;
  /** A teacher's logits, in the order of the model's labels; left out where the teacher is a model. */
  readonly logits?: ArrayLike<number> | undefined;
}

/** Rows from memory or of `readRows`; one of a file that has no label is a TypeError. */
export type LabelledRows = Rows<LabelledRow | FileRow>;

/** The label of a text. */
export interface Prediction<L extends string = string> {
  /** The most probable label. */
  readonly label: L;
  /** Probability of `label`. */
  readonly score: number;
  /** Probability of every label. */
  readonly scores: Readonly<Record<L, number>>;
  /** Whether the text exceeded the limit and was truncated. */
  readonly truncated: boolean;
}

/** Scores of a classifier on labelled rows. */
export interface Evaluation<L extends string = string> {
  readonly rows: number;
  /** Mean cross entropy. */
  readonly loss: number;
  /** Share of rows whose label is predicted right, 0 to 1. */
  readonly accuracy: number;
  /** Mean F1 over the labels that occur in the rows or the predictions. */
  readonly macroF1: number;
  /** Expected calibration error of the predicted labels' probabilities in 15 bins, 0 to 1. */
  readonly calibrationError: number;
  /** Probabilities of the predicted labels against the share that is right, in 15 bins. */
  readonly reliability: readonly ReliabilityBin[];
  /** What is left, and how much of it is right, where `minScore` rejects predictions. */
  readonly coverage: readonly CoveragePoint[];
  readonly report: ClassificationReport;
  /** Rows are the true labels, columns the predicted ones; all labels of the model, in its order. */
  readonly confusion: ConfusionMatrix<L>;
  /** Predicted label of each row. */
  readonly predicted: readonly L[];
}

/** Number of labels that a message shows. */
const SHOWN_LABELS = 8;

export function singleLabel<L extends string>(
  labels: readonly L[],
): Problem<Prediction<L>, Evaluation<L>, EvalScores> {
  const classes = new Map<string, number>(labels.map((label, i) => [label, i]));
  return {
    target: { width: 1, kind: 'classes' },
    objective: crossEntropy,
    parse(at, row) {
      if (labels.length < 2) throw oneLabel();
      const input = textOf(at, row, 'text and label');
      const { label } = row as LabelledRow;
      return { input, target: [classIndexOf(`${at}.label`, label, classes)] };
    },
    prediction(logits, { truncated, topK, minScore = 0 }) {
      const probabilities = labels.length === 1 ? Array.from(logits, sigmoid) : softmax(logits);
      const best = argmax(logits);
      const scores = Object.fromEntries(labels.map((label, i) => [label, probabilities[i]]));
      const score = probabilities[best] ?? 0;
      return {
        // The type has null only where the caller gave minScore.
        label: (score >= minScore ? labels[best] : null) as L,
        score,
        scores: scores as Record<L, number>,
        truncated,
        ...topLabels(labels, probabilities, topK),
      };
    },
    evaluate: (logits, targets) => scoreLogits(logits, targets, labels),
    labelsOf: (target) => [target[0] ?? -1],
    scores: ({ accuracy: share, macroF1, loss }) => ({ accuracy: share, macroF1, loss }),
  };
}

function oneLabel(): SinterError {
  return new SinterError(
    'UNSUPPORTED_MODEL',
    "the head has one label only: load the model with problem: 'multi_label_classification' for rows with labels, or with " +
      "problem: 'regression' for rows with a value",
  );
}

/** Class index of a label. Throws TypeError if it is not one of the labels. */
export function classIndexOf(
  where: string,
  label: unknown,
  classes: ReadonlyMap<string, number>,
): number {
  const index = typeof label === 'string' ? classes.get(label) : undefined;
  if (index !== undefined) return index;
  const names = [...classes.keys()];
  const shown = names.slice(0, SHOWN_LABELS).map(show).join(', ');
  const more = names.length > SHOWN_LABELS ? ` and ${names.length - SHOWN_LABELS} more` : '';
  const mistake = typeMistake(where, `one of ${shown}${more}`, label);
  if (typeof label !== 'string') throw mistake;
  const near = knownSpelling(label, names);
  if (near === undefined) throw mistake;
  const [own, known] = showLabels([label, near]);
  mistake.message += `: ${own} is another spelling of ${known}, which is one of them`;
  throw mistake;
}

/** Evaluation of `logits` [rows, labels] against the true classes. */
export function scoreLogits<L extends string>(
  logits: Matrix,
  classes: ArrayLike<number>,
  labels: readonly L[],
): Evaluation<L> {
  const truth = Array.from(classes, (index) => labels[index] as L);
  const predicted = truth.map((_, i) => labels[argmax(logits.row(i))] as L);
  const macro = averagedScores(truth, predicted, 'macro');
  const scores = truth.map((_, i) => {
    const row = logits.row(i);
    return asProbability(softmax(row)[argmax(row)]);
  });
  const right = truth.map((label, i) => label === predicted[i]);
  const bins = reliability(scores, right);
  return {
    rows: truth.length,
    loss: meanCrossEntropy(logits, classes),
    accuracy: accuracy(truth, predicted),
    macroF1: macro.f1,
    calibrationError: calibrationError(bins),
    reliability: bins,
    coverage: coverageCurve(scores, right),
    report: classificationReport(truth, predicted),
    confusion: confusionMatrix(truth, predicted, { labels }),
    predicted,
  };
}
