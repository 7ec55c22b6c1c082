/**
 * What `calibrate` and `fitThresholds` make of a classifier: new parts and a report, from logits of held-out rows.
 */

import { SinterError } from '../core/errors.js';
import { Matrix } from '../core/matrix.js';
import type { ClassificationProblem } from '../graph/checkpoint.js';
import { classifierSettings, withClassifierSettings } from '../graph/classifier-settings.js';
import type { EncoderGraph } from '../graph/types.js';
import type { ReliabilityBin } from '../metrics/index.js';
import type { NativeProgram } from '../native/program.js';
import type { ModelParts } from '../runtime/model-parts.js';
import {
  bestThresholds,
  fitTemperature,
  movedThreshold,
} from '../tasks/text-classification/calibration.js';
import type { MultiLabelScores } from '../tasks/text-classification/multi-label.js';
import type { ProblemOf } from '../tasks/text-classification/problems.js';
import type { Rows } from '../train/collect-rows.js';
import { corpusLogits } from '../train/corpus-logits.js';
import type { TargetNumbers } from '../train/targets.js';
import { evenThresholds } from './label-thresholds.js';
import type { Learning, RowSet } from './trainable-model.js';

/** How far probabilities can be believed on some rows. */
export interface CalibrationScores {
  /** Cross entropy. */
  readonly loss: number;
  /** Expected calibration error in 15 bins, 0 to 1. */
  readonly calibrationError: number;
  /** Probabilities against the share that is right, in those bins. */
  readonly reliability: readonly ReliabilityBin[];
}

/** Result of `calibrate`. */
export interface CalibrationReport {
  /** The number that logits were divided by. Above 1: the model was too sure of itself. */
  readonly temperature: number;
  readonly rows: number;
  readonly before: CalibrationScores;
  readonly after: CalibrationScores;
}

/** Result of `fitThresholds`. */
export interface ThresholdReport<L extends string = string> {
  readonly thresholds: Readonly<Record<L, number>>;
  readonly rows: number;
  readonly before: Pick<MultiLabelScores, 'microF1' | 'macroF1'>;
  readonly after: Pick<MultiLabelScores, 'microF1' | 'macroF1'>;
}

/** Logits of held-out rows and their targets. */
export interface HeldLogits {
  readonly logits: Matrix;
  readonly targets: TargetNumbers;
  readonly signal: AbortSignal | undefined;
}

/** Throws UNSUPPORTED_MODEL for a head without probabilities of two labels or more. */
export function checkCalibrated(where: string, { head }: Pick<ModelParts, 'head'>): void {
  const isSingle = head.problem === 'single_label_classification';
  const least = isSingle ? 2 : 1;
  if (head.problem !== 'regression' && (head.labels?.length ?? 0) >= least) return;
  const what = 'calibration is for classifiers with probabilities of labels';
  throw new SinterError('UNSUPPORTED_MODEL', `${where}: ${what}`);
}

/** Throws UNSUPPORTED_MODEL for other problems than several labels per text. */
export function checkThresholded(where: string, { head }: Pick<ModelParts, 'head'>): void {
  if (head.problem === 'multi_label_classification') return;
  const what = 'thresholds are for classifiers with several labels per text';
  throw new SinterError('UNSUPPORTED_MODEL', `${where}: ${what}`);
}

/** The logits and targets of held-out rows. */
export async function heldLogits(
  learning: Pick<Learning<RowSet, unknown, unknown>, 'collect'>,
  rows: Rows<unknown>,
  call: {
    readonly where: string;
    readonly signal: AbortSignal | undefined;
    readonly maxTokens: number;
    readonly graph: EncoderGraph;
    readonly program: NativeProgram;
  },
): Promise<HeldLogits> {
  const { where, signal, maxTokens, graph, program } = call;
  const { corpus } = await learning.collect(rows, {
    ...{ where, signal, name: 'rows', maxTokens, held: true },
  });
  const logits = await corpusLogits(program, graph, corpus, { where, signal });
  return { logits, targets: corpus.targets.values, signal };
}

/** New parts of a model, and what the caller of the change gets. */
export interface Fitted<R> {
  readonly parts: ModelParts;
  readonly result: R;
}

/** Divides the logits by the temperature that fits the rows best. */
export async function calibrateHead<L extends string, K extends ClassificationProblem>(
  where: string,
  parts: ModelParts,
  program: NativeProgram,
  rules: ProblemOf<L, K>,
  { logits, targets, signal }: HeldLogits,
): Promise<Fitted<CalibrationReport>> {
  const temperature = fitTemperature(logits, targets, rules.target.kind);
  const labels = parts.head.labels ?? [];
  const old = classifierSettings(parts.config, labels.length, parts.path);
  const settings = {
    temperature: old.temperature * temperature,
    thresholds: old.thresholds?.map((one) => movedThreshold(one, temperature)) ?? null,
  };
  const scoresOf = (of: Matrix) => {
    const scores: unknown = rules.evaluate(of, targets, evenThresholds(labels));
    const { loss, calibrationError, reliability } = scores as CalibrationScores;
    return { loss, calibrationError, reliability };
  };
  const { data, rows, cols } = logits;
  const divided = new Matrix(
    data.map((logit) => logit / temperature),
    rows,
    cols,
  );
  // Imported here, because only a calibration needs it.
  const { withDividedLogits } = await import('../checkpoint/scale-logits.js');
  const made = await withDividedLogits(where, parts, program, temperature, signal);
  const config = withClassifierSettings(parts.config, settings);
  const result = { temperature, rows, before: scoresOf(logits), after: scoresOf(divided) };
  return { parts: { ...made, config }, result };
}

/** Keeps the thresholds with the best F1 on the rows. `own`: those that the model has. */
export function fitHeadThresholds<L extends string, K extends ClassificationProblem>(
  parts: ModelParts,
  rules: ProblemOf<L, K>,
  labels: readonly L[],
  { logits, targets }: HeldLogits,
  own: readonly number[],
): Fitted<ThresholdReport<L>> {
  const thresholds = bestThresholds(logits, targets, own);
  const scoresOf = (of: readonly number[]) => {
    const scores: unknown = rules.evaluate(logits, targets, of);
    const { microF1, macroF1 } = scores as MultiLabelScores;
    return { microF1, macroF1 };
  };
  const { temperature } = classifierSettings(parts.config, labels.length, parts.path);
  const config = withClassifierSettings(parts.config, { temperature, thresholds });
  const named = Object.fromEntries(labels.map((label, i) => [label, thresholds[i]]));
  const result = {
    thresholds: named as Record<L, number>,
    ...{ rows: logits.rows, before: scoresOf(own), after: scoresOf(thresholds) },
  };
  return { parts: { ...parts, config }, result };
}
