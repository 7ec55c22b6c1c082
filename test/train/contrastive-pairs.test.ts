/** Pairs of labelled rows: how many of each kind a strategy draws, and that a pair's score says whether its rows share a label. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../lib/core/random.js';
import { contrastivePairs, PairExamples } from '../../lib/train/contrastive-pairs.js';
import { Corpus } from '../../lib/train/corpus.js';
import { readFewShotOptions } from '../../lib/train/few-shot-options.js';

/** The example of setfit's guide: 8 happy, 4 content and 8 sad rows. */
const LABELS = [8, 4, 8].flatMap((count, label) => Array.from({ length: count }, () => [label]));

function draw(labels: readonly (readonly number[])[], options: object, seed = 1) {
  const settings = readFewShotOptions('train', options);
  const { rows, scores } = contrastivePairs('train', labels, settings, new SeededRandom(seed));
  const pairs = Array.from(scores, (score, i) => {
    const [a = -1, b = -1] = rows.subarray(2 * i, 2 * i + 2);
    return { a, b, score, key: `${Math.min(a, b)} ${Math.max(a, b)}` };
  });
  const keysOf = (score: number) => pairs.filter((p) => p.score === score).map(({ key }) => key);
  return { pairs, same: keysOf(1), others: keysOf(0) };
}

describe('pairs of labelled rows', () => {
  it('are those that setfit counts for 8, 4 and 8 rows', () => {
    // 28 + 6 + 28 pairs of one label, 32 + 64 + 32 of two.
    const unique = draw(LABELS, { samplingStrategy: 'unique' });
    expect([new Set(unique.same).size, new Set(unique.others).size]).toEqual([62, 128]);
    expect(unique.pairs).toHaveLength(190);
    const over = draw(LABELS, {});
    expect([over.same.length, new Set(over.same).size]).toEqual([128, 62]);
    expect(new Set(over.others).size).toBe(128);
    const under = draw(LABELS, { samplingStrategy: 'undersampling' });
    expect([new Set(under.same).size, new Set(under.others).size]).toEqual([62, 62]);
    const iterated = draw(LABELS, { numIterations: 3 });
    expect([iterated.same.length, iterated.others.length]).toEqual([60, 60]);
  });

  it('have the score 1 where the rows share a label, and never one row twice', () => {
    const label = fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { maxLength: 3 });
    const labels = fc.array(label, { minLength: 2, maxLength: 12 });
    const options = fc.oneof(
      fc.record({ samplingStrategy: fc.constantFrom('oversampling', 'undersampling', 'unique') }),
      fc.record({ numIterations: fc.integer({ min: 1, max: 4 }) }),
    );
    fc.assert(
      fc.property(labels, options, fc.nat(), (rows, given, seed) => {
        let drawn: ReturnType<typeof draw>;
        try {
          drawn = draw(rows, given, seed);
        } catch (error) {
          expect((error as Error).message).toContain('two rows of different labels');
          return;
        }
        for (const { a, b, score } of drawn.pairs) {
          expect(a).not.toBe(b);
          const shared = (rows[a] ?? []).some((one) => rows[b]?.includes(one));
          expect(score).toBe(shared ? 1 : 0);
        }
      }),
    );
  });

  it('follow the seed', () => {
    const options = { numIterations: 2 };
    expect(draw(LABELS, options, 1)).toEqual(draw(LABELS, options, 1));
    expect(draw(LABELS, options, 2)).not.toEqual(draw(LABELS, options, 1));
  });

  it('need two rows of one label, two labels, and a number of iterations where there are too many', () => {
    expect(() => draw([[0], [1], [2]], {})).toThrow(
      "train: rows must have two rows of one label and two rows of different labels for method 'few-shot', got no two rows of one label",
    );
    expect(() => draw([[0], [0]], {})).toThrow('got rows of one label only');
    const many = Array.from({ length: 2897 }, (_, i) => [i % 2]);
    expect(() => draw(many, {})).toThrow(/^train: fewShot: numIterations must be given for rows/);
    expect(draw(many, { numIterations: 1 }).pairs).toHaveLength(2 * 2897);
  });

  it('are gathered as all first rows and then all second ones', () => {
    const tokens = { ids: Int32Array.of(1, 2, 2, 3, 3, 3), offsets: Int32Array.of(0, 1, 3, 6) };
    const texts = new Corpus(
      { ...tokens, segments: null },
      { unit: 'text', width: 1, values: new Int32Array(3) },
    );
    const pairs = { rows: Int32Array.of(2, 0, 1, 2), scores: Float32Array.of(1, 0) };
    const examples = new PairExamples(texts, pairs);
    expect([examples.size, examples.tokenCount, examples.lengthOf(0)]).toEqual([2, 9, 4]);
    const { tokens: batch, targets } = examples.gather([1, 0]);
    expect([...batch.ids]).toEqual([2, 2, 3, 3, 3, 3, 3, 3, 1]);
    expect([...targets.values]).toEqual([0, 1]);
  });

  it('refuses options that do not fit', () => {
    const read = (options: object) => () => readFewShotOptions('train', options);
    expect(read({ numIterations: 2, samplingStrategy: 'unique' })).toThrow(
      /^train: fewShot: samplingStrategy must be left out where numIterations/,
    );
    expect(read({ samplingStrategy: 'all' })).toThrow(/must be one of "oversampling"/);
    expect(read({ bodyLearningRate: 0 })).toThrow(RangeError);
    expect(read({ iterations: 1 })).toThrow(/unknown option "iterations"/);
  });
});
