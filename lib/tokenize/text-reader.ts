/**
 * The tokens of one text, read piece by piece: the first of them, or the last.
 *
 * What is read beyond them is counted and dropped, so that memory is bounded by what is kept.
 */

import type { Encoding } from 'tokenizers';
import type { TextPiece, TextWalk } from './text-walk.js';

/** English has 4 to 5 characters a token; of a text with longer words another piece is read. */
const CHARS_PER_TOKEN = 8;
/** What the package returns for a piece is unpacked on the JavaScript thread, in a millisecond or two. */
const PIECE_CHARS = 1 << 13;

/** Units of a text to be read first for `maxTokens` tokens. */
export function firstPiece(maxTokens: number): number {
  return Math.min(PIECE_CHARS, CHARS_PER_TOKEN * maxTokens);
}

export interface TextTokens {
  readonly ids: Int32Array;
}

/** What is read of a text: ids alone, or with their places. */
export interface TokenKind<T extends TextTokens> {
  unpack(encoding: Encoding, piece: TextPiece): T;
  slice(tokens: T, begin: number, end: number): T;
  /** Parts back to back. */
  join(parts: readonly T[]): T;
}

export const IDS: TokenKind<TextTokens> = {
  unpack: (encoding) => ({ ids: Int32Array.from(encoding.getIds()) }),
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
  private parts: T[] = [];
  private kept = 0;

  /** Keeps the first or last `keep` tokens; the walk must begin on that side. */
  constructor(walk: TextWalk, kind: TokenKind<T>, keep: number, kept: 'first' | 'last') {
    this.walk = walk;
    this.kind = kind;
    this.keep = keep;
    this.side = kept;
    this.size = firstPiece(keep);
  }

  /** Whether the whole text was read. */
  get done(): boolean {
    return this.walk.done;
  }

  /** The text to be tokenized next. */
  async next(): Promise<TextPiece> {
    const { size } = this;
    this.size = Math.min(PIECE_CHARS, 4 * size);
    return this.walk.next(size);
  }

  /** Its tokens. */
  add(encoding: Encoding, piece: TextPiece): void {
    const length = encoding.getLength();
    const room = Math.min(this.keep - this.kept, length);
    this.count += length;
    if (room === 0) return;
    const tokens = this.kind.unpack(encoding, piece);
    const begin = this.side === 'first' ? 0 : length - room;
    this.parts.push(room < length ? this.kind.slice(tokens, begin, begin + room) : tokens);
    this.kept += room;
  }

  /** The first or last `length` of the tokens that were kept, or all of them. */
  take(length: number): T {
    const all = this.kind.join(this.side === 'first' ? this.parts : [...this.parts].reverse());
    if (length >= this.kept) return all;
    const begin = this.side === 'first' ? 0 : this.kept - length;
    return this.kind.slice(all, begin, begin + length);
  }

  /** All that was read since the last call, which is forgotten. For readers that keep all. */
  drain(): T {
    const all = this.kind.join(this.parts);
    this.parts = [];
    return all;
  }
}
