/**
 * Latency tables: what is predicted is what was fitted, JSON gives the same table, and a table of another machine is refused.
 * Nothing here depends on how fast this machine is.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LatencyData, LatencyTable, thisMachine } from '../../lib/compress/latency-table.js';
import { chooseLayers } from '../../lib/compress/layer-choice.js';
import { nonNegativeLeastSquares } from '../../lib/compress/least-squares.js';
import { measureLatency } from '../../lib/compress/measure-latency.js';
import { layerShapes } from '../../lib/graph/rewrite/layer-shapes.js';
import { Golden } from '../parity/golden.js';

async function measured(name: string, activationBits?: 8 | 7) {
  const golden = await Golden.open(name);
  const { graph, program } = golden.parts;
  const options = { where: 'test', output: 'hidden', batch: golden.batch, seconds: 0 } as const;
  const table = await program.use('test', ({ store }) =>
    measureLatency(graph, store, { ...options, activationBits }),
  );
  return { graph, table };
}

describe('latency tables', () => {
  it.each([
    ['bert', undefined, 1],
    ['bert', 8, 1],
    ['albert', undefined, 1],
    ['modernbert', undefined, 2],
    ['mpnet', 7, 1],
  ] as const)(
    'are measured for %s, activation bits %s, with %i kinds of layers',
    async (name, bits, kinds) => {
      const { graph, table } = await measured(name, bits);
      const shapes = layerShapes(graph);
      expect(Object.keys(table.data.kinds).length).toBe(kinds);
      expect(table.data.rounds).toBeGreaterThanOrEqual(3);
      const whole = table.predict(shapes);
      expect(whole).toBeGreaterThan(0);
      // Fewer units and layers never take longer.
      const narrow = shapes.map((shape) => ({ ...shape, heads: 1, neurons: 1 }));
      expect(table.predict(narrow)).toBeLessThanOrEqual(whole);
      expect(table.predict(shapes.slice(1))).toBeLessThanOrEqual(whole);
      const parts = shapes.reduce(
        (sum, { kind, heads, neurons }) =>
          sum + table.cost(kind, 'heads', heads) + table.cost(kind, 'neurons', neurons),
        table.fixed(shapes),
      );
      expect(parts).toBeCloseTo(whole, 9);
      const again = LatencyTable.from(JSON.parse(JSON.stringify(table)), 'test');
      expect(again.data).toEqual(table.data);
      expect(again.predict(narrow)).toBe(table.predict(narrow));
    },
  );

  it('are linear between the widths, in panels of 16 neurons', () => {
    const curve = { counts: [16, 64, 128], ms: [0, 3, 1] };
    const kind = { baseMs: 2, heads: { counts: [1, 4], ms: [0, 6] }, neurons: curve };
    const table = new LatencyTable(dataOf({ a: kind }));
    const at = (heads: number, neurons: number) => table.predict([{ kind: 'a', heads, neurons }]);
    expect(at(1, 16)).toBe(3);
    expect(at(2, 16)).toBe(5);
    expect(at(4, 64)).toBe(12);
    expect(at(4, 33)).toBe(at(4, 48));
    expect(at(4, 48)).toBe(11);
    expect(at(4, 96)).toBe(12.5);
    expect(() => table.predict([{ kind: 'b', heads: 1, neurons: 1 }])).toThrow(
      'no layers of the kind b',
    );
  });

  it('are refused from another machine, and damaged', () => {
    const other = { ...dataOf({}), machine: { ...thisMachine(), cpu: 'Another CPU' } };
    expect(() => LatencyTable.from(other, 'test')).toThrow(
      /of another machine: cpu Another CPU, this one has cpu/,
    );
    expect(LatencyTable.from(other, 'test', { anyMachine: true }).data).toBe(other);
    const damaged = [
      null,
      1,
      {},
      { ...dataOf({}), constantMs: -1 },
      { ...dataOf({}), kinds: { a: {} } },
    ];
    const curve = { counts: [2, 1], ms: [0, 1] };
    damaged.push({ ...dataOf({}), kinds: { a: { baseMs: 1, heads: curve, neurons: curve } } });
    for (const value of damaged) {
      expect(() => LatencyTable.from(value, 'test')).toThrow('the latency table is damaged');
    }
  });
});

function dataOf(kinds: LatencyData['kinds']): LatencyData {
  const sample = { lengths: [3], textsPerCall: 1, rounds: 3 };
  return { format: 1, machine: thisMachine(), arithmetic: 'f32', ...sample, constantMs: 1, kinds };
}

describe('least squares without negative numbers', () => {
  it('finds what made the numbers, and is at least as good as 0', () => {
    const numbers = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(numbers, (x) => {
        const rows = [
          [1, 0, 0],
          [1, 2, 0],
          [1, 1, 3],
          [0, 1, 1],
          [2, 0, 1],
        ];
        const b = rows.map((row) => row.reduce((sum, value, j) => sum + value * (x[j] ?? 0), 0));
        const found = nonNegativeLeastSquares(rows, b);
        for (const [j, value] of x.entries()) expect(found[j]).toBeCloseTo(value, 6);
      }),
    );
    expect([...nonNegativeLeastSquares([[1], [1]], [-1, -3])]).toEqual([0]);
  });
});

describe('the choice of layers', () => {
  it('drops the layer that hurts least, again and again', async () => {
    const worth = [5, 1, 4, 1];
    const asked: string[] = [];
    const score = async (kept: readonly number[]) => {
      asked.push(kept.join());
      return kept.reduce((sum, layer) => sum + (worth[layer] ?? 0), 0);
    };
    const found = await chooseLayers(4, score, { where: 'test' });
    expect(found.map(({ kept }) => kept)).toEqual([[0, 1, 2, 3], [0, 2, 3], [0, 2], [0]]);
    expect(found.map((choice) => choice.score)).toEqual([11, 10, 9, 5]);
    expect(new Set(asked).size).toBe(asked.length);
    expect(asked.length).toBe(1 + 4 + 3 + 2);
    expect(found[3]?.tried).toEqual([
      { dropped: 0, score: 4 },
      { dropped: 2, score: 5 },
    ]);
  });

  it('refuses scores that are no numbers, and ends when aborted', async () => {
    await expect(chooseLayers(2, () => Number.NaN, { where: 'test' })).rejects.toThrow(RangeError);
    const signal = AbortSignal.abort();
    await expect(chooseLayers(2, () => 1, { where: 'test', signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    await expect(chooseLayers(2, () => 1, { where: 'test', least: 3 })).rejects.toThrow(RangeError);
  });
});
