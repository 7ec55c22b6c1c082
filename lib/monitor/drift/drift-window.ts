/**
 * The latest results of a model, counted in the bins of its baseline.
 *
 * The rule: memory is constant. The window is made of slices; when the newest one is full, the oldest is cleared and becomes the
 * newest, so the window holds between `rows` less a slice and `rows` of the latest results.
 */
import { type Baseline, lengthOf, type Observation, scriptName } from './baseline.js';
import { type Bins, numberBin, QUANTITIES, type Quantity } from './quantities.js';
import { VectorSums } from './vector-sums.js';

const SLICES = 10;

interface Slice {
  rows: number;
  /** Milliseconds since 1970 of its first row. */
  begin: number;
  readonly counts: ReadonlyMap<Quantity, Float64Array>;
  readonly vectors: VectorSums | null;
}

/** Sums over the window. */
export interface WindowSums {
  readonly rows: number;
  /** Milliseconds since 1970 of the oldest row; null without rows. */
  readonly begin: number | null;
  readonly counts: ReadonlyMap<Quantity, Float64Array>;
  readonly vectors: VectorSums | null;
}

export class DriftWindow {
  private readonly slices: readonly Slice[];
  private readonly sliceRows: number;
  private newest = 0;

  constructor(
    private readonly baseline: Baseline,
    rows: number,
  ) {
    this.sliceRows = Math.ceil(rows / SLICES);
    this.slices = Array.from({ length: SLICES }, () => emptySlice(baseline));
  }

  /** Counts a result. What is known of it later (`tokens`, `unknown`) may be added with `addMore`. */
  add(one: Observation, now: number): void {
    const slice = this.slice();
    if (slice.rows++ === 0) slice.begin = now;
    const { input, vector } = one;
    if (input !== undefined) {
      this.count(slice, 'length', lengthOf(input));
      this.count(slice, 'script', scriptName(input));
    }
    this.addMore(one);
    if (vector !== undefined) slice.vectors?.add(vector);
  }

  /** Counts facts of a text that `add` has counted as a row. */
  addMore(one: Omit<Observation, 'input' | 'vector'>): void {
    const slice = this.slices[this.newest] as Slice;
    for (const name of ['tokens', 'unknown', 'class', 'confidence', 'value'] as const) {
      this.count(slice, name, one[name] ?? null);
    }
  }

  sums(): WindowSums {
    const sum = emptySlice(this.baseline);
    let begin: number | null = null;
    for (const slice of this.slices) {
      if (slice.rows === 0) continue;
      begin = Math.min(begin ?? slice.begin, slice.begin);
      sum.rows += slice.rows;
      for (const [name, counts] of slice.counts) {
        const total = sum.counts.get(name);
        for (const [i, count] of counts.entries()) if (total) total[i] = (total[i] ?? 0) + count;
      }
      if (slice.vectors !== null) sum.vectors?.join(slice.vectors);
    }
    return { rows: sum.rows, begin, counts: sum.counts, vectors: sum.vectors };
  }

  private slice(): Slice {
    const slice = this.slices[this.newest] as Slice;
    if (slice.rows < this.sliceRows) return slice;
    this.newest = (this.newest + 1) % SLICES;
    const next = this.slices[this.newest] as Slice;
    next.rows = 0;
    for (const counts of next.counts.values()) counts.fill(0);
    next.vectors?.clear();
    return next;
  }

  private count(slice: Slice, name: Quantity, value: number | string | null): void {
    const counts = slice.counts.get(name);
    const bins = this.baseline.quantities[name];
    if (value === null || counts === undefined || bins === undefined) return;
    const bin = binOf(bins, value);
    if (bin !== null) counts[bin] = (counts[bin] ?? 0) + 1;
  }
}

function binOf(bins: Bins, value: number | string): number | null {
  if (bins.kind === 'numbers') {
    return typeof value === 'number' && Number.isFinite(value)
      ? numberBin(bins.edges, value)
      : null;
  }
  const own = bins.names.indexOf(String(value));
  return own < 0 ? bins.names.length - 1 : own;
}

function emptySlice({ quantities, embedding }: Baseline): Slice {
  const counts = new Map<Quantity, Float64Array>();
  for (const name of QUANTITIES) {
    const bins = quantities[name];
    if (bins !== undefined) counts.set(name, new Float64Array(bins.counts.length));
  }
  const vectors = embedding === null ? null : new VectorSums(embedding.centroid.length);
  return { rows: 0, begin: 0, counts, vectors };
}
