/** Labels that look wrong: the confident joint against one that is counted from its definition, and planted mistakes. */
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../lib/data/index.js';
import { labelIssues } from '../../lib/metrics/index.js';

const LABELS = ['a', 'b', 'c'] as const;
type L = (typeof LABELS)[number];

const random = new SeededRandom(3);
const uniform = (): number => random.next() / 2 ** 32;

/** Probabilities that favour `label`. */
function scoresFor(label: L, sharpness: number): Record<L, number> {
  const raw = LABELS.map((one) => uniform() + (one === label ? sharpness : 0));
  const sum = raw.reduce((a, b) => a + b, 0);
  return Object.fromEntries(LABELS.map((one, i) => [one, (raw[i] ?? 0) / sum])) as Record<
    L,
    number
  >;
}

const truth = Array.from({ length: 300 }, (_, i) => LABELS[i % 3] as L);
const given = truth.map((label, i) => (i % 17 === 5 ? (LABELS[(i + 1) % 3] as L) : label));
const scores = truth.map((label) => scoresFor(label, 1.5));

describe('labelIssues', () => {
  it('is the confident joint off its diagonal', () => {
    const limit = (label: L) => {
      const own = scores.filter((_, i) => given[i] === label).map((one) => one[label]);
      return own.reduce((a, b) => a + b, 0) / own.length;
    };
    const limits = LABELS.map(limit);
    const expected = scores.flatMap((own, index) => {
      const sure = LABELS.filter((label, j) => own[label] >= (limits[j] ?? 1));
      const [best] = sure.sort((one, other) => own[other] - own[one]);
      return best === undefined || best === given[index] ? [] : [index];
    });
    const found = labelIssues(given, scores);
    expect(found.map(({ index }) => index).sort((a, b) => a - b)).toEqual(expected);
    expect(expected.length).toBeGreaterThan(5);
  });

  it('finds planted mistakes, the clearest first, and few others', () => {
    const planted = new Set(truth.flatMap((label, i) => (label === given[i] ? [] : [i])));
    const found = labelIssues(given, scores);
    const right = found.filter(({ index }) => planted.has(index));
    expect(right.length / found.length).toBeGreaterThan(0.9);
    for (const { index, suggested, label, probability, score } of right) {
      expect([suggested, label]).toEqual([truth[index], given[index]]);
      expect([probability, score]).toEqual([scores[index]?.[label], scores[index]?.[suggested]]);
    }
    const margins = found.map(({ score, probability }) => score - probability);
    expect(margins).toEqual([...margins].sort((a, b) => b - a));
  });

  it('finds nothing where every row is sure of its label', () => {
    const sure = truth.map((label) => ({ a: 0, b: 0, c: 0, [label]: 1 }));
    expect(labelIssues(truth, sure)).toEqual([]);
    expect(labelIssues([], [])).toEqual([]);
  });

  it('refuses lists of different lengths, and what is no probability', () => {
    expect(() => labelIssues(['a'], [])).toThrow('scores must be as long as labels (1), got 0');
    expect(() => labelIssues(['a'], [{ a: 2 }])).toThrow(
      'scores[0]["a"] must be a number from 0 to 1',
    );
  });
});
