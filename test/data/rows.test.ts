/**
 * Labels, splits and shuffles of rows in memory, and the committed sample.
 *
 * The rule: seeds fix results for good, so some expected orders are written out here.
 */
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SinterError } from '../../lib/core/errors.js';
import {
  checkLabels,
  collectLabels,
  readAllRows,
  SeededRandom,
  shuffled,
  splitRows,
  type TextRow,
} from '../../lib/data/index.js';

const row = (label: string, line?: number) => ({
  text: 't',
  label,
  ...(line !== undefined && { file: 'test.csv', line }),
});

describe('collectLabels', () => {
  it('returns every label once, by code point', () => {
    const rows = ['b', 'a', '😀', '～', 'B', 'a'].map((label) => row(label));
    expect(collectLabels(rows)).toEqual(['B', 'a', 'b', '～', '😀']);
  });

  it('names the row that has none', () => {
    const rows = [row('a'), { text: 't' }];
    expect(() => collectLabels(rows)).toThrow('rows[1].label must be a string, got undefined');
    expect(() => collectLabels([{ text: 't', file: 'a.csv', line: 4 }])).toThrow(
      'a.csv:4: the row has no label',
    );
  });

  it.each([1, true, null, ['a']])('refuses the label %j, which is no text', (label) => {
    const rows = [row('1'), { text: 't', label }] as never;
    const mistake = /^rows\[1\]\.label must be a string, got /;
    expect(() => collectLabels(rows)).toThrow(mistake);
    expect(() => checkLabels(rows, [])).toThrow(mistake);
    expect(() => checkLabels(['1'], rows)).toThrow(mistake);
  });
});

describe('checkLabels', () => {
  it('accepts test rows whose labels are known', () => {
    checkLabels([row('a'), row('b')], [row('b', 2)]);
    checkLabels(['a', 'b'], [row('a')]);
  });

  it('names file, line and label of what only the test rows have', () => {
    const check = () => checkLabels([row('a')], [row('a', 2), row('eggs', 3), row('eggs', 4)]);
    expect(check).toThrow(SinterError);
    expect(check).toThrow('test.csv:3: labels that the training rows do not have: "eggs" (line 3)');
  });

  it('lists at most five', () => {
    const test = ['b', 'c', 'd', 'e', 'f', 'g', 'h'].map((label) => row(label));
    expect(() => checkLabels(['a'], test)).toThrow(
      'test rows: labels that the training rows do not have: "b", "c", "d", "e", "f" and 2 more',
    );
  });
});

describe('shuffled', () => {
  it('is a permutation fixed by the seed', () => {
    const items = Array.from({ length: 10 }, (_, i) => i);
    expect(shuffled(items, new SeededRandom(7))).toEqual(shuffled(items, new SeededRandom(7)));
    expect(shuffled(items, new SeededRandom(7))).not.toEqual(shuffled(items, new SeededRandom(8)));
    expect([...shuffled(items, new SeededRandom(7))].sort()).toEqual(items);
    expect(shuffled([], new SeededRandom(0))).toEqual([]);
  });

  it('is fair: every order of three items comes up equally often', () => {
    const random = new SeededRandom(1);
    const counts = new Map<string, number>();
    for (let i = 0; i < 60_000; i++) {
      const order = shuffled([1, 2, 3], random).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    // 5 standard deviations of a binomial count around 10,000.
    for (const count of counts.values()) expect(Math.abs(count - 10_000)).toBeLessThan(460);
  });

  it('refuses seeds that are no whole numbers', () => {
    expect(() => new SeededRandom(-1)).toThrow(RangeError);
    expect(() => new SeededRandom(0.5)).toThrow(RangeError);
  });
});

describe('splitRows', () => {
  const labels = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 60 });
  const fractions = fc.double({ min: 0.01, max: 0.99, noNaN: true });

  it('stratified: keeps every row once and every label in train, shares within one row', () => {
    fc.assert(
      fc.property(labels, fractions, fc.nat(), (list, fraction, seed) => {
        const rows = list.map((label, i) => ({ text: String(i), label }));
        const { train, held } = splitRows(rows, { fraction, seed });
        const texts = [...train, ...held].map((one) => Number(one.text)).sort((a, b) => a - b);
        expect(texts).toEqual(rows.map((_, i) => i));
        expect(collectLabels(train)).toEqual(collectLabels(rows));
        for (const label of collectLabels(rows)) {
          const size = list.filter((one) => one === label).length;
          const count = held.filter((one) => one.label === label).length;
          expect(Math.abs(count - size * fraction)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('plain: holds out the rounded share', () => {
    const rows: TextRow[] = Array.from({ length: 10 }, (_, i) => ({ text: String(i) }));
    const { train, held } = splitRows(rows, { fraction: 0.25, seed: 3 });
    expect([train.length, held.length]).toEqual([7, 3]);
    expect(splitRows(rows, { fraction: 0.25, seed: 3 })).toEqual({ train, held });
  });

  it('refuses fractions that leave one side empty', () => {
    expect(() => splitRows([], { fraction: 1, seed: 0 })).toThrow(
      'fraction must be above 0 and below 1, got 1',
    );
  });
});

describe('the Banking77 sample', () => {
  it('has all 77 intents, known labels, and no text on both sides', async () => {
    const path = (name: string) =>
      fileURLToPath(new URL(`../../data/banking77/${name}`, import.meta.url));
    const train = await readAllRows(path('train.csv'), { requireLabel: true });
    const test = await readAllRows(path('test.csv'), { requireLabel: true });
    expect([train.length, test.length]).toEqual([3075, 770]);
    expect(collectLabels(train)).toHaveLength(77);
    expect(collectLabels(test)).toEqual(collectLabels(train));
    checkLabels(train, test);
    const seen = new Set(train.map((one) => one.text));
    expect(test.filter((one) => seen.has(one.text))).toEqual([]);
  });
});
