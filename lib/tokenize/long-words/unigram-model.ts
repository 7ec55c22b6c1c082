/**
 * Unigram over a stream of symbols: finds the path of the best score, with the sums and ties of the `tokenizers` package.
 *
 * Scores are summed from the beginning of a word on, as in the package: rounding decides between paths of equal worth.
 */

import type { JsonObject } from '../../core/json.js';
import { SymbolTrie } from './symbol-trie.js';
import {
  byteTokens,
  type UnknownToken,
  type WordModel,
  type WordPaths,
  type WordToken,
} from './word-model.js';
import type { SymbolIds, WordWindow } from './word-window.js';

/** How far the score of an unknown character is below the least score of a token. */
const UNKNOWN_PENALTY = 10;

/** The model; null when the file has rules that are not supported here. */
export async function unigramModel(model: JsonObject): Promise<WordModel | null> {
  const { vocab, unk_id: unknown, byte_fallback: bytes } = model;
  if (!Array.isArray(vocab) || typeof unknown !== 'number') return null;
  const pieces = vocab as unknown as readonly (readonly [string, number])[];
  const scores = Float64Array.from(pieces, ([, score]) => score);
  const least = scores.reduce((low, score) => Math.min(low, score), Number.POSITIVE_INFINITY);
  // With positive scores, several unknown characters would be worth more than one unknown token.
  if (least > 0) return null;
  const characters = [...new Set(pieces.flatMap(([piece]) => [...piece]))];
  const symbols = new Map(characters.map((character, i) => [character, i]));
  const trie = await SymbolTrie.of(pieces.length, (i) =>
    Array.from(pieces[i]?.[0] ?? '', (character) => symbols.get(character) ?? 0),
  );
  const stands = bytes === true ? standIn(pieces, unknown) : { bytes: null, name: null };
  if (stands === null) return null;
  const { name } = stands;
  return new UnigramModel(characters, trie, pieces, scores, least - UNKNOWN_PENALTY, {
    ...{ id: unknown, name, fused: true, bytes: stands.bytes },
  });
}

/** Byte tokens for unknown characters, and the name of the unknown token; null where only some bytes have tokens. */
function standIn(pieces: readonly (readonly [string, number])[], unknown: number) {
  const ids = new Map(pieces.map(([piece], id) => [piece, id]));
  const bytes = byteTokens((name) => ids.get(name));
  const name = pieces[unknown]?.[0] ?? '';
  if (bytes !== null) return ids.get(name) === unknown ? { bytes, name } : null;
  return pieces.some(([piece]) => /^<0x[0-9A-F]{2}>$/.test(piece)) ? null : { bytes, name: null };
}

class UnigramModel implements WordModel {
  readonly characters: readonly string[];
  readonly unknown: UnknownToken;
  readonly words = null;
  readonly trie: SymbolTrie;
  readonly scores: Float64Array;
  readonly unknownScore: number;
  private readonly pieces: readonly (readonly [string, number])[];

  constructor(
    characters: readonly string[],
    trie: SymbolTrie,
    pieces: readonly (readonly [string, number])[],
    scores: Float64Array,
    unknownScore: number,
    unknown: UnknownToken,
  ) {
    this.characters = characters;
    this.trie = trie;
    this.pieces = pieces;
    this.scores = scores;
    this.unknownScore = unknownScore;
    this.unknown = unknown;
  }

  get count(): number {
    return this.characters.length;
  }

  symbol(character: number): number {
    return character;
  }

  get depth(): number {
    return Math.max(1, this.trie.depth);
  }

  token(symbols: SymbolIds, begin: number, end: number): WordToken | null {
    let node = 0;
    for (let at = begin; at < end && node !== -1; at++) {
      node = this.trie.child(node, symbols[at] as number);
    }
    const id = node === -1 ? -1 : this.trie.token(node);
    return id === -1 ? null : { id, name: this.pieces[id]?.[0] ?? '' };
  }

  paths(): WordPaths {
    return new UnigramPaths(this);
  }
}

class UnigramPaths implements WordPaths {
  private readonly model: UnigramModel;
  /** Scores of the best paths to the places within one token's reach, in a ring. */
  private readonly best: Float64Array;

  constructor(model: UnigramModel) {
    this.model = model;
    this.best = new Float64Array(2 ** Math.ceil(Math.log2(model.depth + 2)));
  }

  begin(): void {
    this.best[0] = 0;
  }

  step(window: WordWindow, offset: number): void {
    const { trie, scores, unknownScore } = this.model;
    const { symbols, size, done } = window;
    const till = this.best[(offset + done) & (this.best.length - 1)] as number;
    let single = false;
    let node = 0;
    for (let at = done; at < size; at++) {
      node = trie.child(node, symbols[at] as number);
      if (node === -1) break;
      const token = trie.token(node);
      if (token === -1) continue;
      this.offer(window, offset, at + 1, (scores[token] as number) + till);
      if (at === done) single = true;
    }
    if (!single) this.offer(window, offset, done + 1, unknownScore + till);
    window.done++;
  }

  /** Offers a path to `place`; of equal scores the earlier one, whose last token is longer, stays. */
  private offer(window: WordWindow, offset: number, place: number, score: number): void {
    const slot = (offset + place) & (this.best.length - 1);
    if (window.lengths[place] !== 0 && !(score > (this.best[slot] as number))) return;
    this.best[slot] = score;
    window.lengths[place] = place - window.done;
  }
}
