/** Classification in which a text may have any number of labels: sigmoid and binary cross entropy for each label. */

import { typeMistake } from '../../core/errors.js';
import type { Matrix } from '../../core/matrix.js';
import {
  type ClassificationReport,
  calibrationError,
  hammingLoss,
  multilabelReport,
  type ReliabilityBin,
  reliability,
  subsetAccuracy,
} from '../../metrics/index.js';
import { asProbability, meanBinaryCrossEntropy, sigmoid } from '../../metrics/logits.js';
import { type Rows, textOf } from '../../train/collect-rows.js';
import { binaryCrossEntropy } from '../../train/objectives.js';
import type { TargetNumbers } from '../../train/targets.js';
import type { PredictionSettings, Problem } from './problem.js';
import { classIndexOf } from './single-label.js';
import { topLabels } from './top-labels.js';

/** A training row with any number of labels. */
export interface MultiLabelRow {
  readonly text: string;
  /** Second text of a pair. */
  readonly pair?: string | undefined;
  /** All labels that apply; may be empty. */
  readonly labels: readonly string[];
}

/** Rows from memory or of a reader. */
export type MultiLabelRows = Rows<MultiLabelRow>;

/** The labels of a text. */
export interface MultiLabelPrediction<L extends string = string> {
  /** The labels whose probability reaches the threshold, the most probable first. */
  readonly labels: readonly L[];
  /** Probability of every label, independent of the others. */
  readonly scores: Readonly<Record<L, number>>;
  /** Whether the text exceeded the limit and was truncated. */
  readonly truncated: boolean;
}

/** Scores on the held-out rows, with the model's thresholds: those that were fitted, else 0.5. */
export interface MultiLabelScores {
  /** Mean binary cross entropy. */
  readonly loss: number;
  /** F1 over all decisions. */
  readonly microF1: number;
  /** Mean F1 over all labels of the model. */
  readonly macroF1: number;
  /** Share of rows whose labels are all right. */
  readonly subsetAccuracy: number;
}

/** Scores of a multi-label classifier on labelled rows, with the model's thresholds: those that were fitted, else 0.5. */
export interface MultiLabelEvaluation<L extends string = string> extends MultiLabelScores {
  readonly rows: number;
  /** Share of wrong decisions over all rows and labels. */
  readonly hammingLoss: number;
  /** Expected calibration error of all probabilities in 15 bins, 0 to 1. */
  readonly calibrationError: number;
  /** Probabilities against the share of decisions that were so, in 15 bins. */
  readonly reliability: readonly ReliabilityBin[];
  readonly report: ClassificationReport;
  /** Predicted labels of each row. */
  readonly predicted: readonly (readonly L[])[];
}

export function multiLabel<L extends string>(
  labels: readonly L[],
): Problem<MultiLabelPrediction<L>, MultiLabelEvaluation<L>, MultiLabelScores> {
  const classes = new Map<string, number>(labels.map((label, i) => [label, i]));
  const prediction = (
    logits: Float32Array,
    { thresholds, truncated, topK }: PredictionSettings,
  ): MultiLabelPrediction<L> => {
    const probabilities = Array.from(logits, sigmoid);
    const order = [...labels.keys()].filter((i) => (probabilities[i] ?? 0) >= (thresholds[i] ?? 1));
    order.sort((a, b) => (probabilities[b] ?? 0) - (probabilities[a] ?? 0) || a - b);
    const scores = Object.fromEntries(labels.map((label, i) => [label, probabilities[i]]));
    const names = order.map((i) => labels[i] as L);
    const top = topLabels(labels, probabilities, topK);
    return { labels: names, scores: scores as Record<L, number>, truncated, ...top };
  };
  return {
    target: { width: labels.length, kind: 'numbers' },
    objective: binaryCrossEntropy,
    parse(at, row) {
      const input = textOf(at, row, 'text and labels');
      const { labels: own } = row as { readonly labels?: unknown };
      if (!Array.isArray(own)) throw typeMistake(`${at}.labels`, 'an array of labels', own);
      const target = labels.map(() => 0);
      for (const [i, label] of own.entries())
        target[classIndexOf(`${at}.labels[${i}]`, label, classes)] = 1;
      return { input, target };
    },
    prediction,
    evaluate: (logits, targets, thresholds) =>
      scoreIndicators(logits, targets, labels, (row) =>
        prediction(row, { thresholds, truncated: false }),
      ),
    labelsOf: (target) => [...labels.keys()].filter((i) => target[i] === 1),
    scores: ({ loss, microF1, macroF1, subsetAccuracy: share }) => ({
      ...{ loss, microF1, macroF1, subsetAccuracy: share },
    }),
  };
}

function scoreIndicators<L extends string>(
  logits: Matrix,
  targets: TargetNumbers,
  labels: readonly L[],
  prediction: (logits: Float32Array) => MultiLabelPrediction<L>,
): MultiLabelEvaluation<L> {
  const width = labels.length;
  const truth = Array.from({ length: logits.rows }, (_, i) =>
    Array.from(targets.subarray(i * width, (i + 1) * width)),
  );
  const predicted = truth.map((_, i) => prediction(logits.row(i)).labels);
  const chosen = predicted.map((own) => labels.map((label) => (own.includes(label) ? 1 : 0)));
  const report = multilabelReport(truth, chosen, { names: labels });
  const probabilities = Array.from(logits.data, (logit) => asProbability(sigmoid(logit)));
  const bins = reliability(
    probabilities,
    probabilities.map((_, i) => (targets[i] ?? 0) > 0),
  );
  const average = (name: string) => report.averages.find((row) => row.name === name)?.f1 ?? 0;
  return {
    rows: truth.length,
    loss: meanBinaryCrossEntropy(logits, targets),
    microF1: average('micro avg'),
    macroF1: average('macro avg'),
    subsetAccuracy: subsetAccuracy(truth, chosen),
    hammingLoss: hammingLoss(truth, chosen),
    calibrationError: calibrationError(bins),
    reliability: bins,
    report,
    predicted,
  };
}
