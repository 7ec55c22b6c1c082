/**
 * A long text in pieces whose tokens, one after the other, are the tokens of the text.
 *
 * Pieces are taken from the beginning, or from the end on; where no cut is safe a piece is longer than was asked for.
 */

import { setImmediate as turn } from 'node:timers/promises';
import type { CutRule } from './text-cut.js';

export interface TextPiece {
  readonly text: string;
  /** Its place in the whole, in UTF-16 units. Of a long last word that is unknown anyway `text` has the beginning only. */
  readonly begin: number;
  readonly end: number;
}

/** Characters that are searched before the event loop turns. */
const SEARCH_CHARS = 1 << 16;
/** What no pre-tokenizer splits: letters and digits, but for ideographs, which may be words of their own. */
const ONE_WORD = /^(?:(?!\p{Script=Han})[\p{L}\p{M}\p{Nd}])*$/u;

export class TextWalk {
  private readonly text: string;
  private readonly rule: CutRule | null;
  private readonly side: 'first' | 'last';
  private readonly units: RegExp;
  private begin = 0;
  private end: number;

  /** For the last tokens pieces are taken from the end of the text on. */
  constructor(text: string, rule: CutRule | null, kept: 'first' | 'last') {
    this.text = text;
    this.rule = rule;
    this.side = kept;
    this.units = new RegExp(rule?.units ?? '', 'g');
    this.end = text.length;
  }

  get done(): boolean {
    return this.begin >= this.end;
  }

  /** The next piece: `size` units, more where there is no cut, and up to twice as many at the end. */
  async next(size: number): Promise<TextPiece> {
    const { begin, end, side, text } = this;
    let cut: number | null = null;
    if (end - begin > 2 * size && this.rule !== null) {
      cut = side === 'first' ? await this.cutAfter(begin + size) : await this.cutBefore(end - size);
    }
    const piece = side === 'first' ? [begin, cut ?? end] : [cut ?? begin, end];
    const [first = 0, last = 0] = piece;
    if (side === 'first') this.begin = last;
    else this.end = first;
    const kept = last - first > 2 * size ? await this.knownPart(first, last) : last;
    return { text: text.slice(first, kept), begin: first, end: last };
  }

  /** The last cut up to `place`, else the first one after it. */
  private async cutAfter(place: number): Promise<number | null> {
    const near = this.lastCut(this.begin, place + 1);
    if (near !== null) return near;
    for (let low = place + 1; low < this.end; low += SEARCH_CHARS) {
      const found = this.firstCut(low, Math.min(this.end, low + SEARCH_CHARS));
      if (found !== null) return found;
      await turn();
    }
    return null;
  }

  /** The first cut from `place` on, else the last one before it. */
  private async cutBefore(place: number): Promise<number | null> {
    const near = this.firstCut(place, this.end);
    if (near !== null) return near;
    for (let high = place; high > this.begin; high -= SEARCH_CHARS) {
      const found = this.lastCut(Math.max(this.begin, high - SEARCH_CHARS), high);
      if (found !== null) return found;
      await turn();
    }
    return null;
  }

  private firstCut(low: number, high: number): number | null {
    const { units, text } = this;
    const block = text.slice(low, high);
    units.lastIndex = 0;
    for (let match = units.exec(block); match !== null; match = units.exec(block)) {
      if (this.isCut(low + match.index)) return low + match.index;
    }
    return null;
  }

  private lastCut(low: number, high: number): number | null {
    for (let i = high - 1; i >= low; i--) {
      this.units.lastIndex = 0;
      if (this.units.test(this.text.charAt(i)) && this.isCut(i)) return i;
    }
    return null;
  }

  private isCut(i: number): boolean {
    return i > this.begin && i < this.end && (this.rule?.isSafe(this.text, i) ?? false);
  }

  /** Where a piece that has no cut inside may end, because it is a word that no vocabulary has: else at its end. */
  private async knownPart(begin: number, end: number): Promise<number> {
    const letters = this.rule?.unknownFrom ?? null;
    // Marks count for nothing: some normalizers strip them. The first character may be the one that was cut before.
    const kept = begin + 1 + 2 * (letters ?? 0);
    if (letters === null || kept >= end) return end;
    const counted = this.text.slice(begin + 1, kept).match(/[\p{L}\p{Nd}]/gu)?.length ?? 0;
    if (counted < letters) return end;
    for (let low = begin + 1; low < end; low += SEARCH_CHARS) {
      if (!ONE_WORD.test(this.text.slice(low, Math.min(end, low + SEARCH_CHARS)))) return end;
      await turn();
    }
    return kept;
  }
}
