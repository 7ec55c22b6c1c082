/** Regression: the logits are the predicted numbers, trained with squared error. */

import { typeMistake } from '../../core/errors.js';
import type { Matrix } from '../../core/matrix.js';
import {
  meanAbsoluteError,
  meanSquaredError,
  pearson,
  r2Score,
  spearman,
} from '../../metrics/index.js';
import { type Rows, textOf } from '../../train/collect-rows.js';
import { meanSquares } from '../../train/objectives.js';
import type { TargetNumbers } from '../../train/targets.js';
import type { Problem } from './problem.js';

/** A training row with one number or several. */
export interface ValueRow {
  readonly text: string;
  /** Second text of a pair. */
  readonly pair?: string | undefined;
  /** One number per output of the model; a single one need not be in an array. */
  readonly value: number | readonly number[];
}

/** Rows from memory or of a reader. */
export type ValueRows = Rows<ValueRow>;

/** The numbers of a text. */
export interface ValuePrediction {
  /** The first output. */
  readonly value: number;
  /** All outputs. */
  readonly values: readonly number[];
  /** Whether the text exceeded the limit and was truncated. */
  readonly truncated: boolean;
}

/** Scores of a regression, each the mean over the outputs. */
export interface ValueScores {
  /** Mean squared error. */
  readonly loss: number;
  readonly pearson: number;
  readonly spearman: number;
}

/** Scores of a regression on rows with values. */
export interface ValueEvaluation extends ValueScores {
  readonly rows: number;
  readonly meanAbsoluteError: number;
  /** Coefficient of determination; 1 is a perfect prediction. */
  readonly r2: number;
  /** All outputs for each row. */
  readonly predicted: readonly (readonly number[])[];
}

export function regression(
  outputs: number,
): Problem<ValuePrediction, ValueEvaluation, ValueScores> {
  return {
    target: { width: outputs, kind: 'numbers' },
    objective: meanSquares,
    parse(at, row) {
      const input = textOf(at, row, 'text and value');
      const { value } = row as { readonly value?: unknown };
      const values: readonly unknown[] = Array.isArray(value) ? value : [value];
      const target = values.filter((v): v is number => typeof v === 'number' && Number.isFinite(v));
      if (target.length !== values.length || target.length !== outputs) {
        const what = outputs === 1 ? 'a finite number' : `${outputs} finite numbers`;
        throw typeMistake(`${at}.value`, what, value);
      }
      return { input, target };
    },
    prediction(logits, { truncated }) {
      const values = Array.from(logits);
      return { value: values[0] ?? 0, values, truncated };
    },
    evaluate: (logits, targets) => scoreValues(logits, targets, outputs),
    scores: ({ loss, pearson: r, spearman: rho }) => ({ loss, pearson: r, spearman: rho }),
  };
}

function scoreValues(logits: Matrix, targets: TargetNumbers, outputs: number): ValueEvaluation {
  const column = (values: TargetNumbers, output: number) =>
    values.filter((_, i) => i % outputs === output);
  const mean = (score: (truth: TargetNumbers, predicted: TargetNumbers) => number) => {
    let sum = 0;
    for (let i = 0; i < outputs; i++) sum += score(column(targets, i), column(logits.data, i));
    return sum / outputs;
  };
  return {
    rows: logits.rows,
    loss: mean(meanSquaredError),
    // A single row has no correlation.
    pearson: logits.rows < 2 ? Number.NaN : mean(pearson),
    spearman: logits.rows < 2 ? Number.NaN : mean(spearman),
    meanAbsoluteError: mean(meanAbsoluteError),
    r2: mean(r2Score),
    predicted: Array.from({ length: logits.rows }, (_, i) => Array.from(logits.row(i))),
  };
}
