/** Folds and splits: every row once, groups together, shares of labels, and a word about labels that cannot be shared out. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldRows, splitLabelLists, splitRows } from '../../lib/data/index.js';

const labels = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 8, maxLength: 60 });
const rowsOf = (list: readonly string[]) => list.map((label, i) => ({ text: String(i), label }));
const count = (rows: readonly { readonly label: string }[], label: string) =>
  rows.filter((row) => row.label === label).length;

describe('foldRows', () => {
  it('holds out each row once, and of each label as many in every fold within one', () => {
    fc.assert(
      fc.property(labels, fc.integer({ min: 2, max: 6 }), fc.nat(), (list, folds, seed) => {
        const rows = rowsOf(list);
        const found = foldRows(rows, { folds, seed });
        expect(found.folds).toHaveLength(folds);
        const all = found.folds.flatMap(({ indices }) => indices).sort((x, y) => x - y);
        expect(all).toEqual([...rows.keys()]);
        for (const { train, held, indices } of found.folds) {
          expect(held).toEqual(indices.map((i) => rows[i]));
          expect(new Set([...train, ...held]).size).toBe(rows.length);
          for (const label of new Set(list)) {
            expect(Math.abs(count(held, label) - count(rows, label) / folds)).toBeLessThan(1);
          }
        }
        const sizes = found.folds.map(({ held }) => held.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect(foldRows(rows, { folds, seed })).toEqual(found);
      }),
    );
  });

  it('keeps groups together, and their labels as even as they allow', () => {
    // 12 groups of 5 rows; in each fourth one most rows are of b.
    const rows = Array.from({ length: 60 }, (_, i) => {
      const group = Math.floor(i / 5);
      return { text: String(i), label: group % 4 === 0 && i % 5 < 4 ? 'b' : 'a', group };
    });
    const { folds, notes } = foldRows(rows, { folds: 3, groupBy: ({ group }) => group });
    expect(notes).toEqual([]);
    for (const { train, held } of folds) {
      const inside = new Set(held.map(({ group }) => group));
      expect(train.some(({ group }) => inside.has(group))).toBe(false);
      expect(held).toHaveLength(20);
      expect(count(held, 'b')).toBe(4);
    }
  });

  it('shares out rows with several labels', () => {
    const rows = Array.from({ length: 40 }, (_, i) => ({
      text: String(i),
      labels: [...(i % 2 ? ['x'] : []), ...(i % 10 === 3 ? ['rare'] : [])],
    }));
    for (const { held } of foldRows(rows, { folds: 4 }).folds) {
      expect(held.length).toBe(10);
      expect(held.filter((row) => row.labels.includes('rare'))).toHaveLength(1);
    }
  });

  it('names labels that are in one fold only', () => {
    const { notes } = foldRows(rowsOf(['a', 'a', 'a', 'once']), { folds: 2 });
    expect(notes).toEqual([
      expect.stringMatching(/^labels whose rows are all in one fold.*: "once"$/),
    ]);
  });

  it('refuses more folds than rows or groups, and keys that are neither text nor number', () => {
    const rows = rowsOf(['a', 'b', 'a']);
    expect(() => foldRows(rows, { folds: 4 })).toThrow(
      'folds must be at most the number of rows (3), got 4',
    );
    expect(() => foldRows(rows, { folds: 2, groupBy: () => 'same' })).toThrow(
      'folds must be at most the number of groups of rows (1), got 2',
    );
    expect(() => foldRows(rows, { folds: 1 })).toThrow(
      'folds must be a whole number from 2, got 1',
    );
    expect(() => foldRows(rows, { folds: 2, groupBy: () => null as never })).toThrow(
      'groupBy of rows[0] must be a text or a number, got null',
    );
  });
});

describe('splitRows with groups', () => {
  it('never divides a group, and both sides have rows', () => {
    const keys = fc.array(fc.nat({ max: 6 }), { minLength: 2, maxLength: 50 });
    fc.assert(
      fc.property(keys, fc.double({ min: 0.05, max: 0.95, noNaN: true }), (list, fraction) => {
        fc.pre(new Set(list).size > 1);
        const rows = list.map((group, i) => ({ text: String(i), label: i % 2 ? 'a' : 'b', group }));
        const { train, held } = splitRows(rows, {
          ...{ seed: 1, fraction },
          groupBy: (row) => row.group,
        });
        expect(train.length).toBeGreaterThan(0);
        expect(held.length).toBeGreaterThan(0);
        expect(new Set([...train, ...held]).size).toBe(rows.length);
        const inside = new Set(held.map(({ group }) => group));
        expect(train.some(({ group }) => inside.has(group))).toBe(false);
      }),
    );
  });

  it('comes near the share, and names labels that one side does not have', () => {
    const rows = Array.from({ length: 100 }, (_, i) => ({
      ...{ text: String(i), label: i < 90 ? 'a' : 'b', group: i < 90 ? i % 30 : 99 },
    }));
    const { train, held, notes } = splitRows(rows, {
      ...{ seed: 1, fraction: 0.2 },
      groupBy: (row) => row.group,
    });
    expect(held.length).toBeGreaterThan(14);
    expect(held.length).toBeLessThan(26);
    expect(train.length + held.length).toBe(100);
    expect(notes).toEqual(['labels without a held-out row, whose scores stay unknown: "b"']);
    expect(splitRows(rows, { seed: 1, fraction: 0.2 }).notes).toBeUndefined();
  });
});

describe('splitLabelLists', () => {
  const lists = fc.array(fc.subarray(['a', 'b', 'c', 'd']), { minLength: 10, maxLength: 120 });
  const rowsWith = (rows: readonly number[], all: readonly (readonly string[])[], label: string) =>
    rows.filter((row) => all[row]?.includes(label)).length;

  it('has each row once, and the same ones for a seed', () => {
    fc.assert(
      fc.property(
        lists,
        fc.double({ min: 0.05, max: 0.6, noNaN: true }),
        fc.nat(),
        (all, fraction, seed) => {
          const { train, held } = splitLabelLists(all, { fraction, seed });
          expect([...train, ...held].sort((x, y) => x - y)).toEqual([...all.keys()]);
          expect(splitLabelLists(all, { fraction, seed })).toEqual({ train, held });
        },
      ),
    );
  });

  it('holds out of the rarest label its share within one row', () => {
    fc.assert(
      fc.property(
        lists,
        fc.double({ min: 0.1, max: 0.5, noNaN: true }),
        fc.nat(),
        (all, fraction, seed) => {
          const { held } = splitLabelLists(all, { fraction, seed });
          const counts = ['a', 'b', 'c', 'd'].map(
            (label) => all.filter((one) => one.includes(label)).length,
          );
          const least = Math.min(...counts.filter((one) => one > 0));
          // Of labels that are equally rare one goes first, and what it takes decides about the others.
          const rarest = ['a', 'b', 'c', 'd'].filter((_, i) => counts[i] === least);
          const off = rarest.map((label) =>
            Math.abs(rowsWith(held, all, label) - least * fraction),
          );
          if (off.length > 0) expect(Math.min(...off)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  it('keeps a label of 10 in 1,000 rows in both parts, where a random split often has none', () => {
    const all = Array.from({ length: 1000 }, (_, i) => [
      ...(i % 100 === 0 ? ['rare'] : []),
      ...(i % 2 === 0 ? ['often'] : []),
    ]);
    for (let seed = 0; seed < 20; seed++) {
      const { held } = splitLabelLists(all, { fraction: 0.1, seed });
      expect([rowsWith(held, all, 'rare'), rowsWith(held, all, 'often')]).toEqual([1, 50]);
      expect(held).toHaveLength(100);
    }
  });
});
