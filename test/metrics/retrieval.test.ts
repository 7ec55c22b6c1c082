// Scores of searches against values by hand, and of pairs against scikit-learn.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  averagePrecisionAt,
  ndcg,
  pairClassification,
  reciprocalRank,
  retrievalScores,
} from '../../lib/metrics/index.js';

describe('retrieval', () => {
  // Relevant at ranks 2 and 4, and one relevant document that is not found.
  const query = { ranked: ['a', 'b', 'c', 'd', 'e'], relevant: new Set(['b', 'd', 'z']) };

  it('has the reciprocal rank of the first relevant document', () => {
    expect(reciprocalRank(query, 10)).toBe(1 / 2);
    expect(reciprocalRank(query, 1)).toBe(0);
  });

  it('has the discounted gain over the ideal one', () => {
    const gain = 1 / Math.log2(3) + 1 / Math.log2(5);
    const ideal = 1 + 1 / Math.log2(3) + 1 / Math.log2(4);
    expect(ndcg(query, 10)).toBeCloseTo(gain / ideal, 14);
    // With k = 2 only two documents can be ideal.
    expect(ndcg(query, 2)).toBeCloseTo(1 / Math.log2(3) / (1 + 1 / Math.log2(3)), 14);
  });

  it('takes graded gains', () => {
    const graded = {
      ranked: ['a', 'b', 'c'],
      relevant: new Map([
        ['a', 1],
        ['c', 3],
      ]),
    };
    const gain = 1 + 3 / Math.log2(4);
    expect(ndcg(graded, 3)).toBeCloseTo(gain / (3 + 1 / Math.log2(3)), 14);
  });

  it('has the mean of the precisions at relevant documents', () => {
    expect(averagePrecisionAt(query, 10)).toBeCloseTo((1 / 2 + 2 / 4) / 3, 14);
    expect(averagePrecisionAt(query, 2)).toBeCloseTo(1 / 2 / 2, 14);
  });

  it('averages over queries', () => {
    const best = { ranked: ['b', 'a'], relevant: new Set(['b']) };
    const scores = retrievalScores([query, best], 4);
    expect(scores).toMatchObject({ k: 4, mrr: 3 / 4, accuracy: 1 });
    expect(scores.recall).toBeCloseTo((2 / 3 + 1) / 2, 14);
    expect(scores.precision).toBeCloseTo((2 / 4 + 1 / 4) / 2, 14);
    expect(scores.map).toBeCloseTo((1 / 3 + 1) / 2, 14);
  });

  it('refuses no queries, and a query without a relevant document', () => {
    expect(() => retrievalScores([])).toThrow('queries must be at least one query, got 0');
    expect(() => retrievalScores([query, { ranked: [], relevant: new Set() }])).toThrow(
      'queries[1].relevant must be at least one document',
    );
    expect(() => retrievalScores([query], 0)).toThrow('k must be a whole number from 1');
  });
});

describe('pairs', () => {
  const file = new URL('../fixtures/metrics/metrics.json', import.meta.url);
  const { scores } = JSON.parse(readFileSync(file, 'utf8')) as {
    scores: readonly {
      readonly name: string;
      readonly y_true: readonly (0 | 1)[];
      readonly scores: readonly number[];
      readonly expected: { readonly average_precision?: number };
    }[];
  };
  const binary = scores.filter(({ name }) => name.startsWith('binary'));

  it.each(binary.map((one) => [one.name, one] as const))(
    'average precision as in scikit-learn: %s',
    (_, one) => {
      const { averagePrecision } = pairClassification(one.y_true, one.scores);
      const wanted = one.expected.average_precision ?? Number.NaN;
      expect(Math.abs(averagePrecision - wanted)).toBeLessThan(1e-12);
    },
  );

  it('finds the best thresholds, in the middle between two similarities', () => {
    const found = pairClassification([1, 1, 0, 1, 0, 0], [0.9, 0.8, 0.7, 0.6, 0.2, 0.1]);
    expect(found.bestAccuracy.threshold).toBeCloseTo(0.75, 14);
    expect(found.bestAccuracy.accuracy).toBeCloseTo(5 / 6, 14);
    expect(found.bestF1.threshold).toBeCloseTo(0.4, 14);
    expect(found.bestF1).toMatchObject({ precision: 3 / 4, recall: 1 });
    expect(found.bestF1.f1).toBeCloseTo(6 / 7, 14);
  });

  it('never separates equal similarities', () => {
    const found = pairClassification([1, 0], [0.5, 0.5]);
    expect(found.bestAccuracy).toMatchObject({ threshold: 0.5, accuracy: 0.5, recall: 1 });
  });

  it('refuses pairs of one kind', () => {
    expect(() => pairClassification([1, 1], [0.1, 0.2])).toThrow('labels must be of both kinds');
  });
});
