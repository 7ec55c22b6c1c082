/**
 * Tokens with their places in a text, from the encodings of its pieces.
 *
 * Places are UTF-16 units of the whole text, so that text.slice(start, end) is what a token stands for.
 */

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import type { LongTokens } from './long-words/long-words.js';
import type { PieceTokens, Places } from './piece-tokens.js';
import { joinColumn, type TextTokens, type TokenKind } from './text-reader.js';
import type { TextPiece } from './text-walk.js';

export interface PlacedTokens extends TextTokens {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** 1 where a token continues the word of the token before it. */
  readonly continues: Uint8Array;
}

/**
 * Tokens of one text with their places in it, special tokens included (those have start = end = 0).
 */
export interface TokensWithOffsets {
  readonly ids: Int32Array;
  readonly tokens: readonly string[];
  /** UTF-16 units: text.slice(starts[i], ends[i]) is what token i stands for. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/** Placed tokens cut and put together. */
export const PLACED: Pick<TokenKind<PlacedTokens>, 'slice' | 'join'> = {
  slice: (all, begin, end) => ({
    ids: all.ids.slice(begin, end),
    starts: all.starts.slice(begin, end),
    ends: all.ends.slice(begin, end),
    continues: all.continues.slice(begin, end),
  }),
  join: (parts) => ({
    ids: joinColumn(parts, Int32Array, ({ ids }) => ids),
    starts: joinColumn(parts, Int32Array, ({ starts }) => starts),
    ends: joinColumn(parts, Int32Array, ({ ends }) => ends),
    continues: joinColumn(parts, Uint8Array, ({ continues }) => continues),
  }),
};

export class Placer {
  /** Prefix of tokens that continue a word; null where only the space before a word tells. */
  private readonly prefix: string | null;
  private readonly trims: boolean;
  private readonly addsSpace: boolean;
  private readonly stripsSpace: boolean;
  private readonly nameOf: (id: number) => string | null;
  private readonly continuing = new Map<number, boolean>();

  /** `nameOf` gives the token of an id; with `stripsSpace` the space at the beginning of a later piece is lost. */
  constructor(tokenizer: JsonObject, stripsSpace: boolean, nameOf: (id: number) => string | null) {
    const model = isJsonObject(tokenizer.model) ? tokenizer.model : {};
    const prefix = model.continuing_subword_prefix;
    this.prefix = typeof prefix === 'string' && prefix !== '' ? prefix : null;
    this.trims = trimsOffsets(tokenizer.post_processor);
    this.addsSpace = addsSpace(tokenizer.post_processor);
    this.stripsSpace = stripsSpace;
    this.nameOf = nameOf;
  }

  /** Whether tokens that continue a word are marked. */
  get marksWords(): boolean {
    return this.prefix !== null;
  }

  /** Tokens of `text`, without the blanks that some take along. */
  words(text: string): TokenKind<PlacedTokens> {
    return {
      ...PLACED,
      unpack: (tokens, piece) => this.place(tokens.ids(), this.places(tokens, piece), text),
      fromLong: (tokens) => this.place(tokens.ids, this.trimmed(tokens, text), text),
      wanted: { placed: true, named: this.trims },
    };
  }

  /** Tokens of `text` as they are, with their names. */
  named(text: string): TokenKind<TokensWithOffsets> {
    return {
      unpack: (tokens, piece) => ({
        ids: tokens.ids(),
        tokens: tokens.names(),
        ...this.places(tokens, piece),
      }),
      fromLong: (tokens) => ({
        ids: tokens.ids,
        tokens: tokens.names,
        ...this.trimmed(tokens, text),
      }),
      wanted: { placed: true, named: true },
      slice: ({ ids, tokens, starts, ends }, begin, end) => ({
        ids: ids.slice(begin, end),
        tokens: tokens.slice(begin, end),
        starts: starts.slice(begin, end),
        ends: ends.slice(begin, end),
      }),
      join: (parts) => ({
        ids: joinColumn(parts, Int32Array, ({ ids }) => ids),
        tokens: parts.flatMap(({ tokens }) => tokens),
        starts: joinColumn(parts, Int32Array, ({ starts }) => starts),
        ends: joinColumn(parts, Int32Array, ({ ends }) => ends),
      }),
    };
  }

  private place(ids: Int32Array, { starts, ends }: Places, text: string): PlacedTokens {
    const continues = new Uint8Array(ids.length);
    for (const [i, id] of ids.entries()) {
      starts[i] = trimmedStart(text, starts[i] ?? 0, ends[i] ?? 0);
      continues[i] = this.continuesWord(id, text, starts[i] ?? 0) ? 1 : 0;
    }
    return { ids, starts, ends, continues };
  }

  /** Places without the spaces at the ends of tokens, if the package leaves them out. */
  private trimmed({ names, starts, ends }: LongTokens, text: string): Places {
    if (!this.trims) return { starts, ends };
    for (const [i, name] of names.entries()) {
      const [start, end] = [starts[i] ?? 0, ends[i] ?? 0];
      const before = /^[\s\u0120]*/u.exec(name)?.[0].length ?? 0;
      const after = /[\s\u0120]*$/u.exec(name)?.[0].length ?? 0;
      // A space that was added has the place of the character after it, which may have two units.
      const inside = Array.from(
        before + after > 0 ? text.slice(start, end) : '',
        ({ length }) => length,
      );
      const sum = (lengths: readonly number[]) => lengths.reduce((a, b) => a + b, 0);
      if (!(start === 0 && this.addsSpace)) starts[i] = start + sum(inside.slice(0, before));
      if (after > 0) ends[i] = Math.max(end - sum(inside.slice(-after)), starts[i] ?? 0);
    }
    return { starts, ends };
  }

  private places(tokens: PieceTokens, piece: TextPiece): Places {
    const inPiece = tokens.places();
    // The end of a piece is its end in the text, even where letters were left out.
    const place = (unit: number) => (unit >= piece.text.length ? piece.end : piece.begin + unit);
    const starts = inPiece.starts.map(place);
    const ends = inPiece.ends.map(place);
    const asks = piece.begin > 0 && starts.length > 0 && (this.trims || this.stripsSpace);
    const [token = ''] = asks ? tokens.names() : [];
    // At the beginning of a text the package leaves out what it thinks it has added.
    if (this.trims && /^[\s\u0120]/u.test(token)) {
      starts[0] = Math.max(starts[0] ?? 0, piece.begin + 1);
      ends[0] = Math.max(ends[0] ?? 0, starts[0] ?? 0);
    }
    if (this.stripsSpace && token.startsWith('\u2581')) {
      starts[0] = piece.begin;
      if (token === '\u2581') ends[0] = piece.begin + 1;
    }
    return { starts, ends };
  }

  private continuesWord(id: number, text: string, start: number): boolean {
    if (this.prefix === null) {
      // Byte-level and sentencepiece tokens have no mark inside a word; a word begins at white space.
      return start > 0 && !/\s/.test(text.charAt(start - 1)) && !/\s/.test(text.charAt(start));
    }
    let continues = this.continuing.get(id);
    if (continues === undefined) {
      continues = this.nameOf(id)?.startsWith(this.prefix) ?? false;
      this.continuing.set(id, continues);
    }
    return continues;
  }
}

/** Tokens of some tokenizers take the space before a word along; it is no part of it. */
function trimmedStart(text: string, start: number, end: number): number {
  let at = start;
  while (at < end - 1 && /\s/.test(text.charAt(at))) at++;
  return at;
}

/** Whether places leave out the space before a word. */
function trimsOffsets(processor: JsonValue | undefined): boolean {
  if (!isJsonObject(processor)) return false;
  const { type, processors, trim_offsets: trim } = processor;
  if (Array.isArray(processors)) return (processors as readonly JsonValue[]).some(trimsOffsets);
  return (type === 'RobertaProcessing' || type === 'ByteLevel') && trim !== false;
}

/** Whether such places keep a space that the tokenizer has added. */
function addsSpace(processor: JsonValue | undefined): boolean {
  if (!isJsonObject(processor)) return false;
  const { type, processors, add_prefix_space: adds } = processor;
  if (Array.isArray(processors)) return (processors as readonly JsonValue[]).some(addsSpace);
  return (type === 'RobertaProcessing' || type === 'ByteLevel') && adds !== false;
}
