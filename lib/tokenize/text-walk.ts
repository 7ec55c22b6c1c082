/**
 * Divides a long text into pieces whose tokens, one after the other, are the tokens of the text.
 *
 * Pieces are taken from the beginning on, or from the end back. Where no cut is safe, words are cut if the tokenizer allows it;
 * else the piece is longer than asked for.
 */

import { setImmediate as turn } from 'node:timers/promises';
import type { InnerCuts } from './long-words/inner-cuts.js';
import type { CutRule } from './text-cut.js';

export interface TextPiece {
  readonly text: string;
  /**
   * Place of the piece in the whole text, in UTF-16 units. Of a last word that is too long to be known, `text` has only the
   * beginning.
   */
  readonly begin: number;
  readonly end: number;
  /** Whether the piece belongs to a stretch in which words are cut; `text` then includes margins. */
  readonly inner: boolean;
  /** UTF-16 units of the margin before `begin`. */
  readonly lead: number;
  /** Whether such a stretch ends with this piece. */
  readonly last: boolean;
  /** In a walk from the end: whether the next piece follows this one in the text, because a stretch is read forward. */
  readonly forward: boolean;
}

/** UTF-16 units without a safe cut after which words are cut. */
const LONG_STRETCH = 1 << 15;
/** UTF-16 units of a piece inside such a stretch. */
const INNER_PIECE = 1 << 13;
/** Characters searched before the event loop turns. */
const SEARCH_CHARS = 1 << 16;
const INNER_SEARCH_CHARS = 1 << 13;
const BLANK = /[\s\u0085]/;
const NO_BLANK = /[^\s\u0085]/;
/** A text that no pre-tokenizer splits: letters and digits, without ideographs, which may be words of their own. */
const ONE_WORD = /^(?:(?!\p{Script=Han})[\p{L}\p{M}\p{Nd}])*$/u;

export interface WalkOptions {
  /** Where words may be cut; called when the first long stretch is met. */
  readonly inner?: () => Promise<InnerCuts | null>;
  readonly longStretch?: number;
}

interface Cut {
  readonly at: number;
  readonly inner: boolean;
}

export class TextWalk {
  private readonly text: string;
  private readonly rule: CutRule | null;
  private readonly side: 'first' | 'last';
  private readonly options: WalkOptions;
  private readonly units: RegExp;
  private begin = 0;
  private end: number;
  /** Whether a word was cut at `begin`. */
  private inWord = false;
  private inner: InnerCuts | null = null;
  private innerUnits = /(?!)/g;
  /** The run of blanks that was measured last. */
  private blanksBegin = 0;
  private blanksEnd = 0;
  /** In a walk from the end: the stretch that is being read forward. */
  private stretch: TextWalk | null = null;

  /** `kept`: with 'last', pieces are taken from the end of the text back. */
  constructor(
    text: string,
    rule: CutRule | null,
    kept: 'first' | 'last',
    options: WalkOptions = {},
  ) {
    this.text = text;
    this.rule = rule;
    this.side = kept;
    this.options = options;
    this.units = new RegExp(rule?.units ?? '', 'g');
    this.end = text.length;
  }

  get done(): boolean {
    return this.begin >= this.end && this.stretch === null;
  }

  /** The next piece: `size` units, more where there is no cut, and up to twice as many at the end. */
  async next(size: number): Promise<TextPiece> {
    if (this.stretch !== null) return this.nextOfStretch(this.stretch);
    return this.side === 'first' ? this.nextFirst(size) : this.nextLast(size);
  }

  private async nextFirst(wanted: number): Promise<TextPiece> {
    const { begin, end, inWord } = this;
    const size = inWord ? Math.min(INNER_PIECE, this.longStretch) : wanted;
    const cut = end - begin > 2 * size ? await this.cutAfter(begin + size) : null;
    this.begin = cut?.at ?? end;
    this.inWord = cut?.inner ?? false;
    if (inWord || this.inWord) return this.innerPiece(begin, this.begin, inWord);
    return this.piece(begin, this.begin, size);
  }

  private async nextLast(size: number): Promise<TextPiece> {
    const { begin, end } = this;
    const cut =
      end - begin > 2 * size && this.rule !== null ? await this.cutBefore(end - size) : null;
    const at = this.rule === null ? begin : (cut ?? begin);
    this.end = at;
    if (end - at > this.longStretch && (await this.findInner()) !== null) {
      const stretch = new TextWalk(this.text, this.rule, 'first', this.options);
      stretch.begin = at;
      stretch.end = end;
      this.stretch = stretch;
      return this.nextOfStretch(stretch);
    }
    return this.piece(at, end, size);
  }

  private async nextOfStretch(stretch: TextWalk): Promise<TextPiece> {
    const piece = await stretch.next(INNER_PIECE);
    if (stretch.done) this.stretch = null;
    return { ...piece, forward: !stretch.done };
  }

  private async piece(begin: number, end: number, size: number): Promise<TextPiece> {
    const kept = end - begin > 2 * size ? await this.knownPart(begin, end) : end;
    const text = this.text.slice(begin, kept);
    return { text, begin, end, inner: false, lead: 0, last: true, forward: false };
  }

  /** A piece of a stretch whose words are cut, with its margins. */
  private innerPiece(begin: number, end: number, leads: boolean): TextPiece {
    const margin = this.inner?.margin ?? 0;
    const lead = leads ? margin : 0;
    const text = this.text.slice(begin - lead, this.inWord ? end + margin : end);
    return { text, begin, end, inner: true, lead, last: !this.inWord, forward: false };
  }

  private get longStretch(): number {
    return this.options.longStretch ?? LONG_STRETCH;
  }

  private async findInner(): Promise<InnerCuts | null> {
    if (this.inner !== null) return this.inner;
    this.inner = (await this.options.inner?.()) ?? null;
    if (this.inner !== null) this.innerUnits = new RegExp(this.inner.units, 'g');
    return this.inner;
  }

  /** The last safe cut up to `place`, else the first one after it; where none is near, a cut inside a word. */
  private async cutAfter(place: number): Promise<Cut | null> {
    const near = this.lastCut(this.begin, place + 1);
    if (near !== null) return { at: near, inner: false };
    const far = this.inWord ? place : Math.max(place, this.begin + this.longStretch);
    const stop = Math.min(far, this.end);
    for (let low = place + 1; low < stop; low += SEARCH_CHARS) {
      const at = this.firstCut(low, Math.min(stop, low + SEARCH_CHARS));
      if (at !== null) return { at, inner: false };
      await turn();
    }
    if (stop === this.end) return null;
    return this.cutWord(place, stop);
  }

  /** The last place up to `place` where a word may be cut; else the first one after it, or an earlier safe cut. */
  private async cutWord(place: number, stop: number): Promise<Cut | null> {
    const inner = await this.findInner();
    if (inner !== null) {
      await this.findBlanks(place);
      for (let i = place; i > this.begin; i--) {
        if (this.isInner(i, inner)) return { at: i, inner: true };
      }
    }
    const block = inner === null ? SEARCH_CHARS : INNER_SEARCH_CHARS;
    for (let low = Math.min(stop, place + 1); low < this.end; low += block) {
      const high = Math.min(this.end, low + block);
      const outer = this.firstCut(low, high);
      const at = inner === null ? null : this.firstInner(low, outer ?? high, inner);
      if (at !== null) return { at, inner: true };
      if (outer !== null) return { at: outer, inner: false };
      await turn();
    }
    return null;
  }

  private firstInner(low: number, high: number, inner: InnerCuts): number | null {
    const { innerUnits, text } = this;
    const block = text.slice(low, high);
    innerUnits.lastIndex = 0;
    for (let match = innerUnits.exec(block); match !== null; match = innerUnits.exec(block)) {
      if (this.isInner(low + match.index, inner)) return low + match.index;
    }
    return null;
  }

  private isInner(i: number, { margin, kinds }: InnerCuts): boolean {
    if (i - margin < this.begin || i + margin > this.end) return false;
    const around = this.text.slice(i - margin, i + margin);
    const kind = kinds.find((one) => one.isCut(around));
    if (kind === undefined || kind.blanks === null) return kind !== undefined;
    const { following, before } = kind.blanks;
    const inRun = i >= this.blanksBegin && i < this.blanksEnd;
    const end = inRun ? this.blanksEnd : this.endOfBlanks(i, i + SEARCH_CHARS);
    if (end === null || following.test(this.text.slice(end, end + 2).normalize('NFKD')))
      return false;
    if (before === null) return true;
    const begin = inRun ? this.blanksBegin : this.beginOfBlanks(i);
    return (
      begin !== null &&
      !before.test(this.text.slice(Math.max(0, begin - 2), begin).normalize('NFKD'))
    );
  }

  /** Measures the run of blanks around `place`. */
  private async findBlanks(place: number): Promise<void> {
    if (place >= this.blanksBegin && place < this.blanksEnd) return;
    this.blanksBegin = place;
    while (this.blanksBegin > this.begin && BLANK.test(this.text.charAt(this.blanksBegin - 1))) {
      this.blanksBegin--;
    }
    for (let low = place; low < this.text.length; low += SEARCH_CHARS) {
      const end = this.endOfBlanks(low, low + SEARCH_CHARS);
      this.blanksEnd = end ?? this.text.length;
      if (end !== null) return;
      await turn();
    }
  }

  /** Where the blanks that begin at `low` end; null when they go on beyond `high`. */
  private endOfBlanks(low: number, high: number): number | null {
    const found = this.text.slice(low, high).search(NO_BLANK);
    if (found !== -1) return low + found;
    return high < this.text.length ? null : this.text.length;
  }

  /** Where the blanks that end at `high` begin; null when that is too far back. */
  private beginOfBlanks(high: number): number | null {
    for (let at = high; at > high - INNER_SEARCH_CHARS; at--) {
      if (at === 0 || NO_BLANK.test(this.text.charAt(at - 1))) return at;
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
    if (this.rule === null) return null;
    const { units, text } = this;
    const block = text.slice(low, high);
    units.lastIndex = 0;
    for (let match = units.exec(block); match !== null; match = units.exec(block)) {
      if (this.isCut(low + match.index)) return low + match.index;
    }
    return null;
  }

  private lastCut(low: number, high: number): number | null {
    if (this.rule === null) return null;
    for (let i = high - 1; i >= low; i--) {
      this.units.lastIndex = 0;
      if (this.units.test(this.text.charAt(i)) && this.isCut(i)) return i;
    }
    return null;
  }

  private isCut(i: number): boolean {
    return i > this.begin && i < this.end && (this.rule?.isSafe(this.text, i) ?? false);
  }

  /** Where the text of a piece may end: early for a single word that is too long for any vocabulary, else at `end`. */
  private async knownPart(begin: number, end: number): Promise<number> {
    const letters = this.rule?.unknownFrom ?? null;
    // Marks are not counted, because some normalizers strip them. The first character may be the one at the cut.
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
