/**
 * The tokens of a vocabulary as a trie of symbols, which finds all tokens that begin at a place of a word.
 *
 * Nodes are entries of one hash table in typed arrays: an object for each would take ten times the memory.
 */

import { setImmediate as turn } from 'node:timers/promises';

/** Tokens that are added before the event loop turns. */
const PER_TURN = 4096;

export class SymbolTrie {
  /** Symbols of the longest token. */
  depth = 0;
  private nodes = 1;
  private parents = new Int32Array(1 << 12);
  private symbols = new Int32Array(1 << 12);
  private children = new Int32Array(1 << 12);
  private tokens = new Int32Array(1 << 12).fill(-1);

  /** The trie of `count` tokens: `token(i)` gives the symbols of token i; of two equal tokens the later one counts. */
  static async of(count: number, token: (index: number) => readonly number[]): Promise<SymbolTrie> {
    const trie = new SymbolTrie();
    for (let i = 0; i < count; i++) {
      if (i % PER_TURN === PER_TURN - 1) await turn();
      trie.add(token(i), i);
    }
    return trie;
  }

  /** The node below `node` (0 is the root), or -1. */
  child(node: number, symbol: number): number {
    const mask = this.children.length - 1;
    for (let at = hash(node, symbol) & mask; ; at = (at + 1) & mask) {
      const child = this.children[at] as number;
      if (child === 0) return -1;
      if (this.parents[at] === node && this.symbols[at] === symbol) return child;
    }
  }

  /** The token that ends at a node, or -1. */
  token(node: number): number {
    return this.tokens[node] as number;
  }

  private add(token: readonly number[], index: number): void {
    if (token.length === 0) return;
    let node = 0;
    for (const symbol of token) {
      const found = this.child(node, symbol);
      node = found === -1 ? this.grow(node, symbol) : found;
    }
    this.tokens[node] = index;
    this.depth = Math.max(this.depth, token.length);
  }

  private grow(parent: number, symbol: number): number {
    if (2 * this.nodes >= this.children.length) this.enlarge();
    this.insert(parent, symbol, this.nodes);
    return this.nodes++;
  }

  private insert(parent: number, symbol: number, child: number): void {
    const mask = this.children.length - 1;
    let at = hash(parent, symbol) & mask;
    while (this.children[at] !== 0) at = (at + 1) & mask;
    this.parents[at] = parent;
    this.symbols[at] = symbol;
    this.children[at] = child;
  }

  private enlarge(): void {
    const { parents, symbols, children, tokens } = this;
    const size = 2 * children.length;
    this.parents = new Int32Array(size);
    this.symbols = new Int32Array(size);
    this.children = new Int32Array(size);
    this.tokens = new Int32Array(size).fill(-1);
    this.tokens.set(tokens);
    for (const [at, child] of children.entries()) {
      if (child !== 0) this.insert(parents[at] as number, symbols[at] as number, child);
    }
  }
}

function hash(node: number, symbol: number): number {
  const mixed = Math.imul(node ^ Math.imul(symbol + 1, 0x9e3779b1), 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
