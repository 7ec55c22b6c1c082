/** The memory plan and the cutting of batches, as properties over random programs and batches. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PlannedOp, type PlannedValue, program } from './internals.js';
import { at } from './toy.js';

/** Values of the kinds token, sequence, selected and table lie in the rooms 0, 0, 1 and 2. */
const roomOf = ([kind]: PlannedValue) => [0, 0, 1, 2][kind] ?? -1;
/** Floats that a value takes up in its room: per row, or the whole table in steps of 64 bytes. */
const extentOf = ([kind, width, rows]: PlannedValue) =>
  kind === 3 ? Math.ceil((width * rows) / 16) * 16 : width;

/** Values and ops of a random program: each op reads earlier values and makes one or two. */
const programs = fc
  .array(
    fc.record({
      reads: fc.array(fc.nat(1000), { minLength: 1, maxLength: 2 }),
      widths: fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 3 }),
      alias: fc.boolean(),
      kind: fc.integer({ min: 0, max: 3 }),
      rows: fc.integer({ min: 1, max: 20 }),
    }),
    { minLength: 1, maxLength: 25 },
  )
  .map((steps) => {
    const values: PlannedValue[] = [[0, 10, 0]];
    const ops: PlannedOp[] = [{ inputs: [], outputs: [0], alias: false }];
    for (const { reads, widths, alias, kind, rows } of steps) {
      const inputs = reads.map((read) => read % values.length);
      const first = values.length;
      // An alias has the shape of its input and no hidden values.
      const made = widths.map((width) => [kind, width, kind === 3 ? rows : 0] as const);
      values.push(...(alias ? [values[inputs[0] as number] as PlannedValue] : made));
      const outputs = values.slice(first).map((_, i) => first + i);
      ops.push({ inputs: alias ? inputs.slice(0, 1) : inputs, outputs, alias });
    }
    return { values, ops };
  });

const CHAIN_VALUES: readonly PlannedValue[] = Array(5).fill([0, 8, 0]);
const CHAIN: readonly PlannedOp[] = CHAIN_VALUES.map((_, i) => ({
  inputs: i === 0 ? [] : [i - 1],
  outputs: [i],
  alias: false,
}));

/** Marks the ops that `losses` depend on. */
function neededFor(ops: readonly PlannedOp[], losses: readonly number[]): number[] {
  const wanted = new Set(losses);
  const marks = ops.map(() => 0);
  for (const [i, { inputs, outputs }] of [...ops.entries()].reverse()) {
    if (!outputs.some((value) => wanted.has(value))) continue;
    marks[i] = 1;
    for (const input of inputs) wanted.add(input);
  }
  return marks;
}

/** First and last op that touches the memory of each root, and the root of each value. */
function lives(values: readonly PlannedValue[], ops: readonly PlannedOp[]) {
  const root = values.map((_, i) => i);
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
      fc.property(programs, fc.array(fc.nat(1000)), ({ values, ops }, picks) => {
        const toTheEnd = picks.map((pick) => pick % values.length);
        const { offsets, widths } = program.plan(values, ops, toTheEnd);
        const { root, range } = lives(values, ops);
        const shape = (value: number) => values[value] as PlannedValue;
        const end = (value: number) => at(offsets, value) + extentOf(shape(value));
        for (const value of toTheEnd) {
          const known = range.get(at(root, value));
          if (known !== undefined) known[1] = ops.length;
        }
        const roots = [...range.keys()];
        for (const a of roots) {
          expect(end(a)).toBeLessThanOrEqual(at(widths, roomOf(shape(a))));
          for (const b of roots) {
            if (a >= b || roomOf(shape(a)) !== roomOf(shape(b))) continue;
            const [first, second] = [range.get(a), range.get(b)] as [number, number][];
            const together =
              (first?.[0] ?? 0) <= (second?.[1] ?? 0) && (second?.[0] ?? 0) <= (first?.[1] ?? 0);
            const apart = end(a) <= at(offsets, b) || end(b) <= at(offsets, a);
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
      fc.property(programs, ({ values, ops }) => {
        expect(program.plan(values, ops, [0])).toEqual(program.plan(values, ops, [0]));
      }),
      { numRuns: 50 },
    );
  });

  it('has a room for selected tokens, and one for tables that counts whole tables', () => {
    const values: PlannedValue[] = [
      [0, 8, 0],
      [3, 5, 7],
      [3, 4, 2],
      [2, 100, 0],
      [1, 3, 0],
    ];
    const ops = values.map((_, i) => ({ inputs: [], outputs: [i], alias: false }));
    const plan = program.plan(values, ops, [0, 1, 2, 3, 4]);
    expect(plan).toEqual({ offsets: [0, 0, 48, 0, 8], widths: [11, 100, 64] });
  });

  it('reuses memory in a chain, but not that of values that are read after it', () => {
    expect(program.plan(CHAIN_VALUES, CHAIN, []).widths).toEqual([16, 0, 0]);
    expect(program.plan(CHAIN_VALUES, CHAIN, [0, 3]).widths).toEqual([24, 0, 0]);
    expect(program.plan(CHAIN_VALUES, CHAIN, [0, 1, 2, 3, 4]).widths).toEqual([40, 0, 0]);
  });
});

/** Simulates backward: which gradient owns each cell of memory at each step. */
class Backward {
  private readonly owners: number[][];
  private readonly begun = new Set<number>();

  constructor(
    private readonly plan: { offsets: number[]; widths: number[] },
    private readonly values: readonly PlannedValue[],
    private readonly root: readonly number[],
  ) {
    this.owners = plan.widths.map((length) => Array.from({ length }, () => -1));
  }

  begin(value: number): void {
    expect(this.begun.has(value), `gradient ${value} begins once`).toBe(false);
    this.begun.add(value);
    this.room(value).fill(value, at(this.plan.offsets, value), this.end(value));
  }

  /** A read or an addition: the gradient must have begun, and its memory must still be its own. */
  use(value: number): void {
    const owner = at(this.root, value);
    expect(this.begun.has(owner), `gradient ${owner} has begun`).toBe(true);
    const cells = this.room(owner).slice(at(this.plan.offsets, owner), this.end(owner));
    expect(
      cells.every((cell) => cell === owner),
      `gradient ${owner} is intact`,
    ).toBe(true);
  }

  private room(value: number): number[] {
    return this.owners[roomOf(this.values[value] as PlannedValue)] as number[];
  }

  private end(value: number): number {
    return at(this.plan.offsets, value) + extentOf(this.values[value] as PlannedValue);
  }
}

describe('gradient plan', () => {
  it('begins every gradient before its first use and keeps it until its last', () => {
    fc.assert(
      fc.property(programs, fc.nat(1000), fc.nat(1000), ({ values, ops }, one, two) => {
        const { root } = lives(values, ops);
        const results = ops.map(({ outputs }) => outputs[0] as number);
        const losses = [at(results, one % results.length), at(results, two % results.length)];
        const needed = neededFor(ops, losses);
        const plan = program.planBackward(values, ops, needed, losses);
        const backward = new Backward(plan, values, root);
        for (const owner of new Set(losses.map((loss) => at(root, loss)))) backward.begin(owner);
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
    expect(program.planBackward(CHAIN_VALUES, CHAIN, all, [4]).widths).toEqual([16, 0, 0]);
    const part = program.planBackward(CHAIN_VALUES, CHAIN, [1, 1, 0, 0, 0], [1]);
    expect(part.widths).toEqual([16, 0, 0]);
    expect(part.begins).toEqual([[], [0], [], [], []]);
  });
});

const batches = fc
  .record({
    lengths: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 }),
    segments: fc.boolean(),
    // Whether each token is selected; null: the call selects none in particular.
    picks: fc.option(fc.array(fc.boolean(), { maxLength: 60 })),
    mostSelected: fc.integer({ min: 0, max: 100 }),
    budget: fc.integer({ min: 1, max: 200 }),
  })
  .map(({ lengths, segments, picks, mostSelected, budget }) => {
    const offsets = new Int32Array(lengths.length + 1);
    for (const [i, length] of lengths.entries()) offsets[i + 1] = at(offsets, i) + length;
    const ids = Int32Array.from({ length: at(offsets, lengths.length) }, (_, i) => 7 * i);
    const tokens = [...ids.keys()];
    const selected = picks && Int32Array.from(tokens.filter((t) => picks[t % picks.length]));
    const segmentOf = segments ? ids.map((id) => id % 2) : null;
    return { ids, offsets, segments: segmentOf, selected, mostSelected, budget, lengths };
  });

interface Cut {
  readonly offsets: Int32Array;
  readonly selected: Int32Array | null;
  readonly mostSelected: number;
  readonly budget: number;
}

/** Slices as pairs. */
function slicesOf({ offsets, selected, budget, mostSelected }: Cut): [number, number][] {
  return pairsOf(program.cut(offsets, selected, budget, mostSelected));
}

function pairsOf(flat: readonly number[]): [number, number][] {
  return flat.flatMap((begin, i) =>
    i % 2 === 0 ? [[begin, at(flat, i + 1)] as [number, number]] : [],
  );
}

/** The selected tokens from token `from` to before token `to`. */
function selectedIn(selected: Int32Array | null, from: number, to: number): number[] {
  const all = Array.from({ length: to - from }, (_, t) => from + t);
  return selected === null ? all : all.filter((token) => selected.includes(token));
}

describe('batches', () => {
  it('are cut in order, whole, within the budget, and as few as a greedy cut makes', () => {
    fc.assert(
      fc.property(batches, (given) => {
        const { offsets, selected, budget, mostSelected } = given;
        const slices = slicesOf(given);
        const fits = (begin: number, end: number) => {
          const [from, to] = [at(offsets, begin), at(offsets, end)];
          const count = selectedIn(selected, from, to).length;
          return to - from <= budget && count <= mostSelected;
        };
        expect(slices.flat()).toEqual([
          0,
          ...slices.slice(1).flatMap(([begin]) => [begin, begin]),
          offsets.length - 1,
        ]);
        for (const [i, [begin, end]] of slices.entries()) {
          expect(end).toBeGreaterThan(begin);
          expect(end - begin === 1 || fits(begin, end)).toBe(true);
          // One more sequence would not have fitted.
          if (i + 1 < slices.length) expect(fits(begin, end + 1)).toBe(false);
        }
      }),
    );
  });

  it('of no sequence have no slice', () => {
    expect(program.cut(Int32Array.of(0), null, 10, 10)).toEqual([]);
    expect(program.share(Int32Array.of(0), 2)).toEqual([]);
  });

  it('are shared in order, whole, and evenly but for the length of one sequence', () => {
    fc.assert(
      fc.property(batches, fc.integer({ min: 1, max: 12 }), ({ offsets, lengths }, shares) => {
        const slices = pairsOf(program.share(offsets, shares));
        expect(slices.length).toBeLessThanOrEqual(shares);
        expect(slices.flat()).toEqual([
          0,
          ...slices.slice(1).flatMap(([begin]) => [begin, begin]),
          offsets.length - 1,
        ]);
        const even = at(offsets, lengths.length) / shares;
        for (const [begin, end] of slices) {
          expect(end).toBeGreaterThan(begin);
          const tokens = at(offsets, end) - at(offsets, begin);
          expect(tokens).toBeLessThanOrEqual(even + Math.max(...lengths));
        }
      }),
    );
  });

  it('become micro-batches that start at 0 and know their place', () => {
    fc.assert(
      fc.property(batches, (given) => {
        const { ids, offsets, segments, selected, lengths } = given;
        const slices = slicesOf(given);
        // All slices, then the first one again: the workspace must keep nothing of the slice before.
        const order = [...slices, slices[0] as [number, number]];
        const made = program.micro({ ids, offsets, segments, selected }, order);
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
            selected: Int32Array.from(selectedIn(selected, from, to), (token) => token - from),
            firstSelected: selectedIn(selected, 0, from).length,
            firstToken: from,
            firstSequence: begin,
            longest: Math.max(...lengths.slice(begin, end)),
          });
        }
      }),
    );
  });
});
