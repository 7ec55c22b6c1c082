/**
 * Finds the tokens of a stretch of text that no safe cut divides, from its symbols, which come piece by piece.
 *
 * Tokens are given out as soon as nothing that follows can change them, so memory is bounded by the undecided rest.
 */

import type { PlacedSymbol } from './symbols.js';
import { type PlacedToken, UnknownRun } from './unknown-run.js';
import type { WordModel, WordPaths } from './word-model.js';
import { type Wanted, WordWindow } from './word-window.js';

/** Tokens with their places in the text, in UTF-16 units; names only where they are wanted. */
export interface LongTokens {
  readonly ids: Int32Array;
  readonly names: readonly string[];
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/** Most tokens that are given out at once, and most steps back over a word: a few milliseconds. */
const MAX_TOKENS = 1 << 13;
const MAX_STEPS = 1 << 18;

/** A character that is kept back until it is known whether its word goes on. */
interface Held {
  readonly placed: PlacedSymbol;
  readonly first: boolean;
}

export class LongWords {
  private readonly model: WordModel;
  private readonly paths: WordPaths;
  private readonly window: WordWindow;
  private readonly wanted: Wanted;
  private readonly settleEvery: number;
  /** Whether symbols keep the code points of unknown characters. */
  private readonly coded: boolean;
  private symbols: readonly PlacedSymbol[] = [];
  private next = 0;
  private last = false;
  /** Place in its word at which the window begins. */
  private offset = 0;
  private settled = 0;
  private held: Held | null = null;
  private readonly unknown: UnknownRun;
  /** The word so far, its length, and where it begins, for models that look up whole words. */
  private word = '';
  private wordLength = 0;
  private wordStart = 0;
  private out: PlacedToken[] = [];

  /** `settleEvery`: number of symbols after which the window is searched for tokens that have become certain. */
  constructor(model: WordModel, wanted: Wanted, settleEvery: number) {
    this.settleEvery = settleEvery;
    this.model = model;
    this.paths = model.paths();
    this.coded = wanted.named || (model.unknown?.bytes ?? null) !== null;
    this.window = new WordWindow(model.depth, model.count + 1, {
      placed: wanted.placed,
      named: this.coded,
    });
    this.wanted = wanted;
    this.unknown = new UnknownRun(model.unknown, wanted.placed);
    this.paths.begin();
  }

  /** Adds symbols; with `last` the stretch ends after them. All tokens of earlier symbols must have been taken. */
  push(symbols: readonly PlacedSymbol[], last: boolean): void {
    this.symbols = symbols;
    this.next = 0;
    this.last = last;
  }

  /** Takes some of the certain tokens; `done` when none are left. */
  take(): { readonly tokens: LongTokens; readonly done: boolean } {
    let done = false;
    while (!done && this.out.length < MAX_TOKENS) {
      if (this.unknown.pending) this.unknown.take(MAX_TOKENS - this.out.length, this.out);
      else if (this.window.pending) {
        if (!this.window.link(MAX_STEPS)) break;
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
    const { window, symbols, unknown } = this;
    while (this.next < symbols.length) {
      const placed = symbols[this.next] as PlacedSymbol;
      if (!placed.continues) {
        if (this.held !== null) {
          this.endWord();
          return false;
        }
        unknown.close();
        if (unknown.pending) return false;
        this.beginWord(placed);
      }
      this.next++;
      if (placed.added !== null) {
        this.out.push({ ...placed.added, start: placed.start, end: placed.end });
        continue;
      }
      const { held } = this;
      this.held = { placed, first: !placed.continues };
      if (held !== null) this.pushSymbol(held, false);
      if (window.pending) return false;
    }
    if (!this.last) return true;
    if (this.held !== null) {
      this.endWord();
      return false;
    }
    unknown.close();
    return !unknown.pending;
  }

  private beginWord({ start }: PlacedSymbol): void {
    this.offset = 0;
    this.settled = 0;
    this.word = '';
    this.wordLength = 0;
    this.wordStart = start;
    this.paths.begin();
  }

  private pushSymbol({ placed, first }: Held, last: boolean): void {
    const { model, window } = this;
    const longest = model.words?.longest ?? 0;
    if (this.wordLength++ < longest) this.word += this.textOf(placed.symbol);
    const symbol = model.symbol(placed.symbol, first, last);
    if (symbol >= model.count && model.unknown === null) return;
    window.push(this.coded ? symbol : Math.min(symbol, model.count), placed.start, placed.end);
    if (window.size - window.done > model.depth) this.paths.step(window, this.offset);
    const isDue = this.offset + window.done - this.settled >= this.settleEvery;
    if (last || !isDue || this.wordLength <= longest) return;
    this.settled = this.offset + window.done;
    window.settle(model.depth);
  }

  /** Ends the word after the character that was kept back. */
  private endWord(): void {
    const { window, model } = this;
    const held = this.held as Held;
    this.held = null;
    this.pushSymbol(held, true);
    const { words } = model;
    const whole = words !== null && this.wordLength <= words.longest ? words.find(this.word) : null;
    if (whole !== null) {
      window.clear();
      this.out.push({ ...whole, start: this.wordStart, end: held.placed.end });
      return;
    }
    while (window.done < window.size) this.paths.step(window, this.offset);
    window.finish();
  }

  private takeCertain(): void {
    const { window, model, unknown } = this;
    const size = window.size;
    window.take(MAX_TOKENS - this.out.length, (begin, end) => {
      const [start, stop] = [window.starts[begin] ?? 0, window.ends[end - 1] ?? 0];
      const token = model.token(window.symbols, begin, end);
      if (token === null || token.id === model.unknown?.id) {
        return unknown.add(this.coded ? this.textBetween(begin, end) : '', start, stop);
      }
      unknown.close();
      if (unknown.pending) return false;
      this.out.push({ ...token, start, end: stop });
      return true;
    });
    this.offset += size - window.size;
  }

  /** The text of symbols that are characters: all of Unigram's, and the unknown ones of BPE. */
  private textBetween(begin: number, end: number): string {
    const { count, characters } = this.model;
    let text = '';
    for (const symbol of this.window.symbols.subarray(begin, end)) {
      text += symbol < count ? (characters[symbol] ?? '') : String.fromCodePoint(symbol - count);
    }
    return text;
  }

  private textOf(character: number): string {
    const { characters } = this.model;
    return characters[character] ?? String.fromCodePoint(character - characters.length);
  }
}
