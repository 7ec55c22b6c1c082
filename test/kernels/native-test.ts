// The test-only addon and what the kernel suites share: rows of a table, seeded numbers, bit comparison, guards.
// Rule: rows that this CPU cannot run are named in a skipped test, never silently left out.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

/** One row of a kernel table. */
export interface KernelRow {
  readonly name: string;
  readonly isa: string;
  /** Whether this CPU can run it. */
  readonly runnable: boolean;
}

/** What one timed kernel returns; the times are of one call. */
export interface KernelTiming {
  readonly medianNs: number;
  readonly bestNs: number;
  /** Arithmetic operations of one call (a multiply and an add are two). */
  readonly flops: number;
  /** Bytes that one call must read and write at least. */
  readonly bytes: number;
}

/** What every family of the test addon has. */
export interface KernelFamily {
  rows(): KernelRow[];
  bench(row: string, shape: object, seconds: number): KernelTiming;
}

function loadAddon(): Record<string, unknown> {
  const built = fileURLToPath(new URL('../../build/Release/sinter_test.node', import.meta.url));
  const path = process.env.SINTER_NATIVE_TEST ?? built;
  if (!existsSync(path)) throw new Error(`${path} is missing: run "npm run build:test" first`);
  return createRequire(import.meta.url)(path) as Record<string, unknown>;
}

const addon = loadAddon();

/** The family `name` of the test addon, for example `gemmF32`; the caller states its type. */
export function family<F extends KernelFamily>(name: string): F {
  const found = addon[name];
  if (found === undefined) throw new Error(`the test addon has no family ${name}`);
  return found as F;
}

/** The active level (`SINTER_ISA` or the best) and the levels of this CPU. */
export function isa(): { active: string; host: string[] } {
  return (addon.isa as () => { active: string; host: string[] })();
}

/** Names of the rows that this CPU runs, best first; the scalar row is last. */
export function runnableRows(of: KernelFamily): string[] {
  return of
    .rows()
    .filter((row) => row.runnable)
    .map((row) => row.name);
}

/** Name of the scalar row, the oracle. */
export function scalarRow(of: KernelFamily): string {
  const row = of.rows().find((candidate) => candidate.isa === 'scalar');
  if (row === undefined) throw new Error('the table has no scalar row');
  return row.name;
}

/** Names of the rows to hold against the scalar one. */
export function vectorRows(of: KernelFamily): string[] {
  const scalar = scalarRow(of);
  return runnableRows(of).filter((name) => name !== scalar);
}

/** Declares one skipped test for each row that this CPU cannot run. */
export function reportSkippedRows(of: KernelFamily): void {
  for (const row of of.rows().filter((candidate) => !candidate.runnable)) {
    it.skip(`${row.name}: this CPU lacks ${row.isa}`, () => {});
  }
}

/** Seeded numbers (mulberry32): the same in every run. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Uniform integer in [low, high], both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    const item = items[this.integer(0, items.length - 1)];
    if (item === undefined) throw new RangeError('pick: items must not be empty');
    return item;
  }

  /** `count` floats, uniform in [-scale, scale). */
  floats(count: number, scale = 1): Float32Array {
    return Float32Array.from({ length: count }, () => (this.next() * 2 - 1) * scale);
  }
}

/** The bits of floats, so that comparisons see the sign of zero. */
export function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/** Asserts equal bits; two NaN count as equal, because their payload is not part of the contract. */
export function expectSameBits(actual: Float32Array, expected: Float32Array, what: string): void {
  expect(actual.length, what).toBe(expected.length);
  const a = bitsOf(actual);
  const e = bitsOf(expected);
  for (let i = 0; i < a.length; i++) {
    if (a[i] === e[i] || (Number.isNaN(actual[i]) && Number.isNaN(expected[i]))) continue;
    expect.fail(`${what}: element ${i} must be ${expected[i]}, got ${actual[i]}`);
  }
}

/** Asserts equal bytes (of any typed arrays), without the cost of an element-wise matcher. */
export function expectSameBytes(
  actual: NodeJS.TypedArray,
  expected: NodeJS.TypedArray,
  what: string,
): void {
  const bytes = (x: NodeJS.TypedArray): Buffer => Buffer.from(x.buffer, x.byteOffset, x.byteLength);
  expect(bytes(actual).equals(bytes(expected)), what).toBe(true);
}

const GUARD = 0x7fc0dead; // a NaN that no kernel produces

/** A float buffer of `count` elements with guard words behind it. */
export class GuardedFloats {
  /** The elements and the guards; hand this to the kernel. */
  readonly all: Float32Array;
  /** The elements alone. */
  readonly values: Float32Array;

  constructor(count: number, initial?: Float32Array) {
    this.all = new Float32Array(count + 32);
    this.values = this.all.subarray(0, count);
    bitsOf(this.all).fill(GUARD, count);
    if (initial !== undefined) this.values.set(initial);
  }

  /** Asserts that nothing behind the elements was written. */
  expectIntact(what: string): void {
    const guards = bitsOf(this.all).subarray(this.values.length);
    expect(
      guards.every((word) => word === GUARD),
      `${what}: wrote behind its output`,
    ).toBe(true);
  }
}

/** `count` bytes with guard bytes behind them. */
export class GuardedBytes {
  readonly all: Uint8Array;
  readonly values: Uint8Array;

  constructor(count: number) {
    this.all = new Uint8Array(count + 64).fill(0xa5);
    this.values = this.all.subarray(0, count);
  }

  expectIntact(what: string): void {
    const guards = this.all.subarray(this.values.length);
    expect(
      guards.every((byte) => byte === 0xa5),
      `${what}: wrote behind its output`,
    ).toBe(true);
  }
}
