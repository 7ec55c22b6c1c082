/**
 * The solves of compression against float64 references: sums, least squares, cancellation, bits.
 */
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { native } from '../../lib/native/native.js';
import { hostLevels } from '../isa-levels.js';
import { Random } from '../kernels/native-test.js';
import { child } from '../native/child.js';
import { engine } from '../native/toy.js';
import {
  at,
  fixtureGram,
  INPUT,
  INPUTS,
  OUTPUTS,
  outputsOf,
  ROWS,
  relativeDifference,
  WEIGHT,
} from './compression-fixture.js';

engine();

const all = Int32Array.from({ length: INPUTS }, (_, i) => i);
const plainSum = (rows: number, term: (row: number) => number) => {
  let sum = 0;
  for (let row = 0; row < rows; row++) sum += term(row);
  return sum;
};

describe('sums over rows', () => {
  it.each([
    [1, 1, 1],
    [3, 0, 7],
    [17, 5, 300],
    [70, 33, 513],
  ])('of %i inputs and %i outputs are those of float64', async (inputs, outputs, rows) => {
    const random = new Random(inputs);
    const x = random.floats(rows * inputs);
    const y = random.floats(rows * outputs);
    const minus = random.floats(rows * outputs);
    const gram = new (native().Gram)({ inputs, outputs, intercept: true });
    await gram.add(x, outputs === 0 ? null : y, outputs === 0 ? null : minus);
    const sums = await gram.sums();
    const width = inputs + 1;
    const input = (row: number, i: number) => (i === inputs ? 1 : at(x, row * inputs + i));
    const target = (row: number, j: number) =>
      Math.fround(at(y, row * outputs + j) - at(minus, row * outputs + j));
    const products = Float64Array.from({ length: width * width }, (_, e) =>
      plainSum(rows, (row) => input(row, Math.floor(e / width)) * input(row, e % width)),
    );
    expect(relativeDifference(sums.products, products)).toBeLessThan(1e-13);
    expect(sums.rows).toBe(rows);
    if (outputs === 0) return expect(sums.targets).toHaveLength(0);
    const targets = Float64Array.from({ length: width * outputs }, (_, e) =>
      plainSum(rows, (row) => input(row, Math.floor(e / outputs)) * target(row, e % outputs)),
    );
    expect(relativeDifference(sums.targets, targets)).toBeLessThan(1e-13);
    const squares = plainSum(
      rows * outputs,
      (i) => target(Math.floor(i / outputs), i % outputs) ** 2,
    );
    expect(Math.abs(sums.targetSquares / squares - 1)).toBeLessThan(1e-13);
  });

  it('have the same bits however the rows are cut into batches', async () => {
    const whole = await fixtureGram();
    const pieces = new (native().Gram)({ inputs: INPUTS, outputs: OUTPUTS, intercept: false });
    const y = Float32Array.from(outputsOf(INPUT, WEIGHT));
    for (const [begin, end] of [
      [0, 1],
      [1, 77],
      [77, 77],
      [77, 200],
    ] as const) {
      const part = y.subarray(begin * OUTPUTS, end * OUTPUTS);
      await pieces.add(INPUT.subarray(begin * INPUTS, end * INPUTS), part, null);
    }
    expect(await pieces.sums()).toEqual(await whole.sums());
  });

  it('of two lists of rows are merged', async () => {
    const half = INPUT.length / 2;
    const [whole, first, second] = [
      await fixtureGram(),
      await fixtureGram(INPUT.slice(0, half)),
      await fixtureGram(INPUT.slice(half)),
    ];
    await first.merge(second);
    const [sums, wanted] = [await first.sums(), await whole.sums()];
    expect(sums.rows).toBe(wanted.rows);
    expect(relativeDifference(sums.products, wanted.products)).toBeLessThan(1e-14);
    expect(relativeDifference(sums.targets, wanted.targets)).toBeLessThan(1e-14);
    expect(sums.targetSquares / wanted.targetSquares).toBeCloseTo(1, 13);
    const other = new (native().Gram)({ inputs: INPUTS, outputs: OUTPUTS, intercept: true });
    await expect(first.merge(other)).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  it('normalize rows by the size of their targets, the intercept included', async () => {
    const [inputs, outputs, rows] = [3, 4, 9];
    const random = new Random(5);
    const [x, y, minus] = [3, 4, 4].map((width) => random.floats(rows * width)) as [
      Float32Array<ArrayBuffer>,
      Float32Array<ArrayBuffer>,
      Float32Array<ArrayBuffer>,
    ];
    y.fill(0, 0, outputs);
    const shape = { inputs, outputs, intercept: true };
    const gram = new (native().Gram)({ ...shape, normalizeRows: true });
    await gram.add(x, y, minus);
    const factors = Array.from({ length: rows }, (_, row) => {
      const own = y.subarray(row * outputs, (row + 1) * outputs);
      const square = own.reduce((sum, one) => sum + one * one, 0);
      return row === 0 ? 1 : Math.sqrt(outputs / square);
    });
    const { products, targets } = await gram.sums();
    const input = (row: number, i: number) =>
      at(factors, row) * (i === inputs ? 1 : at(x, row * inputs + i));
    const target = (row: number, j: number) =>
      at(factors, row) * (at(y, row * outputs + j) - at(minus, row * outputs + j));
    const width = inputs + 1;
    const wanted = Float64Array.from({ length: width * width }, (_, e) =>
      plainSum(rows, (row) => input(row, Math.floor(e / width)) * input(row, e % width)),
    );
    expect(relativeDifference(products, wanted)).toBeLessThan(1e-6);
    const wantedTargets = Float64Array.from({ length: width * outputs }, (_, e) =>
      plainSum(rows, (row) => input(row, Math.floor(e / outputs)) * target(row, e % outputs)),
    );
    expect(relativeDifference(targets, wantedTargets)).toBeLessThan(1e-6);
  });

  it('damp each input by its own size with ownScale', async () => {
    // Multiplying an input by a factor divides its weight by it, and changes nothing else.
    const scaled = INPUT.map((one, i) => (i % INPUTS === 3 ? 64 * one : one));
    const y = Float32Array.from(outputsOf(INPUT, WEIGHT));
    const solved = async (x: Float32Array, ownScale: boolean) => {
      const gram = new (native().Gram)({ inputs: INPUTS, outputs: OUTPUTS, intercept: false });
      await gram.add(x, y, null);
      return gram.solve({ lambda: 0.5, ownScale, prior: null, columns: all });
    };
    const back = (weight: Float32Array) =>
      weight.map((one, i) => (i % INPUTS === 3 ? 64 * one : one));
    const [plain, large] = [await solved(INPUT, true), await solved(scaled, true)];
    expect(relativeDifference(back(large), plain)).toBeLessThan(1e-6);
    const [mean, largeMean] = [await solved(INPUT, false), await solved(scaled, false)];
    expect(relativeDifference(back(largeMean), mean)).toBeGreaterThan(0.01);
  });

  it('refuse numbers that are not finite, and cannot be used after that', async () => {
    const gram = new (native().Gram)({ inputs: 2, outputs: 0, intercept: false });
    const bad = gram.add(Float32Array.from([1, Number.NaN]), null, null);
    await expect(bad).rejects.toMatchObject({ code: 'INVALID_DATA' });
    await expect(gram.sums()).rejects.toMatchObject({ code: 'INTERNAL' });
  });
});

describe('least squares', () => {
  it('find the weight that made the outputs', async () => {
    const gram = await fixtureGram();
    const found = await gram.solve({ lambda: 0, prior: null, columns: all });
    expect(relativeDifference(found, WEIGHT)).toBeLessThan(1e-6);
    expect(await gram.error(found)).toBeLessThan(1e-4);
  });

  it('find a bias too', async () => {
    const bias = new Random(3).floats(OUTPUTS);
    const gram = new (native().Gram)({ inputs: INPUTS, outputs: OUTPUTS, intercept: true });
    const y = Float32Array.from(outputsOf(INPUT, WEIGHT), (one, i) => one + at(bias, i % OUTPUTS));
    await gram.add(INPUT, y, null);
    const found = await gram.solve({ lambda: 0, prior: null, columns: all });
    const fitted = bias.map((_, j) => at(found, j * (INPUTS + 1) + INPUTS));
    expect(relativeDifference(fitted, bias)).toBeLessThan(1e-5);
  });

  it('keep some columns: the gradient of what is minimised is 0', async () => {
    const columns = Int32Array.from([0, 3, 4, 9, 20, 31]);
    const prior = new Random(5).floats(OUTPUTS * INPUTS);
    const gram = await fixtureGram();
    const lambda = 0.05;
    const found = await gram.solve({ lambda, prior, columns });
    const { products } = await gram.sums();
    const damping = (lambda * plainSum(INPUTS, (i) => at(products, i * (INPUTS + 1)))) / INPUTS;
    const y = outputsOf(INPUT, WEIGHT);
    for (const output of [0, 7, 23]) {
      const residuals = Float64Array.from({ length: ROWS }, (_, row) => {
        const sum = plainSum(
          columns.length,
          (c) => at(INPUT, row * INPUTS + at(columns, c)) * at(found, output * columns.length + c),
        );
        return sum - at(y, row * OUTPUTS + output);
      });
      for (const [c, column] of columns.entries()) {
        const pull = at(found, output * columns.length + c) - at(prior, output * INPUTS + column);
        const gradient =
          plainSum(ROWS, (row) => at(residuals, row) * at(INPUT, row * INPUTS + column)) +
          damping * pull;
        expect(Math.abs(gradient)).toBeLessThan(2e-3);
      }
    }
  });

  it('leave the weights of inputs that are always 0, and name inputs that depend on others', async () => {
    const dead = INPUT.map((one, i) => (i % INPUTS === 13 ? 0 : one));
    const gram = await fixtureGram(dead);
    const prior = new Random(9).floats(OUTPUTS * INPUTS);
    const found = await gram.solve({ lambda: 0, prior, columns: all });
    expect(at(found, 13)).toBe(at(prior, 13));
    expect(at(found, 12)).toBeCloseTo(at(WEIGHT, 12), 4);
    const twice = INPUT.map((one, i) => (i % INPUTS === 13 ? at(INPUT, i - 1) : one));
    const second = await fixtureGram(twice);
    const failing = second.solve({ lambda: 0, prior: null, columns: all });
    await expect(failing).rejects.toMatchObject({ code: 'INVALID_DATA' });
    await expect(failing).rejects.toThrow('input 13 depends linearly on those before it');
    const damped = await second.solve({ lambda: 1e-6, prior: null, columns: all });
    expect(at(damped, 12)).toBeCloseTo(at(damped, 13), 4);
  });

  it.each([65, 200, 300])('solve %i inputs, more than a block', async (inputs) => {
    const random = new Random(inputs);
    const rows = inputs + 50;
    const x = random.floats(rows * inputs);
    const weight = random.floats(3 * inputs);
    const gram = new (native().Gram)({ inputs, outputs: 3, intercept: false });
    await gram.add(x, Float32Array.from(outputsOf(x, weight, inputs)), null);
    const columns = Int32Array.from({ length: inputs }, (_, i) => i);
    const found = await gram.solve({ lambda: 0, prior: null, columns });
    expect(relativeDifference(found, weight)).toBeLessThan(1e-4);
  });
});

describe('a cancelled call', () => {
  it('ends at its next check, and leaves the lanes to others', async () => {
    const [outputs, inputs] = [400, 400];
    const weight = new Random(1).floats(outputs * inputs);
    const options = { outputs, inputs, rank: 400, scale: null, gram: null, lambda: 0 };
    const jobId = native().nextJobId();
    const call = native().lowRank(weight, options, jobId);
    await setTimeout(20);
    native().cancel(jobId);
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED' });
    const gram = await fixtureGram();
    expect((await gram.sums()).rows).toBe(ROWS);
  });
});

describe('bits', () => {
  it('do not depend on the lanes or the instruction set', async () => {
    const levels = hostLevels();
    const runs = levels.flatMap((level) => [1, 2, 3].map((lanes) => [level, lanes] as const));
    const hashes: string[] = [];
    for (const [level, lanes] of runs) {
      const end = await child('compress', [String(lanes)], { SINTER_ISA: level });
      expect(end.end, end.stderr).toBe(0);
      hashes.push(end.stdout);
    }
    expect(hashes[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set(hashes).size).toBe(1);
  });
});
