/**
 * BPE over a stream of symbols: which token is the last of each beginning of a word.
 *
 * Tokens in a row are what the merges make of their symbols exactly when that is so of each token and of each two neighbours:
 * the first merge over a border would also be made in the two alone. So the last token of a beginning is the one that stands
 * beside the last token of what is before it.
 */

import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';
import { type Merge, mergeAll } from './merges.js';
import { SymbolTrie } from './symbol-trie.js';
import type { UnknownToken, WordModel, WordPaths, WordToken } from './word-model.js';
import type { Symbols, WordWindow } from './word-window.js';

/** Neighbours that are remembered. */
const MOST_PAIRS = 1 << 20;

/** null for a model with rules that are not known here. */
export async function bpeModel(model: JsonObject): Promise<WordModel | null> {
  const { vocab, merges, continuing_subword_prefix: prefix, end_of_word_suffix: suffix } = model;
  const { byte_fallback: bytes, ignore_merges: whole, unk_token: name, fuse_unk: fused } = model;
  if (!isJsonObject(vocab) || !Array.isArray(merges)) return null;
  if ((prefix ?? '') !== '' || (suffix ?? '') !== '' || bytes === true || whole === true)
    return null;
  const characters = Object.keys(vocab).filter((token) => [...token].length === 1);
  const pairs = (merges as readonly JsonValue[]).map(pairOf).filter((pair) => pair !== null);
  const names = [...characters, ...pairs.map(([left, right]) => left + right)];
  const tokens = [...new Set(names)];
  const index = new Map(tokens.map((token, i) => [token, i]));
  const known = typeof name === 'string' ? name : null;
  if (known !== null && (index.has(known) || !Object.hasOwn(vocab, known))) return null;
  const table = new Map<number, Merge>();
  for (const [rank, [left, right]] of pairs.entries()) {
    const [a, b, made] = [left, right, left + right].map((token) => index.get(token));
    // What no merge makes never meets another token.
    if (a === undefined || b === undefined || made === undefined) continue;
    table.set(a * tokens.length + b, { rank, made });
  }
  const symbolsOf = (token: number) =>
    Array.from(tokens[token] ?? '', (character) => index.get(character) ?? characters.length);
  const trie = await SymbolTrie.of(tokens.length, symbolsOf);
  const ids = Int32Array.from(tokens, (token) => vocab[token] as number);
  const unknown =
    known === null ? null : { id: vocab[known] as number, name: known, fused: fused === true };
  return new BpeModel({ characters, tokens, ids, table, trie, symbolsOf, unknown });
}

/** A pair, or a text with a space between two tokens. */
function pairOf(merge: JsonValue): readonly [string, string] | null {
  if (typeof merge === 'string' && merge.startsWith('#version')) return null;
  const [left = '', right = ''] =
    typeof merge === 'string' ? merge.split(' ') : (merge as string[]);
  return [left, right];
}

interface Parts {
  readonly characters: readonly string[];
  readonly tokens: readonly string[];
  readonly ids: Int32Array;
  readonly table: ReadonlyMap<number, Merge>;
  readonly trie: SymbolTrie;
  readonly symbolsOf: (token: number) => number[];
  readonly unknown: UnknownToken | null;
}

class BpeModel implements WordModel {
  readonly characters: readonly string[];
  readonly unknown: UnknownToken | null;
  readonly trie: SymbolTrie;
  private readonly parts: Parts;
  private readonly pairs = new Map<number, boolean>();

  constructor(parts: Parts) {
    this.parts = parts;
    this.characters = parts.characters;
    this.trie = parts.trie;
    this.unknown = parts.unknown;
  }

  get depth(): number {
    return Math.max(1, this.trie.depth);
  }

  token(symbols: Symbols, begin: number, end: number): WordToken | null {
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

  /** Whether these two, or with -1 before it `token` alone, stay as they are. */
  stay(before: number, token: number): boolean {
    const key = (before + 1) * (this.parts.tokens.length + 1) + token;
    let stay = this.pairs.get(key);
    if (stay === undefined) {
      stay = this.isMade(before, token);
      if (this.pairs.size >= MOST_PAIRS) this.pairs.clear();
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
  /** Last tokens of the beginnings that end within one token's reach; -1 for none, or an unknown one. */
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
    // No merge has an unknown symbol.
    if ((symbols[done] as number) >= model.characters.length) {
      lengths[done + 1] = 1;
      last[(offset + done + 1) & mask] = -1;
    }
    window.done++;
  }
}
