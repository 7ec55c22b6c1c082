/**
 * The searches for what to keep: the fixture's masks, budgets that hold whatever the numbers, and the best choice of small
 * problems against trying all.
 */

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { UnitScores } from '../../lib/compress/importance.js';
import { rearrangeMasks, removedNorm } from '../../lib/compress/mask-rearrangement.js';
import { removedUnits, searchMasks } from '../../lib/compress/mask-search.js';
import { searchWidths, solveKnapsack } from '../../lib/compress/width-search.js';

interface Budget {
  readonly budget_macs: number;
  readonly macs: number;
  readonly heads: number;
  readonly neurons: number;
  readonly kept_importance: number;
  readonly keep_heads: readonly (readonly number[])[];
  readonly keep_neurons: readonly (readonly number[])[];
  readonly table: readonly {
    readonly heads: number;
    readonly neurons: number;
    readonly kept_importance: number;
  }[];
}

const fisher = JSON.parse(
  readFileSync(new URL('../fixtures/compression/fisher.json', import.meta.url), 'utf8'),
) as {
  readonly head_importance: readonly (readonly number[])[];
  readonly neuron_importance: readonly (readonly number[])[];
  readonly macs: { readonly per_head: number; readonly per_neuron: number };
  readonly budgets: readonly Budget[];
};

const lists = (rows: readonly (readonly number[])[]) => rows.map((row) => Float64Array.from(row));
const WHERE = { where: 'test' };

const scores = fc
  .record({
    heads: fc.array(fc.array(fc.nat(50), { minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 3,
    }),
    neurons: fc.array(fc.array(fc.nat(50), { minLength: 1, maxLength: 9 }), {
      minLength: 1,
      maxLength: 3,
    }),
  })
  .map(({ heads, neurons }): UnitScores => {
    const layers = Math.min(heads.length, neurons.length);
    return { heads: lists(heads.slice(0, layers)), neurons: lists(neurons.slice(0, layers)) };
  });

const countOf = (masks: readonly Uint8Array[]) =>
  masks.reduce((sum, mask) => sum + mask.reduce((a, b) => a + b, 0), 0);

describe('the search under a budget of multiply-adds', () => {
  const importance = {
    heads: lists(fisher.head_importance),
    neurons: lists(fisher.neuron_importance),
  };
  const costs = { heads: fisher.macs.per_head, neurons: fisher.macs.per_neuron };

  it.each(fisher.budgets)('finds the masks of the fixture for $budget_macs', (budget) => {
    const found = searchMasks(importance, costs, budget.budget_macs);
    expect([found.heads, found.neurons, found.cost]).toEqual([
      budget.heads,
      budget.neurons,
      budget.macs,
    ]);
    expect(found.masks.heads.map((mask) => [...mask])).toEqual(budget.keep_heads);
    expect(found.masks.neurons.map((mask) => [...mask])).toEqual(budget.keep_neurons);
    expect(found.table.length).toBe(budget.table.length);
    for (const [i, row] of budget.table.entries()) {
      expect(found.table[i]).toMatchObject({ heads: row.heads, neurons: row.neurons });
      expect(found.table[i]?.keptImportance).toBeCloseTo(row.kept_importance, 12);
    }
  });

  it('never exceeds the budget, and keeps the least of every layer', () => {
    const budgets = fc.record({ head: fc.integer({ min: 1, max: 40 }), budget: fc.nat(300) });
    fc.assert(
      fc.property(scores, budgets, fc.nat(1), (own, { head, budget }, least) => {
        const [h, n] = [own.heads.length * least, own.neurons.length * least];
        const search = () => searchMasks(own, { heads: head, neurons: 3 }, budget, least);
        if (h * head + n * 3 > budget) {
          expect(search).toThrow(RangeError);
          return;
        }
        const { masks, cost } = search();
        expect(cost).toBeLessThanOrEqual(budget);
        expect(countOf(masks.heads) * head + countOf(masks.neurons) * 3).toBe(cost);
        for (const mask of [...masks.heads, ...masks.neurons]) {
          expect(mask.reduce((a, b) => a + b, 0)).toBeGreaterThanOrEqual(least);
        }
      }),
    );
  });

  it('lists what the masks remove', () => {
    const masks = {
      heads: [Uint8Array.of(1, 0), Uint8Array.of(1, 1)],
      neurons: [Uint8Array.of(0, 1, 0)],
    };
    expect(removedUnits(masks)).toEqual({
      heads: new Map([[0, [1]]]),
      neurons: new Map([[0, [0, 2]]]),
    });
  });
});

const option = fc.record({ width: fc.nat(9), cost: fc.nat(30), value: fc.nat(30) });
const partsOf = fc.array(fc.array(option, { minLength: 1, maxLength: 4 }), {
  minLength: 1,
  maxLength: 4,
});

describe('the knapsack', () => {
  it('is the best of all choices where costs are whole numbers', async () => {
    await fc.assert(
      fc.asyncProperty(partsOf, fc.nat(100), async (parts, budget) => {
        const all = parts.reduce<readonly (readonly [number, number])[]>(
          (sums, part) =>
            sums.flatMap(([c, v]) => part.map((o) => [c + o.cost, v + o.value] as const)),
          [[0, 0]],
        );
        const fitting = all.filter(([cost]) => cost <= budget);
        const found = await solveKnapsack(parts, budget, WHERE);
        if (fitting.length === 0) {
          expect(found).toBeNull();
          return;
        }
        const sum = (key: 'cost' | 'value') =>
          parts.reduce((total, part, i) => total + (part[found?.[i] ?? 0]?.[key] ?? 0), 0);
        expect(sum('cost')).toBeLessThanOrEqual(budget);
        expect(sum('value')).toBe(Math.max(...fitting.map(([, value]) => value)));
        expect(await solveKnapsack(parts, budget, WHERE)).toEqual(found);
      }),
    );
  });

  it('never exceeds the budget with costs that are no whole numbers', async () => {
    const real = fc.double({ min: 1e-3, max: 10, noNaN: true });
    const realParts = fc.array(
      fc.array(fc.record({ width: fc.nat(9), cost: real, value: real }), {
        minLength: 1,
        maxLength: 4,
      }),
      { minLength: 1, maxLength: 5 },
    );
    await fc.assert(
      fc.asyncProperty(
        realParts,
        fc.double({ min: 0.1, max: 40, noNaN: true }),
        async (parts, budget) => {
          const found = await solveKnapsack(parts, budget, WHERE);
          if (found === null) return;
          const cost = parts.reduce((sum, part, i) => sum + (part[found[i] ?? 0]?.cost ?? 0), 0);
          expect(cost).toBeLessThanOrEqual(budget);
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('the search for widths', () => {
  it('respects the budget, keeps the most important units, and gives shared layers the same', async () => {
    await fc.assert(
      fc.asyncProperty(
        scores,
        fc.integer({ min: 1, max: 200 }),
        fc.boolean(),
        async (own, budget, shared) => {
          const importance = shared
            ? { heads: own.heads.map(() => own.heads[0] as Float64Array), neurons: own.neurons }
            : own;
          const costOf = (part: string, layer: number, count: number) =>
            part === 'heads' ? 5 * count : count + layer;
          const search = { where: 'test', costOf, fixed: 7, budget, neuronStep: 2 };
          const run = () => searchWidths(importance, search);
          const least =
            importance.heads.length * 5 +
            importance.neurons.reduce(
              (sum, units, layer) => sum + Math.min(2, units.length) + layer,
              7,
            );
          if (least > budget) {
            await expect(run()).rejects.toThrow(RangeError);
            return;
          }
          const { counts, masks, cost, keptImportance } = await run();
          expect(cost).toBeLessThanOrEqual(budget);
          let [sum, spent] = [0, 7];
          for (const part of ['heads', 'neurons'] as const) {
            for (const [layer, mask] of masks[part].entries()) {
              const units = [...(importance[part][layer] as Float64Array)];
              const count = counts[part][layer] ?? 0;
              const kept = units.filter((_, unit) => mask[unit] === 1);
              const sorted = [...units].sort((a, b) => b - a).slice(0, count);
              expect([...kept].sort((a, b) => b - a)).toEqual(sorted);
              if (part === 'neurons' && count < units.length) expect(count % 2).toBe(0);
              spent += costOf(part, layer, count);
              if (shared && part === 'heads' && layer > 0) expect(count).toBe(counts.heads[0]);
              else sum += kept.reduce((a, b) => a + b, 0);
            }
          }
          expect([spent, sum]).toEqual([cost, keptImportance]);
        },
      ),
    );
  });
});

describe('rearrangement', () => {
  it('keeps the counts and never makes the removed gradients longer', async () => {
    const layer = fc.record({
      mask: fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 8 }),
      seed: fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 24, maxLength: 24 }),
    });
    await fc.assert(
      fc.asyncProperty(layer, async ({ mask, seed }) => {
        const given = Uint8Array.from(mask);
        const vectors = Float64Array.from(
          { length: 3 * given.length },
          (_, i) => seed[i % 24] ?? 0,
        );
        const gradients = { samples: 3, heads: [vectors], neurons: [] };
        const { heads } = await rearrangeMasks({ heads: [given], neurons: [] }, gradients, WHERE);
        const own = heads[0] as Uint8Array;
        expect(countOf([own])).toBe(countOf([given]));
        expect(removedNorm(own, vectors, 3)).toBeLessThanOrEqual(removedNorm(given, vectors, 3));
      }),
    );
  });

  it('removes two units that cancel each other out in place of one important and one unimportant', async () => {
    // Units 0 and 1 are opposite; 2 is small, 3 large.
    const vectors = Float64Array.from([5, -5, 1, 3, 5, -5, 1, 3]);
    const masks = { heads: [Uint8Array.of(1, 1, 0, 0)], neurons: [] };
    const found = await rearrangeMasks(masks, { samples: 2, heads: [vectors], neurons: [] }, WHERE);
    expect(removedNorm(found.heads[0] as Uint8Array, vectors, 2)).toBeLessThan(32);
  });
});
