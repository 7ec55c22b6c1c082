/** The factors of low rank against float64 references: values, errors, full and lower rank. */
import { describe, expect, it } from 'vitest';
import { native } from '../../lib/native/native.js';
import { Random } from '../kernels/native-test.js';
import { engine } from '../native/toy.js';
import {
  errorOf,
  factorsProduct,
  fixtureGram,
  INPUTS,
  jsonOf,
  OUTPUTS,
  relativeDifference,
  tensorsOf,
  WEIGHT,
} from './compression-fixture.js';

engine();

interface LowRankCases {
  readonly diagonal_scale: readonly number[];
  readonly cases: readonly {
    readonly name: string;
    readonly rank: number;
    readonly singular_values: readonly number[];
    readonly weight_error: number;
    readonly output_error: number;
  }[];
}

describe('low rank', () => {
  const { cases, diagonal_scale } = jsonOf<LowRankCases>('low_rank.json');
  const tensors = tensorsOf('low_rank.safetensors');

  it.each(cases)('$name: values, factors and errors', async (wanted) => {
    const { name, rank } = wanted;
    const found = await native().lowRank(WEIGHT, {
      outputs: OUTPUTS,
      inputs: INPUTS,
      rank,
      scale: name === 'diagonal_scale' ? Float64Array.from(diagonal_scale) : null,
      gram: name === 'whitened' ? await fixtureGram() : null,
      lambda: 0,
    });
    expect(relativeDifference(found.singularValues, wanted.singular_values)).toBeLessThan(1e-10);
    const product = factorsProduct(found.a, found.b, rank, INPUTS);
    expect(relativeDifference(product, tensors.get(name) as Float32Array)).toBeLessThan(1e-6);
    expect(errorOf(product) / wanted.output_error).toBeCloseTo(1, 5);
    const squares = (from: number) =>
      found.singularValues.subarray(from).reduce((sum, one) => sum + one * one, 0);
    if (name === 'whitened') {
      for (const r of [1, 5, rank]) {
        const shorter = factorsProduct(found.a, found.b, rank, INPUTS, r);
        expect(errorOf(shorter) / squares(r)).toBeCloseTo(1, 4);
      }
    }
  });

  it.each([
    [40, 9],
    [9, 40],
    [33, 33],
  ])('of full rank gives a weight [%i, %i] back', async (outputs, inputs) => {
    const weight = new Random(outputs).floats(outputs * inputs);
    const rank = Math.min(outputs, inputs);
    const options = { outputs, inputs, rank, scale: null, gram: null, lambda: 0 };
    const { a, b, singularValues } = await native().lowRank(weight, options);
    expect(relativeDifference(factorsProduct(a, b, rank, inputs), weight)).toBeLessThan(1e-6);
    const squares = weight.reduce((sum, one) => sum + one * one, 0);
    expect(singularValues.reduce((sum, one) => sum + one * one, 0) / squares).toBeCloseTo(1, 12);
  });

  it.each([
    [12, 20],
    [20, 12],
  ])('of a weight [%i, %i] of lower rank has factors of 0', async (outputs, inputs) => {
    const random = new Random(7);
    const [left, right] = [random.floats(outputs * 2), random.floats(2 * inputs)];
    // Halves, so that the products are exact in float32.
    const round = (values: Float32Array) => values.map((one) => Math.round(one * 8) / 8);
    const weight = Float32Array.from(factorsProduct(round(right), round(left), 2, inputs));
    const options = { outputs, inputs, rank: 4, scale: null, gram: null, lambda: 0 };
    const { a, b } = await native().lowRank(weight, options);
    expect(relativeDifference(factorsProduct(a, b, 4, inputs), weight)).toBeLessThan(1e-6);
    expect(a.subarray(2 * inputs).every((one) => one === 0)).toBe(true);
  });
});
