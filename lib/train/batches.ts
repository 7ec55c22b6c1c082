/**
 * The order of rows in an epoch, and its batches.
 *
 * All randomness is from a seeded generator, so that a run can be repeated exactly.
 */

import { type RandomState, SeededRandom, shuffled } from '../core/random.js';
import { batchesNeeded, withoutDuplicates } from './no-duplicates.js';

/**
 * Number of batches whose rows are sorted by length together when texts are grouped by length: enough to group well, few
 * enough to stay mixed.
 */
const GROUPED_BATCHES = 50;

export interface BatchPlan {
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly groupByLength: boolean;
  /** Rows of each class: an epoch has the same number of each. Left out: an epoch has each row once. */
  readonly classes?: readonly (readonly number[])[] | undefined;
  /** Numbers of the texts of a row: no batch holds two rows that share one. Left out: any rows may meet. */
  readonly textsOf?: ((row: number) => Int32Array) | undefined;
}

/**
 * Row indices of each batch in one epoch over `rows` rows. The last batch may be smaller. With `textsOf` a row that shares a
 * text with every batch that has room is left out of the epoch.
 */
export function epochBatches(
  rows: number,
  plan: BatchPlan,
  random: SeededRandom,
  lengthOf: (row: number) => number,
): number[][] {
  const { batchSize, shuffle, groupByLength, classes, textsOf } = plan;
  const all = classes
    ? balancedRows(rows, classes, random)
    : Array.from({ length: rows }, (_, row) => row);
  const order = shuffle ? shuffled(all, random) : all;
  if (textsOf !== undefined) {
    const batches = withoutDuplicates(order, batchSize, textsOf);
    return shuffle ? shuffled(batches, random) : batches;
  }
  if (!groupByLength) return cut(order, batchSize);
  const batches = cut(order, batchSize * GROUPED_BATCHES).flatMap((group) =>
    cut(
      group.sort((a, b) => lengthOf(b) - lengthOf(a) || a - b),
      batchSize,
    ),
  );
  return shuffle ? shuffled(batches, random) : batches;
}

/**
 * `rows` row indices, the same number of each class within one: the rows of a class in a new order, and again from the begin
 * where they are too few. The classes that have one more are drawn.
 */
function balancedRows(
  rows: number,
  classes: readonly (readonly number[])[],
  random: SeededRandom,
): number[] {
  const share = Math.floor(rows / classes.length);
  const more = new Set(shuffled([...classes.keys()], random).slice(0, rows % classes.length));
  return classes.flatMap((members, i) => {
    const wanted = share + (more.has(i) ? 1 : 0);
    const drawn: number[] = [];
    while (drawn.length < wanted) drawn.push(...shuffled(members, random));
    return drawn.slice(0, wanted);
  });
}

/** State of a sampler. The order is not stored: it is drawn again from the generator's earlier state. */
export interface SamplerState {
  readonly order: RandomState;
  /** Number of batches of the epoch that were taken. */
  readonly batch: number;
}

/** Gives the rows of batches, one epoch after another. */
export interface RowSampler {
  /** Batches of an epoch; undefined where the rows were not counted. */
  readonly batchCount: number | undefined;
  /** Starts a new epoch, whose order is drawn from `random`. */
  begin(random: SeededRandom): void;
  /** The rows of the next batch; undefined if the epoch is over. */
  next(): readonly number[] | undefined | Promise<readonly number[] | undefined>;
  /** The rows of the last batch of the epoch, or of the last one so far. */
  readonly last: readonly number[];
  /** The part of the epoch that was taken, 0 to 1; 0 where that is not known. */
  readonly share: number;
  readonly state: SamplerState;
  /** Continues in the middle of an epoch. */
  restore(state: SamplerState): void | Promise<void>;
  close?(): Promise<void>;
}

/** Batches of rows that are all known. */
export class Sampler implements RowSampler {
  /** Batches of an epoch. */
  readonly batchCount: number;
  private readonly drawOrder: (random: SeededRandom) => number[][];
  private batches: number[][] = [];
  private position = 0;
  private order: RandomState = [0, 0, 0, 0];

  constructor(rows: number, plan: BatchPlan, lengthOf: (row: number) => number) {
    const { batchSize, textsOf } = plan;
    this.batchCount =
      textsOf === undefined ? Math.ceil(rows / batchSize) : batchesNeeded(rows, batchSize, textsOf);
    this.drawOrder = (random) => epochBatches(rows, plan, random, lengthOf);
  }

  /** Starts a new epoch, whose order is drawn from `random`. */
  begin(random: SeededRandom): void {
    this.order = random.state;
    this.batches = this.drawOrder(random);
    this.position = 0;
  }

  /** The rows of the next batch; undefined if the epoch is over. */
  next(): readonly number[] | undefined {
    const rows = this.batches[this.position];
    if (rows !== undefined) this.position++;
    return rows;
  }

  /** The rows of the last batch of the epoch. */
  get last(): readonly number[] {
    return this.batches.at(-1) ?? [];
  }

  /** Rows in the batches of the epoch. */
  get rows(): number {
    return this.batches.reduce((sum, { length }) => sum + length, 0);
  }

  /** The part of the epoch that was taken, 0 to 1. */
  get share(): number {
    return this.batches.length === 0 ? 0 : this.position / this.batches.length;
  }

  get state(): SamplerState {
    return { order: this.order, batch: this.position };
  }

  /** Continues in the middle of an epoch. */
  restore({ order, batch }: SamplerState): void {
    this.begin(SeededRandom.from(order));
    this.position = batch;
  }
}

function cut(rows: readonly number[], size: number): number[][] {
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, i) =>
    rows.slice(i * size, (i + 1) * size),
  );
}
