/**
 * Typed access to the values that scikit-learn and scipy computed (test/fixtures/metrics/SOURCE.md).
 *
 * The rule: numbers agree within 1e-12, texts byte for byte; "nan" and "inf" stand for numbers.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Label, ReportDict, Scores } from '../../lib/metrics/index.js';

interface PerLabel {
  readonly precision: readonly number[];
  readonly recall: readonly number[];
  readonly f1: readonly number[];
  readonly support: readonly number[];
}

interface CommonExpected {
  readonly accuracy: number;
  readonly micro: Scores;
  readonly macro: Scores;
  readonly weighted: Scores;
  readonly per_label: PerLabel;
  readonly classification_report: ReportDict;
  readonly classification_report_text: string;
  readonly classification_report_text_4_digits: string;
}

export interface SingleLabelCase {
  readonly name: string;
  readonly y_true: readonly Label[];
  readonly y_pred: readonly Label[];
  readonly zero_division: number;
  readonly labels?: readonly Label[];
  readonly target_names?: readonly string[];
  readonly expected: CommonExpected & {
    readonly binary?: Scores;
    readonly confusion_matrix: readonly (readonly number[])[];
    readonly confusion_matrix_normalize_true: readonly (readonly number[])[];
    readonly confusion_matrix_normalize_pred: readonly (readonly number[])[];
    readonly confusion_matrix_normalize_all: readonly (readonly number[])[];
    readonly matthews_corrcoef: number | string;
    readonly balanced_accuracy: number | string;
    readonly cohen_kappa: number | string;
    readonly cohen_kappa_linear?: number | string;
    readonly cohen_kappa_quadratic?: number | string;
  };
}

export interface MultilabelCase {
  readonly name: string;
  readonly y_true: readonly (readonly number[])[];
  readonly y_pred: readonly (readonly number[])[];
  readonly zero_division: number;
  readonly target_names?: readonly string[];
  readonly expected: CommonExpected & { readonly hamming_loss: number; readonly samples: Scores };
}

export interface RegressionCase {
  readonly name: string;
  readonly y_true: readonly number[];
  readonly y_pred: readonly number[];
  readonly expected: Readonly<Record<string, number | string>>;
}

interface MetricsFile {
  readonly classification: readonly (SingleLabelCase | MultilabelCase)[];
  readonly regression: readonly RegressionCase[];
}

const file: MetricsFile = JSON.parse(
  readFileSync(new URL('../fixtures/metrics/metrics.json', import.meta.url), 'utf8'),
);

const isMultilabel = (one: SingleLabelCase | MultilabelCase): one is MultilabelCase =>
  Array.isArray(one.y_true[0]);

export const singleLabelCases = file.classification.filter(
  (one): one is SingleLabelCase => !isMultilabel(one),
);
export const multilabelCases = file.classification.filter(isMultilabel);
export const regressionCases = file.regression;

/** Asserts that two JSON-like values have one shape and that their numbers agree within 1e-12. */
export function expectSame(actual: unknown, expected: unknown, where = 'value'): void {
  if (typeof expected === 'number' || expected === 'nan' || expected === 'inf') {
    const wanted = expected === 'nan' ? Number.NaN : expected === 'inf' ? Infinity : expected;
    expect(actual, where).toBeTypeOf('number');
    if (Number.isFinite(wanted)) {
      expect(Math.abs(Number(actual) - wanted), where).toBeLessThanOrEqual(1e-12);
    } else {
      expect(actual, where).toBe(wanted);
    }
    return;
  }
  if (typeof expected === 'object' && expected !== null) {
    const wanted = Object.entries(expected);
    expect(Object.keys(Object(actual)), where).toEqual(wanted.map(([key]) => key));
    for (const [key, value] of wanted) expectSame(Object(actual)[key], value, `${where}.${key}`);
    return;
  }
  expect(actual, where).toBe(expected);
}
