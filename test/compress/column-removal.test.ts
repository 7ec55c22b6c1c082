/** The removal of groups of columns against float64 references: order, errors, and the weights that are left. */
import { describe, expect, it } from 'vitest';
import { native } from '../../lib/native/native.js';
import { Random } from '../kernels/native-test.js';
import { engine } from '../native/toy.js';
import {
  at,
  errorOf,
  fixtureGram,
  INPUT,
  INPUTS,
  jsonOf,
  outputsOf,
  relativeDifference,
  tensorsOf,
  WEIGHT,
} from './compression-fixture.js';

engine();

interface Structured {
  readonly structured: readonly {
    readonly name: string;
    readonly group_size: number;
    readonly removed: number;
    readonly damp: number;
    readonly order: readonly number[];
    readonly scores: readonly number[];
    readonly first_scores_of_all_groups: readonly number[];
    readonly error_after_each_removal: readonly number[];
  }[];
}

describe('removal of groups of columns', () => {
  const { structured } = jsonOf<Structured>('structured.json');
  const tensors = tensorsOf('structured.safetensors');

  it.each(structured)('$name: order, scores, errors and weights', async (wanted) => {
    const gram = await fixtureGram();
    const counts = [...tensors.keys()]
      .filter((name) => name.startsWith(`obs_${wanted.name}_`))
      .map((name) => Number(name.split('_').at(-1)))
      .sort((a, b) => a - b);
    expect(counts).toHaveLength(2);
    const found = await gram.remove(WEIGHT, {
      groupColumns: wanted.group_size,
      removals: wanted.removed,
      lambda: wanted.damp,
      counts: Int32Array.from(counts),
    });
    expect([...found.order]).toEqual(wanted.order);
    expect(relativeDifference(found.scores, wanted.scores)).toBeLessThan(1e-9);
    expect(relativeDifference(found.firstScores, wanted.first_scores_of_all_groups)).toBeLessThan(
      1e-9,
    );
    expect(relativeDifference(found.errors, wanted.error_after_each_removal)).toBeLessThan(1e-9);
    for (const [i, count] of counts.entries()) {
      const weight = found.weights[i] as Float32Array;
      const name = `obs_${wanted.name}_${count}`;
      expect(relativeDifference(weight, tensors.get(name) as Float32Array)).toBeLessThan(1e-6);
      expect(errorOf(weight) / at(found.errors, count - 1)).toBeCloseTo(1, 5);
    }
  });

  it('to the last group, through several blocks: as least squares over what is left', async () => {
    const [inputs, outputs, rows] = [200, 7, 260];
    const random = new Random(11);
    const x = random.floats(rows * inputs);
    const weight = random.floats(outputs * inputs);
    const gram = new (native().Gram)({ inputs, outputs, intercept: false });
    await gram.add(x, Float32Array.from(outputsOf(x, weight, inputs)), null);
    const lambda = 0.01;
    for (const groupColumns of [1, 4, 40]) {
      const removals = inputs / groupColumns;
      const counts = [removals / 4, removals * 0.6, removals].map(Math.floor);
      const options = { groupColumns, removals, lambda, counts: Int32Array.from(counts) };
      const found = await gram.remove(weight, options);
      expect(new Set(found.order).size).toBe(removals);
      for (const [i, count] of counts.slice(0, 2).entries()) {
        const gone = new Set(found.order.subarray(0, count));
        const columns = Int32Array.from({ length: inputs }, (_, c) => c).filter(
          (c) => !gone.has(Math.floor(c / groupColumns)),
        );
        const best = await gram.solve({ lambda, prior: weight, columns });
        const kept = Float32Array.from(best, (_, e) => {
          const column = at(columns, e % columns.length);
          return at(
            found.weights[i] as Float32Array,
            Math.floor(e / columns.length) * inputs + column,
          );
        });
        expect(relativeDifference(kept, best)).toBeLessThan(1e-5);
      }
      expect(found.weights[2]?.every((one) => one === 0)).toBe(true);
      const { targetSquares } = await gram.sums();
      expect(at(found.errors, removals - 1) / targetSquares).toBeCloseTo(1, 5);
    }
  });

  it('takes dead inputs first, at no cost', async () => {
    const gram = await fixtureGram(INPUT.map((one, i) => (i % INPUTS === 13 ? 0 : one)));
    const options = { groupColumns: 1, removals: 1, lambda: 0, counts: Int32Array.from([0, 1]) };
    const found = await gram.remove(WEIGHT, options);
    expect([...found.order]).toEqual([13]);
    expect([...found.errors]).toEqual([0]);
    const last = found.weights[1] as Float32Array;
    expect(last.every((one, i) => (i % INPUTS === 13 ? one === 0 : one === at(WEIGHT, i)))).toBe(
      true,
    );
  });
});
