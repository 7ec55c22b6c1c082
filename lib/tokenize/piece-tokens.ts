/**
 * The tokens of a piece of a text, without special ones, whoever has found them.
 *
 * Columns are made when they are asked for, because most callers want ids alone.
 */

import type { Encoding } from 'tokenizers';
import { utf16Index } from './utf16-offsets.js';

/** Places of tokens in UTF-16 units of their piece: piece.slice(starts[i], ends[i]) is what token i stands for. */
export interface Places {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

export interface PieceTokens {
  readonly length: number;
  ids(): Int32Array;
  /** The tokens as the vocabulary has them. */
  names(): string[];
  places(): Places;
}

/** What the `tokenizers` package has found in `text`; its places are code points. */
export class PackageTokens implements PieceTokens {
  constructor(
    private readonly encoding: Encoding,
    private readonly text: string,
  ) {}

  get length(): number {
    return this.encoding.getLength();
  }

  ids(): Int32Array {
    return Int32Array.from(this.encoding.getIds());
  }

  names(): string[] {
    return this.encoding.getTokens();
  }

  places(): Places {
    const offsets = this.encoding.getOffsets();
    const index = utf16Index(this.text);
    return {
      starts: Int32Array.from(offsets, ([start]) => index(start ?? 0)),
      ends: Int32Array.from(offsets, ([, end]) => index(end ?? 0)),
    };
  }
}
