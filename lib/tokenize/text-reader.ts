/**
 * Reads the tokens of one text piece by piece, and keeps the first of them, or the last.
 *
 * Tokens beyond those are counted and dropped, so that memory is bounded by what is kept.
 */

import type { Encoding } from 'tokenizers';
import type { LongTokens, LongWords } from './long-words/long-words.js';
import type { LongWordSource } from './long-words/source.js';
import type { Wanted } from './long-words/word-window.js';
import type { PieceTokens } from './piece-tokens.js';
import type { TextPiece, TextWalk } from './text-walk.js';

/** Characters read per wanted token. English has 4 to 5; a text with longer words needs another piece. */
const CHARS_PER_TOKEN = 8;
/** Longest piece: its tokens are unpacked on the JavaScript thread, in a millisecond or two. */
const PIECE_CHARS = 1 << 13;

/** UTF-16 units of the first piece of a text of which `maxTokens` tokens are wanted. */
export function firstPiece(maxTokens: number): number {
  return Math.min(PIECE_CHARS, CHARS_PER_TOKEN * maxTokens);
}

export interface TextTokens {
  readonly ids: Int32Array;
}

/** How tokens are unpacked and joined: ids alone, or with their places. */
export interface TokenKind<T extends TextTokens> {
  unpack(tokens: PieceTokens, piece: TextPiece): T;
  /** Converts tokens of a long word; `wanted` tells which of their columns must be filled. */
  fromLong(tokens: LongTokens): T;
  readonly wanted: Wanted;
  slice(tokens: T, begin: number, end: number): T;
  /** Parts back to back. */
  join(parts: readonly T[]): T;
}

export const IDS: TokenKind<TextTokens> = {
  unpack: (tokens) => ({ ids: tokens.ids() }),
  fromLong: ({ ids }) => ({ ids }),
  wanted: { placed: false, named: false },
  slice: ({ ids }, begin, end) => ({ ids: ids.slice(begin, end) }),
  join: (parts) => ({ ids: joinColumn(parts, Int32Array, ({ ids }) => ids) }),
};

type Column = Int32Array | Uint8Array;

export function joinColumn<T, C extends Column>(
  parts: readonly T[],
  make: new (length: number) => C,
  of: (part: T) => C,
): C {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return of(only);
  const joined = new make(parts.reduce((sum, part) => sum + of(part).length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(of(part), at);
    at += of(part).length;
  }
  return joined;
}

export class TextReader<T extends TextTokens> {
  /** Tokens read so far. */
  count = 0;
  private readonly walk: TextWalk;
  private readonly kind: TokenKind<T>;
  private readonly keep: number;
  private readonly side: 'first' | 'last';
  private size: number;
  private readonly long: LongWordSource | null;
  private parts: T[] = [];
  private kept = 0;
  /** The reader of the word that pieces are cutting; null outside such a word. */
  private words: LongWords | null = null;
  private unread = false;
  private forward = false;
  private ends = false;
  /** For a reader of the last tokens: tokens of pieces that come in the order of the text, not backwards. */
  private run: T[] = [];

  /** Keeps the first or last `keep` tokens; the walk must begin on that side. `long` reads the pieces that cut words. */
  constructor(
    walk: TextWalk,
    kind: TokenKind<T>,
    keep: number,
    kept: 'first' | 'last',
    long: LongWordSource | null = null,
  ) {
    this.walk = walk;
    this.kind = kind;
    this.keep = keep;
    this.side = kept;
    this.size = firstPiece(keep);
    this.long = long;
  }

  /** Whether the places of tokens are read. */
  get wantsPlaces(): boolean {
    return this.kind.wanted.placed;
  }

  /** Whether the whole text was read. */
  get done(): boolean {
    return this.walk.done && !this.unread;
  }

  /** Whether tokens of the last piece are left, to be read by `more`. */
  get waits(): boolean {
    return this.unread;
  }

  /** The next piece to tokenize; null when tokens of the last one are left, to be read by `more`. */
  async next(): Promise<TextPiece | null> {
    if (this.unread) return null;
    const { size } = this;
    this.size = Math.min(PIECE_CHARS, 4 * size);
    return this.walk.next(size);
  }

  /** Its tokens. */
  add(tokens: PieceTokens, piece: TextPiece): void {
    this.keepTokens(tokens.length, () => this.kind.unpack(tokens, piece), piece.forward);
  }

  /** The symbols of a piece that cuts words. */
  addInner(encoding: Encoding, piece: TextPiece): void {
    this.words ??= (this.long as LongWordSource).words(this.kind.wanted);
    this.long?.push(this.words, encoding, piece);
    this.forward = piece.forward;
    this.ends = piece.last;
    this.more();
  }

  /** Reads more tokens of the last piece. */
  more(): void {
    if (this.words === null) return;
    const { tokens, done } = this.words.take();
    const forward = this.forward || !done;
    this.keepTokens(tokens.ids.length, () => this.kind.fromLong(tokens), forward);
    this.unread = !done;
    if (done && this.ends) this.words = null;
  }

  /** Counts tokens and keeps those that are needed; `forward` when the next ones follow these in the text. */
  private keepTokens(length: number, unpack: () => T, forward: boolean): void {
    this.count += length;
    if (this.side === 'first') {
      const room = Math.min(this.keep - this.kept, length);
      if (room > 0) this.parts.push(this.cut(unpack(), length, 0, room));
      this.kept += Math.max(0, room);
      return;
    }
    const room = this.keep - this.kept;
    if (room <= 0) return;
    if (length > 0) this.run.push(this.cut(unpack(), length, Math.max(0, length - room), length));
    this.dropFirst(room);
    if (forward) return;
    const all = this.run.length === 1 ? (this.run[0] as T) : this.kind.join(this.run);
    const total = all.ids.length;
    this.parts.push(this.cut(all, total, Math.max(0, total - room), total));
    this.kept += Math.min(room, total);
    this.run = [];
  }

  /** Drops the parts of a run that can't be among its last `room` tokens. */
  private dropFirst(room: number): void {
    let total = this.run.reduce((sum, { ids }) => sum + ids.length, 0);
    while (total - (this.run[0]?.ids.length ?? total) >= room) {
      total -= this.run.shift()?.ids.length ?? 0;
    }
  }

  private cut(tokens: T, length: number, begin: number, end: number): T {
    return begin === 0 && end === length ? tokens : this.kind.slice(tokens, begin, end);
  }

  /** The first or last `length` tokens of those kept, or all of them. */
  take(length: number): T {
    const all = this.kind.join(this.side === 'first' ? this.parts : [...this.parts].reverse());
    if (length >= this.kept) return all;
    const begin = this.side === 'first' ? 0 : this.kept - length;
    return this.kind.slice(all, begin, begin + length);
  }

  /** Takes all tokens read since the last call. For readers that keep all. */
  drain(): T {
    const all = this.kind.join(this.parts);
    this.parts = [];
    return all;
  }
}
