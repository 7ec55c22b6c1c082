/**
 * The tokens of a stretch of text that no cut divides, from its symbols, which come piece by piece.
 *
 * Tokens are given out as soon as nothing that follows can change them; memory is that of what is not certain yet.
 */

import type { PlacedSymbol } from './symbols.js';
import type { UnknownToken, WordModel, WordPaths } from './word-model.js';
import { type Wanted, WordWindow } from './word-window.js';

/** Tokens with their places in the text, in UTF-16 units; names only where they are wanted. */
export interface LongTokens {
  readonly ids: Int32Array;
  readonly names: readonly string[];
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/** Tokens that are given out at once, and places that are gone through: a few milliseconds. */
const MOST_TOKENS = 1 << 13;
const MOST_STEPS = 1 << 18;

interface Token {
  readonly id: number;
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

export class LongWords {
  private readonly model: WordModel;
  private readonly paths: WordPaths;
  private readonly window: WordWindow;
  private readonly wanted: Wanted;
  private readonly settleEvery: number;
  private symbols: readonly PlacedSymbol[] = [];
  private next = 0;
  private last = false;
  /** Where the window begins in its word. */
  private offset = 0;
  private settled = 0;
  /** An unknown token that the next one may lengthen. */
  private unknown: Token | null = null;
  private out: Token[] = [];

  /** After every `settleEvery` symbols it is looked for what has become certain. */
  constructor(model: WordModel, wanted: Wanted, settleEvery: number) {
    this.settleEvery = settleEvery;
    this.model = model;
    this.paths = model.paths();
    this.window = new WordWindow(model.depth, model.characters.length + 1, wanted);
    this.wanted = wanted;
    this.paths.begin();
  }

  /** Adds symbols; with `last` the stretch ends after them. Tokens of the symbols before them have been taken. */
  push(symbols: readonly PlacedSymbol[], last: boolean): void {
    this.symbols = symbols;
    this.next = 0;
    this.last = last;
  }

  /** Some of the tokens that are certain, and whether there are none left. */
  take(): { readonly tokens: LongTokens; readonly done: boolean } {
    let done = false;
    while (!done && this.out.length < MOST_TOKENS) {
      if (this.window.pending) {
        if (!this.window.link(MOST_STEPS)) break;
        this.takeCertain();
      } else done = this.read();
    }
    const { out } = this;
    this.out = [];
    return {
      tokens: {
        ids: Int32Array.from(out, ({ id }) => id),
        names: this.wanted.named ? out.map(({ name }) => name) : [],
        starts: Int32Array.from(out, ({ start }) => start),
        ends: Int32Array.from(out, ({ end }) => end),
      },
      done,
    };
  }

  /** Reads on until some tokens are certain; true when all symbols were read. */
  private read(): boolean {
    const { window, symbols, model } = this;
    while (this.next < symbols.length) {
      const placed = symbols[this.next] as PlacedSymbol;
      const { symbol, added, start, end, continues } = placed;
      if (!continues && window.size > 0) {
        this.finish();
        return false;
      }
      this.next++;
      if (!continues) {
        this.giveUnknown();
        this.offset = 0;
        this.settled = 0;
        this.paths.begin();
      }
      if (added !== null) this.out.push({ ...added, start, end });
      else if (symbol < model.characters.length || model.unknown !== null) {
        window.push(
          this.wanted.named ? symbol : Math.min(symbol, model.characters.length),
          start,
          end,
        );
        if (window.size - window.done > model.depth) this.paths.step(window, this.offset);
        if (this.offset + window.done - this.settled >= this.settleEvery) {
          this.settled = this.offset + window.done;
          window.settle(model.depth);
          if (window.pending) return false;
        }
      }
    }
    if (this.last && window.size > 0) {
      this.finish();
      return false;
    }
    if (this.last) this.giveUnknown();
    return true;
  }

  /** Nothing continues the word. */
  private finish(): void {
    const { window } = this;
    while (window.done < window.size) this.paths.step(window, this.offset);
    window.finish();
  }

  private takeCertain(): void {
    const { window, model } = this;
    const size = window.size;
    window.take(MOST_TOKENS - this.out.length, (begin, end) => {
      const [start, stop] = [window.starts[begin] ?? 0, window.ends[end - 1] ?? 0];
      const token = model.token(window.symbols, begin, end);
      if (token === null || token.id === model.unknown?.id)
        this.addUnknown(begin, end, start, stop);
      else {
        this.giveUnknown();
        this.out.push({ ...token, start, end: stop });
      }
    });
    this.offset += size - window.size;
  }

  private addUnknown(begin: number, end: number, start: number, stop: number): void {
    const unknown = this.model.unknown as UnknownToken;
    const name = unknown.name ?? (this.wanted.named ? this.textOf(begin, end) : '');
    if (this.unknown !== null && unknown.fused) {
      const before = this.unknown;
      const joined = unknown.name ?? before.name + name;
      this.unknown = { ...before, name: joined, end: stop };
      return;
    }
    this.giveUnknown();
    this.unknown = { id: unknown.id, name, start, end: stop };
  }

  private giveUnknown(): void {
    if (this.unknown !== null) this.out.push(this.unknown);
    this.unknown = null;
  }

  private textOf(begin: number, end: number): string {
    const { characters } = this.model;
    let text = '';
    for (const symbol of this.window.symbols.subarray(begin, end)) {
      text += characters[symbol] ?? String.fromCodePoint(symbol - characters.length);
    }
    return text;
  }
}
