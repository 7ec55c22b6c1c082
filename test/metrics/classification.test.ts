/**
 * Classification scores against scikit-learn's, case by case, and what happens to bad arguments.
 *
 * The rule: every value of every case is compared; a case without comparison is a failure of this file.
 */
import { describe, expect, it } from 'vitest';
import {
  accuracy,
  averagedScores,
  balancedAccuracy,
  binaryScores,
  classificationReport,
  cohenKappa,
  confusionMatrix,
  hammingLoss,
  matthewsCorrelation,
  multilabelReport,
  reportToDict,
  reportToText,
  sampleScores,
  scoresPerLabel,
  sortedLabels,
  subsetAccuracy,
  topConfusions,
} from '../../lib/metrics/index.js';
import { expectSame, multilabelCases, singleLabelCases } from './fixture.js';

describe.each(singleLabelCases)('single label: $name', (one) => {
  const { y_true: truth, y_pred: predicted, expected } = one;
  const options = {
    zeroDivision: one.zero_division,
    ...(one.labels && { labels: one.labels }),
    ...(one.target_names && { names: one.target_names }),
  };

  it('has the accuracy and the averages', () => {
    expectSame(accuracy(truth, predicted), expected.accuracy);
    for (const average of ['micro', 'macro', 'weighted'] as const) {
      expectSame(averagedScores(truth, predicted, average, options), expected[average], average);
    }
    if (expected.binary) {
      expectSame(binaryScores(truth, predicted, 1, options), expected.binary, 'binary');
    }
  });

  it('has the scores per label', () => {
    const scored = scoresPerLabel(truth, predicted, options);
    for (const key of ['precision', 'recall', 'f1', 'support'] as const) {
      expectSame(
        scored.map((row) => row[key]),
        expected.per_label[key],
        key,
      );
    }
  });

  it('has the report as dict and as text', () => {
    const report = classificationReport(truth, predicted, options);
    expectSame(reportToDict(report), expected.classification_report);
    expect(reportToText(report)).toBe(expected.classification_report_text);
    expect(reportToText(report, { digits: 4 })).toBe(expected.classification_report_text_4_digits);
  });

  it('has the confusion matrix, plain and normalised', () => {
    const { values } = confusionMatrix(truth, predicted, options);
    expectSame(values, expected.confusion_matrix);
    for (const normalize of ['true', 'pred', 'all'] as const) {
      const normalized = confusionMatrix(truth, predicted, { ...options, normalize });
      expectSame(normalized.values, expected[`confusion_matrix_normalize_${normalize}`], normalize);
    }
  });

  it('has the agreement scores', () => {
    expectSame(matthewsCorrelation(truth, predicted), expected.matthews_corrcoef, 'matthews');
    expectSame(balancedAccuracy(truth, predicted), expected.balanced_accuracy, 'balanced');
    expectSame(cohenKappa(truth, predicted), expected.cohen_kappa, 'kappa');
    for (const weights of ['linear', 'quadratic'] as const) {
      const wanted = expected[`cohen_kappa_${weights}`];
      if (wanted !== undefined)
        expectSame(cohenKappa(truth, predicted, { weights }), wanted, weights);
    }
  });
});

describe.each(multilabelCases)('multilabel: $name', (one) => {
  const { y_true: truth, y_pred: predicted, expected } = one;

  it('has every score', () => {
    const report = multilabelReport(truth, predicted, {
      zeroDivision: one.zero_division,
      ...(one.target_names && { names: one.target_names }),
    });
    expectSame(reportToDict(report), expected.classification_report);
    expect(reportToText(report)).toBe(expected.classification_report_text);
    expect(reportToText(report, { digits: 4 })).toBe(expected.classification_report_text_4_digits);
    for (const key of ['precision', 'recall', 'f1', 'support'] as const) {
      expectSame(
        report.rows.map((row) => row[key]),
        expected.per_label[key],
        key,
      );
    }
    for (const average of ['micro', 'macro', 'weighted'] as const) {
      const row = report.averages.find((one) => one.name === `${average} avg`);
      const scores = row && { precision: row.precision, recall: row.recall, f1: row.f1 };
      expectSame(scores, expected[average], average);
    }
    expectSame(sampleScores(truth, predicted), expected.samples);
    expectSame(subsetAccuracy(truth, predicted), expected.accuracy);
    expectSame(hammingLoss(truth, predicted), expected.hamming_loss);
  });
});

describe('text details', () => {
  it('rounds exact ties to the even digit, as Python does', () => {
    const row = { name: 'x', precision: 0.125, recall: 0.375, f1: 0.625, support: 8 };
    expect(reportToText({ rows: [row], averages: [] })).toContain('0.12      0.38      0.62');
    expect(reportToText({ rows: [row], averages: [] }, { digits: 0 })).toContain(' 0 ');
  });

  it('widens the name column for long names, counted in code points', () => {
    const row = { name: '😀'.repeat(20), precision: 1, recall: 1, f1: 1, support: 1 };
    const [head] = reportToText({ rows: [row], averages: [] }).split('\n');
    expect(head).toHaveLength(20 + 1 + 4 * 10);
  });
});

describe('zero division', () => {
  it('NaN values are left out of the averages', () => {
    const options = { labels: ['a', 'b'], zeroDivision: Number.NaN };
    const scores = averagedScores(['a', 'a'], ['a', 'a'], 'macro', options);
    expect(scores).toEqual({ precision: 1, recall: 1, f1: 1 });
    const [, unseen] = scoresPerLabel(['a', 'a'], ['a', 'a'], options);
    expect(unseen?.precision).toBeNaN();
  });

  it('other values are refused', () => {
    expect(() => scoresPerLabel(['a'], ['a'], { zeroDivision: 0.5 })).toThrow(
      'zeroDivision must be 0, 1 or NaN, got 0.5',
    );
  });
});

describe('arguments', () => {
  it('lengths must agree and not be zero', () => {
    expect(() => accuracy(['a'], [])).toThrow('predicted must be as long as truth (1), got 0');
    expect(() => accuracy([], [])).toThrow(RangeError);
    expect(() => hammingLoss([[0, 1]], [[0]])).toThrow('predicted[0] must be 2 values, got 1');
    expect(() => hammingLoss([[0, 2]], [[0, 1]])).toThrow(
      'truth[0] must be values of 0 and 1, got 2',
    );
  });

  it('labels must be of one type and listed once', () => {
    expect(() => sortedLabels<string | number>(['a'], [1])).toThrow(TypeError);
    expect(() => scoresPerLabel(['a'], ['a'], { labels: ['a', 'a'] })).toThrow('got "a"');
    expect(() => classificationReport(['a'], ['a'], { names: ['x', 'y'] })).toThrow(RangeError);
  });

  it('labels sort by number and by code point', () => {
    expect(sortedLabels([10, 9, -1])).toEqual([-1, 9, 10]);
    // U+FF5E precedes U+1F600, though its UTF-16 unit is larger.
    expect(sortedLabels(['😀', '～', 'b', 'a', 'B'])).toEqual(['B', 'a', 'b', '～', '😀']);
  });

  it('a label may be called like a property of Object', () => {
    const truth = ['__proto__', 'constructor', 'toString'];
    const dict = reportToDict(classificationReport(truth, truth));
    expect(Object.keys(dict)).toEqual([...truth, 'accuracy', 'macro avg', 'weighted avg']);
  });
});

describe('topConfusions', () => {
  it('orders by count and reports the share of the true label', () => {
    const truth = ['a', 'a', 'a', 'b', 'b', 'c'];
    const guess = ['b', 'b', 'a', 'c', 'b', 'c'];
    expect(topConfusions(confusionMatrix(truth, guess), 5)).toEqual([
      { truth: 'a', predicted: 'b', count: 2, share: 2 / 3 },
      { truth: 'b', predicted: 'c', count: 1, share: 1 / 2 },
    ]);
    expect(topConfusions(confusionMatrix(truth, guess), 1)).toHaveLength(1);
  });
});
