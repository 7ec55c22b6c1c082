/**
 * BPE over a stream of symbols: finds the last token of each prefix of a word.
 *
 * A row of tokens is the result of the merges exactly when each token, and each pair of neighbours, is the result for its own
 * symbols: the first merge across a border would also be made in that pair alone. So the last token of a prefix is the one that
 * stays beside the last token of the shorter prefix before it.
 */

import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';
import { affixesOf, type BpeSymbols } from './bpe-symbols.js';
import { type Merge, mergeAll } from './merges.js';
import { SymbolTrie } from './symbol-trie.js';
import {
  byteTokens,
  type UnknownToken,
  type WholeWords,
  type WordModel,
  type WordPaths,
  type WordToken,
} from './word-model.js';
import type { SymbolIds, WordWindow } from './word-window.js';

/** Most pairs of neighbours whose result is remembered. */
const MAX_PAIRS = 1 << 20;
const BYTE = /^<0x[0-9A-F]{2}>$/;

/** The model; null when the file has rules that are not supported here. */
export async function bpeModel(model: JsonObject): Promise<WordModel | null> {
  const { vocab, merges, byte_fallback: bytes, ignore_merges: whole } = model;
  if (!isJsonObject(vocab) || !Array.isArray(merges)) return null;
  const affixes = affixesOf(model);
  const pairs = (merges as readonly JsonValue[]).map(pairOf).filter((pair) => pair !== null);
  const joined = pairs.map(([left, right]) => [left, right, affixes.join(left, right)] as const);
  const symbols = affixes.symbols(vocab, joined, whole === true);
  const unknown = unknownOf(model, bytes === true);
  if (symbols === null || unknown === false) return null;
  const tokens = [...new Set([...symbols.names, ...joined.map(([, , made]) => made)])];
  const index = new Map(tokens.map((token, i) => [token, i]));
  if (unknown?.name && index.has(unknown.name)) return null;
  if (unknown?.bytes && (affixes.some || tokens.some((token) => BYTE.test(token)))) return null;
  const table = new Map<number, Merge>();
  for (const [rank, names] of joined.entries()) {
    const [a, b, made] = names.map((token) => index.get(token));
    // A part that is no symbol and that no merge makes never occurs, so its merges are left out.
    if (a === undefined || b === undefined || made === undefined) continue;
    table.set(a * tokens.length + b, { rank, made });
  }
  const symbolsOf = (token: number) => symbols.of(tokens[token] ?? '');
  const trie = await SymbolTrie.of(tokens.length, symbolsOf);
  const ids = Int32Array.from(tokens, (token) => vocab[token] as number);
  const words = whole === true ? wordsOf(vocab) : null;
  return new BpeModel({ symbols, tokens, ids, table, trie, symbolsOf, unknown, words });
}

/** The two parts of a merge, given as a pair or as a text with a space between two tokens; null for the version line. */
function pairOf(merge: JsonValue): readonly [string, string] | null {
  if (typeof merge === 'string' && merge.startsWith('#version')) return null;
  const [left = '', right = ''] =
    typeof merge === 'string' ? merge.split(' ') : (merge as string[]);
  return [left, right];
}

/** null where unknown characters are left out, false where the rule is not supported here. */
function unknownOf(
  { vocab, unk_token: name, fuse_unk: fused }: JsonObject,
  fallback: boolean,
): UnknownToken | null | false {
  if (!isJsonObject(vocab)) return false;
  const idOf = (token: string) =>
    Object.hasOwn(vocab, token) ? (vocab[token] as number) : undefined;
  const bytes = fallback ? byteTokens(idOf) : null;
  if (bytes !== null) return { id: -1, name: null, fused: false, bytes };
  // Where only some bytes have tokens, the package swaps them with the unknown tokens before them.
  if (fallback && Object.keys(vocab).some((token) => BYTE.test(token))) return false;
  if (typeof name !== 'string') return null;
  const id = idOf(name);
  return id === undefined ? false : { id, name, fused: fused === true, bytes };
}

/** With ignore_merges, a word that is a token is taken whole. */
function wordsOf(vocab: JsonObject): WholeWords {
  const longest = Object.keys(vocab).reduce(
    (most, token) => Math.max(most, token.length > most ? [...token].length : 0),
    0,
  );
  return {
    longest,
    find: (name) => (Object.hasOwn(vocab, name) ? { id: vocab[name] as number, name } : null),
  };
}

interface Parts {
  readonly symbols: BpeSymbols;
  readonly tokens: readonly string[];
  readonly ids: Int32Array;
  readonly table: ReadonlyMap<number, Merge>;
  readonly trie: SymbolTrie;
  readonly symbolsOf: (token: number) => number[];
  readonly unknown: UnknownToken | null;
  readonly words: WholeWords | null;
}

class BpeModel implements WordModel {
  readonly characters: readonly string[];
  readonly count: number;
  readonly unknown: UnknownToken | null;
  readonly words: WholeWords | null;
  readonly trie: SymbolTrie;
  private readonly parts: Parts;
  private readonly pairs = new Map<number, boolean>();

  constructor(parts: Parts) {
    this.parts = parts;
    this.characters = parts.symbols.characters;
    this.count = parts.symbols.names.length;
    this.words = parts.words;
    this.trie = parts.trie;
    this.unknown = parts.unknown;
  }

  symbol(character: number, first: boolean, last: boolean): number {
    return this.parts.symbols.at(character, first, last);
  }

  get depth(): number {
    return Math.max(1, this.trie.depth);
  }

  token(symbols: SymbolIds, begin: number, end: number): WordToken | null {
    let node = 0;
    for (let at = begin; at < end && node !== -1; at++) {
      node = this.trie.child(node, symbols[at] as number);
    }
    const token = node === -1 ? -1 : this.trie.token(node);
    if (token === -1) return null;
    return { id: this.parts.ids[token] as number, name: this.parts.tokens[token] as string };
  }

  paths(): WordPaths {
    return new BpePaths(this);
  }

  /** Whether merging leaves the tokens `before` and `token` as they are; with -1 for `before`, `token` alone. */
  stay(before: number, token: number): boolean {
    const key = (before + 1) * (this.parts.tokens.length + 1) + token;
    let stay = this.pairs.get(key);
    if (stay === undefined) {
      stay = this.isMade(before, token);
      if (this.pairs.size >= MAX_PAIRS) this.pairs.clear();
      this.pairs.set(key, stay);
    }
    return stay;
  }

  private isMade(before: number, token: number): boolean {
    const { table, tokens, symbolsOf } = this.parts;
    const symbols = [...(before === -1 ? [] : symbolsOf(before)), ...symbolsOf(token)];
    const made = mergeAll(symbols, (a, b) => table.get(a * tokens.length + b));
    if (made.at(-1) !== token) return false;
    return before === -1 ? made.length === 1 : made.length === 2 && made[0] === before;
  }
}

class BpePaths implements WordPaths {
  private readonly model: BpeModel;
  /** Last token of each prefix that ends within one token's reach, in a ring; -1 for no token, or an unknown one. */
  private readonly last: Int32Array;

  constructor(model: BpeModel) {
    this.model = model;
    this.last = new Int32Array(2 ** Math.ceil(Math.log2(model.depth + 2)));
  }

  begin(): void {
    this.last[0] = -1;
  }

  step(window: WordWindow, offset: number): void {
    const { model, last } = this;
    const { symbols, lengths, size, done } = window;
    const mask = last.length - 1;
    const before = last[(offset + done) & mask] as number;
    if (done > 0 && lengths[done] === 0) throw new Error('no token ends here');
    let node = 0;
    for (let at = done; at < size; at++) {
      node = model.trie.child(node, symbols[at] as number);
      if (node === -1) break;
      const token = model.trie.token(node);
      if (token === -1 || lengths[at + 1] !== 0 || !model.stay(before, token)) continue;
      lengths[at + 1] = at + 1 - done;
      last[(offset + at + 1) & mask] = token;
    }
    // An unknown symbol is in no merge, so it stands alone.
    if ((symbols[done] as number) >= model.count) {
      lengths[done + 1] = 1;
      last[(offset + done + 1) & mask] = -1;
    }
    window.done++;
  }
}
