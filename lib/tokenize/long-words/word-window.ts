/**
 * The symbols of a word that are not yet given out as tokens, and the best path to each place between two symbols.
 *
 * The last token of the path to a place does not depend on the text after that place. So the part that all open paths share is
 * certain, whatever follows, and need not be kept.
 */

/** Symbols from the end within which open paths must meet; beyond them the search gives up. */
const MAX_BACK = 1 << 16;
const FIRST_SIZE = 1 << 10;

export type SymbolIds = Uint16Array | Int32Array;

/** What tokens must have beside their ids: places in the text, names. */
export interface Wanted {
  readonly placed: boolean;
  readonly named: boolean;
}

export class WordWindow {
  /** Number of symbols held. */
  size = 0;
  /** Place up to which tokens have been tried: paths lead to it and to some places after it. */
  done = 0;
  symbols: SymbolIds;
  /** Symbols of the last token on the best path to place i; 0 where no path leads. */
  lengths: Uint8Array | Uint16Array;
  starts: Int32Array;
  ends: Int32Array;
  private readonly placed: boolean;
  /** Place up to which tokens are certain, and the place and length that `link` has reached. */
  private certain = 0;
  private linking = 0;
  private linked = 0;
  private taken = 0;

  /**
   * Tokens have at most `depth` symbols, out of `count`. Columns that are not wanted are left empty, so that a symbol takes three
   * bytes.
   */
  constructor(depth: number, count: number, { placed, named }: Wanted) {
    this.placed = placed;
    this.symbols = new (named || count > 0xffff ? Int32Array : Uint16Array)(FIRST_SIZE);
    this.lengths = new (depth < 256 ? Uint8Array : Uint16Array)(FIRST_SIZE + 1);
    this.starts = new Int32Array(placed ? FIRST_SIZE : 0);
    this.ends = new Int32Array(placed ? FIRST_SIZE : 0);
  }

  push(symbol: number, start: number, end: number): void {
    if (this.size === this.symbols.length) this.enlarge();
    this.symbols[this.size] = symbol;
    if (this.placed) {
      this.starts[this.size] = start;
      this.ends[this.size] = end;
    }
    this.lengths[++this.size] = 0;
  }

  /** Whether certain tokens wait to be taken. */
  get pending(): boolean {
    return this.certain > 0;
  }

  /** Marks the whole word as certain: its end is known, and so is the best path to it. */
  finish(): void {
    this.begin(this.size);
  }

  /** Finds the last place that all open paths share; these end within `depth` symbols after `done`. */
  settle(depth: number): void {
    const last = Math.min(this.size, this.done + depth);
    const marked = new Uint8Array(Math.min(last, MAX_BACK) + 1);
    const low = last - marked.length + 1;
    let open = 0;
    for (let at = this.done; at <= last; at++) {
      if (at > this.done && this.lengths[at] === 0) continue;
      marked[at - low] = 1;
      open++;
    }
    for (let at = last; at >= low; at--) {
      if (marked[at - low] === 0) continue;
      if (open === 1) {
        this.begin(at);
        return;
      }
      const before = at - (this.lengths[at] as number);
      if (before < low) return;
      if (marked[before - low] === 1) open--;
      marked[before - low] = 1;
    }
  }

  private begin(certain: number): void {
    this.certain = certain;
    this.linking = certain;
    this.linked = this.lengths[certain] ?? 0;
    this.taken = 0;
  }

  /** Goes back over at most `steps` certain tokens to find where they begin; true when all are found. */
  link(steps: number): boolean {
    // Lengths are moved from the ends of tokens to their beginnings, where they are read in order.
    for (let step = 0; step < steps && this.linking > 0; step++) {
      const begin = this.linking - this.linked;
      const before = this.lengths[begin] as number;
      this.lengths[begin] = this.linked;
      this.linking = begin;
      this.linked = before;
    }
    return this.linking === 0;
  }

  /**
   * Calls back with begin and end of up to `most` certain tokens, in order, until the callback returns false. When all were taken
   * they are dropped.
   */
  take(most: number, visit: (begin: number, end: number) => boolean): void {
    for (let i = 0; i < most && this.taken < this.certain; i++) {
      const end = this.taken + (this.lengths[this.taken] as number);
      if (!visit(this.taken, end)) return;
      this.taken = end;
    }
    if (this.taken === this.certain) this.forget();
  }

  /** Drops all symbols of a word of which no token was taken. */
  clear(): void {
    this.done = this.size;
    this.begin(this.size);
    this.forget();
  }

  private forget(): void {
    const { certain, size } = this;
    this.symbols.copyWithin(0, certain, size);
    this.lengths.copyWithin(0, certain, size + 1);
    if (this.placed) {
      this.starts.copyWithin(0, certain, size);
      this.ends.copyWithin(0, certain, size);
    }
    this.size -= certain;
    this.done = Math.max(0, this.done - certain);
    this.certain = 0;
    this.lengths[0] = 0;
    if (this.size < FIRST_SIZE && this.symbols.length > MAX_BACK) this.resize(FIRST_SIZE);
  }

  private enlarge(): void {
    this.resize(2 * this.symbols.length);
  }

  private resize(size: number): void {
    const copy = <T extends Uint8Array | Uint16Array | Int32Array>(of: T, length: number): T => {
      const made = new (of.constructor as new (length: number) => T)(length);
      made.set(of.subarray(0, Math.min(length, of.length)));
      return made;
    };
    this.symbols = copy(this.symbols, size);
    this.lengths = copy(this.lengths, size + 1);
    if (!this.placed) return;
    this.starts = copy(this.starts, size);
    this.ends = copy(this.ends, size);
  }
}
