// The internals that the test addon exposes beside the kernel families, typed.
// Rule: it only states types; what they mean is in native/addon_test/{base,job_queue,math,program,positions}_test.cc.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

export interface TeamLog {
  /** Calls per index, summed over the regions. */
  readonly hits: Int32Array;
  /** Regions that ended with an exception. */
  readonly errors: number;
  /** Bodies that still ran when their region returned, summed. */
  readonly inside: number;
  readonly badLane: boolean;
}

export interface BaseInternals {
  widenF16(bytes: Uint8Array): Float32Array;
  widenBf16(bytes: Uint8Array): Float32Array;
  team(lanes: number, count: number, regions: number, throwAt: number): TeamLog;
  jobQueue(jobs: number, block: boolean): { order: number[]; oneThread: boolean; alive: number };
}

export interface MathInternals {
  log(x: number): number;
  exp(x: number): number;
  power(x: number, n: number): number;
}

/** What happened to an urgent job. */
export interface UrgentLog {
  /** Calls per piece. */
  readonly hits: readonly number[];
  /** Times that it ran as a whole. */
  readonly whole: number;
  readonly ends: number;
  readonly errors: number;
}

export interface QueueInternals {
  urgent(lanes: number, jobs: number, pieces: number, throwAt: number): UrgentLog[];
  drop(): { drops: boolean[]; ran: number; ends: number };
  busy(milliseconds: number): number;
}

export interface PlannedOp {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly alias: boolean;
}

/** [kind, width, rows]: the number of its ValueKind; rows of a table. */
export type PlannedValue = readonly [kind: number, width: number, rows: number];

export interface Micro {
  readonly offsets: Int32Array;
  readonly ids: Int32Array;
  readonly positions: Int32Array;
  readonly segments: Int32Array;
  readonly selected: Int32Array;
  readonly firstSelected: number;
  readonly firstToken: number;
  readonly firstSequence: number;
  readonly longest: number;
}

export interface ProgramInternals {
  plan(
    values: readonly PlannedValue[],
    ops: readonly PlannedOp[],
    toTheEnd: readonly number[],
  ): { offsets: number[]; widths: number[] };
  planBackward(
    values: readonly PlannedValue[],
    ops: readonly PlannedOp[],
    needed: readonly number[],
    losses: readonly number[],
  ): { offsets: number[]; widths: number[]; begins: number[][] };
  cut(
    offsets: Int32Array,
    selected: Int32Array | null,
    budget: number,
    mostSelected: number,
  ): number[];
  share(offsets: Int32Array, shares: number): number[];
  micro(
    batch: {
      ids: Int32Array;
      offsets: Int32Array;
      segments: Int32Array | null;
      selected: Int32Array | null;
    },
    slices: readonly (readonly [number, number])[],
  ): Micro[];
}

export interface PositionInternals {
  t5Rows(buckets: number, maxDistance: number, longest: number, distances: Int32Array): Int32Array;
  disentangledRows(
    buckets: number,
    maxDistance: number,
    longest: number,
    distances: Int32Array,
  ): Int32Array;
  rotary(
    theta: number,
    dimensions: number,
    positions: number,
  ): { cos: Float32Array; sin: Float32Array; shared: boolean };
}

const built = fileURLToPath(new URL('../../build/Release/sinter_test.node', import.meta.url));
const path = process.env.SINTER_NATIVE_TEST ?? built;
if (!existsSync(path)) throw new Error(`${path} is missing: run "npm run build:test" first`);

export const { base, queue, math, program, positions } = createRequire(import.meta.url)(path) as {
  readonly base: BaseInternals;
  readonly queue: QueueInternals;
  readonly math: MathInternals;
  readonly program: ProgramInternals;
  readonly positions: PositionInternals;
};
