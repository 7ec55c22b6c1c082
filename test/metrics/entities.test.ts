// Entities and answers are scored as seqeval and the SQuAD evaluation score them.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  answerF1,
  answerScores,
  entitiesOf,
  entityScores,
  type TagScheme,
} from '../../lib/metrics/index.js';

interface Scores {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}
interface EntityCase {
  readonly name: string;
  readonly y_true: readonly string[][];
  readonly y_pred: readonly string[][];
  readonly entities_true: readonly [string, number, number][][];
  readonly entities_pred: readonly [string, number, number][][];
  readonly expected: {
    readonly default: {
      readonly micro?: Scores;
      readonly report?: Readonly<Record<string, Readonly<Record<string, number>>>>;
    };
    readonly strict_iob2?: {
      readonly micro?: Scores;
      readonly report?: Readonly<Record<string, Readonly<Record<string, number>>>>;
    };
    readonly token_accuracy: number;
  };
}

const file = new URL('../fixtures/metrics/metrics.json', import.meta.url);
const { entities } = JSON.parse(readFileSync(file, 'utf8')) as { entities: readonly EntityCase[] };

const AVERAGES = ['micro avg', 'macro avg', 'weighted avg'];

describe.each(entities)('$name', ({ y_true, y_pred, entities_true, entities_pred, expected }) => {
  it('finds the entities of seqeval', () => {
    const found = (tags: readonly string[][]) =>
      tags.map((one) => entitiesOf(one).map(({ type, first, last }) => [type, first, last]));
    expect(found(y_true)).toEqual(entities_true);
    expect(found(y_pred)).toEqual(entities_pred);
  });

  it('has its scores', () => {
    const { micro, types, tagAccuracy } = entityScores(y_true, y_pred);
    expect(tagAccuracy).toBeCloseTo(expected.token_accuracy, 12);
    const zero = { precision: 0, recall: 0, f1: 0 };
    for (const [key, value] of Object.entries(expected.default.micro ?? zero)) {
      expect(micro[key as keyof Scores], key).toBeCloseTo(value as number, 12);
    }
    const rows = Object.entries(expected.default.report ?? {}).filter(
      ([type]) => !AVERAGES.includes(type),
    );
    expect(Object.keys(types)).toEqual(rows.map(([type]) => type));
    for (const [type, row] of rows) {
      expect(types[type]?.precision).toBeCloseTo(row.precision ?? Number.NaN, 12);
      expect(types[type]?.recall).toBeCloseTo(row.recall ?? Number.NaN, 12);
      expect(types[type]?.f1).toBeCloseTo(row['f1-score'] ?? Number.NaN, 12);
      expect(types[type]?.support).toBe(row.support);
    }
  });
});

const schemes = new URL('../fixtures/metrics/entity-schemes.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(schemes, 'utf8')) as {
  readonly cases: readonly (Omit<EntityCase, 'name' | 'expected'> & {
    readonly scheme: TagScheme;
    readonly scores: Readonly<Record<'micro' | 'macro' | 'weighted', Scores>>;
  })[];
};

describe.each(cases)('strict $scheme', ({ scheme, y_true, y_pred, ...expected }) => {
  it('finds the entities of seqeval, and its averages', () => {
    const found = (tags: readonly string[][]) =>
      tags.map((one) =>
        entitiesOf(one, scheme).map(({ type, first, last }) => [type, first, last]),
      );
    expect(found(y_true)).toEqual(expected.entities_true);
    expect(found(y_pred)).toEqual(expected.entities_pred);
    expect(expected.entities_pred.flat().length).toBeGreaterThan(4);
    const scores = entityScores(y_true, y_pred, { scheme });
    for (const [average, wanted] of Object.entries(expected.scores)) {
      for (const [key, value] of Object.entries(wanted)) {
        const ours = scores[average as 'micro'][key as keyof Scores];
        expect(ours, `${average} ${key}`).toBeCloseTo(value, 12);
      }
    }
  });

  it('refuses the tags of another scheme', () => {
    expect(() => entitiesOf(['O', 'X-PER'], scheme)).toThrow(
      /tags must be O, B-|tags must be O, I-/,
    );
    expect(() => entitiesOf(['PER'], scheme)).toThrow(RangeError);
  });
});

it.each(entities)('$name has the strict scores of IOB2', ({ y_true, y_pred, expected }) => {
  const { strict_iob2: strict } = expected;
  if (strict?.micro === undefined) return;
  const { micro, macro, weighted } = entityScores(y_true, y_pred, { scheme: 'IOB2' });
  for (const [key, value] of Object.entries(strict.micro)) {
    expect(micro[key as keyof Scores], key).toBeCloseTo(value, 12);
  }
  for (const [average, ours] of [
    ['macro avg', macro],
    ['weighted avg', weighted],
  ] as const) {
    const row = strict.report?.[average];
    expect(ours.precision).toBeCloseTo(row?.precision ?? Number.NaN, 12);
    expect(ours.f1).toBeCloseTo(row?.['f1-score'] ?? Number.NaN, 12);
  }
});

describe('other schemes and mistakes', () => {
  it('reads U as BILOU has it, and IOB1', () => {
    expect(entitiesOf(['U-A', 'B-A', 'L-A', 'U-B'])).toEqual([
      { type: 'A', first: 0, last: 0 },
      { type: 'A', first: 1, last: 2 },
      { type: 'B', first: 3, last: 3 },
    ]);
    const iob1 = ['I-A', 'I-A', 'B-A', 'O', 'I-B'];
    expect(entitiesOf(iob1)).toEqual(entitiesOf(iob1, 'IOB1'));
    expect(entitiesOf(iob1)).toHaveLength(3);
  });

  it('reads S, E and L as BIOES and BILOU have them', () => {
    expect(entitiesOf(['S-A', 'B-A', 'E-A', 'B-B', 'L-B', 'I-B'])).toEqual([
      { type: 'A', first: 0, last: 0 },
      { type: 'A', first: 1, last: 2 },
      { type: 'B', first: 3, last: 4 },
      { type: 'B', first: 5, last: 5 },
    ]);
  });

  it('refuses texts of different lengths', () => {
    expect(() => entityScores([['O', 'O']], [['O']])).toThrow(RangeError);
    expect(() => entityScores([], [])).toThrow(RangeError);
  });
});

describe('answers', () => {
  it('count words, without case, articles and punctuation', () => {
    expect(answerF1('The Eiffel Tower', 'eiffel tower!')).toBe(1);
    expect(answerF1('in 1889', 'the year 1889')).toBeCloseTo(0.5, 12);
    expect(answerF1('a b b', 'b b b')).toBeCloseTo((2 * 2) / (2 + 3), 12);
    expect([answerF1('', ''), answerF1('x', ''), answerF1('', 'x')]).toEqual([1, 0, 0]);
  });

  it('take the best of several right answers, and the empty answer where there is none', () => {
    const truth = [['Paris', 'Paris, France'], [], ['blue']];
    expect(answerScores(truth, ['paris france', '', 'red'])).toEqual({
      exactMatch: 2 / 3,
      f1: 2 / 3,
    });
    expect(() => answerScores(truth, ['x'])).toThrow(/predicted must be 3 answers/);
  });
});
