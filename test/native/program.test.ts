/** The memory plan and the cutting of batches, as properties over random programs and batches. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PlannedOp, program } from './internals.js';
import { at } from './toy.js';

/** Widths, ops and a seed of a random program: each op reads earlier values and makes one or two. */
const programs = fc
  .array(
    fc.record({
      reads: fc.array(fc.nat(1000), { minLength: 1, maxLength: 2 }),
      widths: fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 3 }),
      alias: fc.boolean(),
    }),
    { minLength: 1, maxLength: 25 },
  )
  .map((steps) => {
    const widths = [10];
    const ops: PlannedOp[] = [{ inputs: [], outputs: [0], alias: false }];
    for (const { reads, widths: made, alias } of steps) {
      const inputs = reads.map((read) => read % widths.length);
      const first = widths.length;
      // An alias has the width of its input and no hidden values.
      widths.push(...(alias ? [at(widths, inputs[0] as number)] : made));
      const outputs = widths.slice(first).map((_, i) => first + i);
      ops.push({ inputs: alias ? inputs.slice(0, 1) : inputs, outputs, alias });
    }
    return { widths, ops };
  });

const CHAIN_WIDTHS = [8, 8, 8, 8, 8];
const CHAIN: readonly PlannedOp[] = CHAIN_WIDTHS.map((_, i) => ({
  inputs: i === 0 ? [] : [i - 1],
  outputs: [i],
  alias: false,
}));

/** Marks the ops that `loss` depends on. */
function neededFor(ops: readonly PlannedOp[], loss: number): number[] {
  const wanted = new Set([loss]);
  const marks = ops.map(() => 0);
  for (const [i, { inputs, outputs }] of [...ops.entries()].reverse()) {
    if (!outputs.some((value) => wanted.has(value))) continue;
    marks[i] = 1;
    for (const input of inputs) wanted.add(input);
  }
  return marks;
}

/** First and last op that touches the memory of each root, and the root of each value. */
function lives(widths: readonly number[], ops: readonly PlannedOp[]) {
  const root = widths.map((_, i) => i);
  for (const { inputs, outputs, alias } of ops) {
    if (alias) root[outputs[0] as number] = at(root, inputs[0] as number);
  }
  const range = new Map<number, [number, number]>();
  for (const [now, { inputs, outputs }] of ops.entries()) {
    for (const value of [...inputs, ...outputs]) {
      const owner = at(root, value);
      const known = range.get(owner);
      range.set(owner, [known?.[0] ?? now, now]);
    }
  }
  return { root, range };
}

describe('memory plan', () => {
  it('never lets two live values overlap', () => {
    fc.assert(
      fc.property(programs, fc.array(fc.nat(1000)), ({ widths, ops }, picks) => {
        const toTheEnd = picks.map((pick) => pick % widths.length);
        const { offsets, width } = program.plan(widths, ops, toTheEnd);
        const { root, range } = lives(widths, ops);
        for (const value of toTheEnd) {
          const known = range.get(at(root, value));
          if (known !== undefined) known[1] = ops.length;
        }
        const roots = [...range.keys()];
        for (const a of roots) {
          expect(at(offsets, a) + at(widths, a)).toBeLessThanOrEqual(width);
          for (const b of roots) {
            if (a >= b) continue;
            const [first, second] = [range.get(a), range.get(b)] as [number, number][];
            const together =
              (first?.[0] ?? 0) <= (second?.[1] ?? 0) && (second?.[0] ?? 0) <= (first?.[1] ?? 0);
            const apart =
              at(offsets, a) + at(widths, a) <= at(offsets, b) ||
              at(offsets, b) + at(widths, b) <= at(offsets, a);
            expect(!together || apart, `values ${a} and ${b}`).toBe(true);
          }
        }
        for (const [value, owner] of root.entries()) {
          expect(at(offsets, value)).toBe(at(offsets, owner));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('is a pure function', () => {
    fc.assert(
      fc.property(programs, ({ widths, ops }) => {
        expect(program.plan(widths, ops, [0])).toEqual(program.plan(widths, ops, [0]));
      }),
      { numRuns: 50 },
    );
  });

  it('reuses memory in a chain, but not that of values that are read after it', () => {
    expect(program.plan(CHAIN_WIDTHS, CHAIN, []).width).toBe(16);
    expect(program.plan(CHAIN_WIDTHS, CHAIN, [0, 3]).width).toBe(24);
    expect(program.plan(CHAIN_WIDTHS, CHAIN, [0, 1, 2, 3, 4]).width).toBe(40);
  });
});

/** Gradients as a simulation: who has which memory, cell by cell, while backward runs. */
class Backward {
  private readonly owner: number[];
  private readonly begun = new Set<number>();

  constructor(
    private readonly plan: { offsets: number[]; width: number },
    private readonly widths: readonly number[],
    private readonly root: readonly number[],
  ) {
    this.owner = Array.from({ length: plan.width }, () => -1);
  }

  begin(value: number): void {
    expect(this.begun.has(value), `gradient ${value} begins once`).toBe(false);
    this.begun.add(value);
    this.owner.fill(value, at(this.plan.offsets, value), this.end(value));
  }

  /** Reading or adding: the gradient has begun and nobody took its memory since. */
  use(value: number): void {
    const owner = at(this.root, value);
    expect(this.begun.has(owner), `gradient ${owner} has begun`).toBe(true);
    const cells = this.owner.slice(at(this.plan.offsets, owner), this.end(owner));
    expect(
      cells.every((cell) => cell === owner),
      `gradient ${owner} is intact`,
    ).toBe(true);
  }

  private end(value: number): number {
    return at(this.plan.offsets, value) + at(this.widths, value);
  }
}

describe('gradient plan', () => {
  it('begins every gradient before its first use and keeps it until its last', () => {
    fc.assert(
      fc.property(programs, fc.nat(1000), ({ widths, ops }, pick) => {
        const { root } = lives(widths, ops);
        const results = ops.map(({ outputs }) => outputs[0] as number);
        const loss = at(results, pick % results.length);
        const needed = neededFor(ops, loss);
        const plan = program.planBackward(widths, ops, needed, loss);
        const backward = new Backward(plan, widths, root);
        backward.begin(at(root, loss));
        for (const [i, { inputs, outputs }] of [...ops.entries()].reverse()) {
          for (const value of plan.begins[i] ?? []) backward.begin(value);
          if (needed[i] === 0) {
            expect(plan.begins[i]).toEqual([]);
            continue;
          }
          // The first output is what others read; the rest has no gradient.
          backward.use(outputs[0] as number);
          for (const input of inputs) backward.use(input);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('needs two values at a time in a chain, and nothing for what is not needed', () => {
    const all = CHAIN.map(() => 1);
    expect(program.planBackward(CHAIN_WIDTHS, CHAIN, all, 4).width).toBe(16);
    const part = program.planBackward(CHAIN_WIDTHS, CHAIN, [1, 1, 0, 0, 0], 1);
    expect(part.width).toBe(16);
    expect(part.begins).toEqual([[], [0], [], [], []]);
  });
});

const batches = fc
  .record({
    lengths: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 }),
    segments: fc.boolean(),
    budget: fc.integer({ min: 1, max: 200 }),
  })
  .map(({ lengths, segments, budget }) => {
    const offsets = new Int32Array(lengths.length + 1);
    for (const [i, length] of lengths.entries()) offsets[i + 1] = at(offsets, i) + length;
    const ids = Int32Array.from({ length: at(offsets, lengths.length) }, (_, i) => 7 * i);
    return { ids, offsets, segments: segments ? ids.map((id) => id % 2) : null, budget, lengths };
  });

/** Slices as pairs. */
function slicesOf(offsets: Int32Array, budget: number): [number, number][] {
  const flat = program.cut(offsets, budget);
  return flat.flatMap((begin, i) =>
    i % 2 === 0 ? [[begin, at(flat, i + 1)] as [number, number]] : [],
  );
}

describe('batches', () => {
  it('are cut in order, whole, within the budget, and as few as a greedy cut makes', () => {
    fc.assert(
      fc.property(batches, ({ offsets, budget }) => {
        const slices = slicesOf(offsets, budget);
        expect(slices.flat()).toEqual([
          0,
          ...slices.slice(1).flatMap(([begin]) => [begin, begin]),
          offsets.length - 1,
        ]);
        for (const [i, [begin, end]] of slices.entries()) {
          expect(end).toBeGreaterThan(begin);
          const tokens = at(offsets, end) - at(offsets, begin);
          expect(end - begin === 1 || tokens <= budget).toBe(true);
          // One more sequence would not have fitted.
          if (i + 1 < slices.length) {
            expect(at(offsets, end + 1) - at(offsets, begin)).toBeGreaterThan(budget);
          }
        }
      }),
    );
  });

  it('of no sequence have no slice', () => {
    expect(program.cut(Int32Array.of(0), 10)).toEqual([]);
  });

  it('become micro-batches that start at 0 and know their place', () => {
    fc.assert(
      fc.property(batches, ({ ids, offsets, segments, budget, lengths }) => {
        const slices = slicesOf(offsets, budget);
        // All slices, then the first again: the workspace keeps nothing of the one before.
        const order = [...slices, slices[0] as [number, number]];
        const made = program.micro({ ids, offsets, segments }, order);
        for (const [i, [begin, end]] of order.entries()) {
          const micro = made[i];
          const [from, to] = [at(offsets, begin), at(offsets, end)];
          const tokens = Array.from({ length: to - from }, (_, t) => from + t);
          expect(micro).toEqual({
            offsets: offsets.slice(begin, end + 1).map((offset) => offset - from),
            ids: ids.slice(from, to),
            positions: Int32Array.from(
              lengths.slice(begin, end).flatMap((n) => [...Array(n).keys()]),
            ),
            segments: segments?.slice(from, to) ?? new Int32Array(tokens.length),
            firstToken: from,
            firstSequence: begin,
            longest: Math.max(...lengths.slice(begin, end)),
          });
        }
      }),
    );
  });
});
