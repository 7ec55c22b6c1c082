/**
 * Reads the symbols of a text through the `tokenizers` package itself: its normalizer, pre-tokenizer and added tokens, with a
 * model that makes a token of each character.
 */

import type { Encoding, Tokenizer } from 'tokenizers';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';
import { tokenizersPackage } from '../package.js';
import type { TextPiece } from '../text-walk.js';
import { utf16Index } from '../utf16-offsets.js';
import { byteName } from './word-model.js';

/** Names of the 256 bytes, which spell the characters that the vocabulary lacks. */
const BYTES = Array.from({ length: 256 }, (_, byte) => byteName(byte));

/** A symbol, or an added token, with its place in the text in UTF-16 units. */
export interface PlacedSymbol {
  /** Index in the vocabulary's characters; for a character beyond them, their number plus its code point. */
  readonly symbol: number;
  /** null for a symbol. */
  readonly added: { readonly id: number; readonly name: string } | null;
  readonly start: number;
  readonly end: number;
  /** Whether it continues the word of the symbol before it. */
  readonly continues: boolean;
}

export interface SymbolSettings {
  /** The characters of the vocabulary, which are the first symbols. */
  readonly characters: readonly string[];
  /** The id of an added token in the real tokenizer. */
  readonly idOf: (added: string) => number;
  /** Whether the space at the beginning of a later piece is stripped. */
  readonly stripsSpace: boolean;
}

export class SymbolReader {
  readonly tokenizer: Tokenizer;
  private readonly settings: SymbolSettings;
  /** First id of the bytes, and of the added tokens. */
  private readonly bytes: number;
  private readonly added: number;

  constructor(tokenizer: JsonObject, settings: SymbolSettings) {
    this.settings = settings;
    this.bytes = settings.characters.length;
    this.added = this.bytes + BYTES.length;
    this.tokenizer = this.make(tokenizer);
  }

  /** The symbols of a piece, without those of its margins. */
  read(encoding: Encoding, piece: TextPiece): PlacedSymbol[] {
    const [ids, offsets, words] = [encoding.getIds(), encoding.getOffsets(), encoding.getWordIds()];
    const names = ids.some((id) => id >= this.added) ? encoding.getTokens() : [];
    const index = utf16Index(piece.text);
    const origin = piece.begin - piece.lead;
    const symbols: PlacedSymbol[] = [];
    let word: number | null = null;
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i] as number;
      const [from, to] = offsets[i] as [number, number];
      const [start, end] = [origin + index(from), origin + index(to)];
      const added = id < this.added ? null : { id: this.addedId(id), name: names[i] ?? '' };
      const continues: boolean = added === null && words[i] === word;
      word = added === null ? (words[i] ?? null) : null;
      const symbol = this.isByte(id) ? this.bytes + this.codePoint(ids, i) : id;
      if (this.isByte(id)) i += lengthOf(id - this.bytes) - 1;
      if (start < piece.begin || start >= piece.end) continue;
      symbols.push({ symbol, added, start, end, continues });
    }
    return this.withSpace(symbols, piece);
  }

  private isByte(id: number): boolean {
    return id >= this.bytes && id < this.added;
  }

  private codePoint(ids: readonly number[], at: number): number {
    const first = (ids[at] as number) - this.bytes;
    const bytes = ids.slice(at, at + lengthOf(first)).map((id) => id - this.bytes);
    return Buffer.from(bytes).toString('utf8').codePointAt(0) ?? 0;
  }

  private addedId(id: number): number {
    return this.settings.idOf(this.tokenizer.idToToken(id) ?? '');
  }

  /** Puts the word mark of a later piece at the space that it stands for, which was stripped. */
  private withSpace(symbols: PlacedSymbol[], { begin, lead }: TextPiece): PlacedSymbol[] {
    const [first] = symbols;
    const { stripsSpace, characters } = this.settings;
    if (first === undefined || !stripsSpace || begin === 0 || lead > 0) return symbols;
    const character = characters[first.symbol] ?? String.fromCodePoint(first.symbol - this.bytes);
    if (first.added !== null || character !== '\u2581') return symbols;
    return [{ ...first, start: begin, end: begin + 1 }, ...symbols.slice(1)];
  }

  /** A tokenizer in which each character of the vocabulary is a token, and other characters are spelt by byte tokens. */
  private make(tokenizer: JsonObject): Tokenizer {
    const { characters } = this.settings;
    const vocab: Record<string, number> = {};
    for (const [id, token] of [...characters, ...BYTES].entries()) vocab[token] = id;
    const { added_tokens: list } = tokenizer;
    const added_tokens = (Array.isArray(list) ? (list as readonly JsonValue[]) : [])
      .filter(isJsonObject)
      .map((token, i) => ({ ...token, id: this.added + i }));
    const model = {
      ...{ type: 'BPE', dropout: null, unk_token: null, fuse_unk: false, byte_fallback: true },
      ...{ continuing_subword_prefix: null, end_of_word_suffix: null, vocab, merges: [] },
    };
    const json = { ...tokenizer, added_tokens, post_processor: null, decoder: null, model };
    const made = tokenizersPackage().Tokenizer.fromString(JSON.stringify(json));
    made.disablePadding();
    made.disableTruncation();
    return made;
  }
}

/** Bytes of the UTF-8 character that begins with this byte. */
function lengthOf(first: number): number {
  if (first < 0x80) return 1;
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}
