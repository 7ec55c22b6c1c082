/**
 * The vocabulary of a tokenizer that the native core reads: ids and names of tokens, and the added tokens, which the core does not look
 * for in texts.
 */

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import type { PieceTokens } from './piece-tokens.js';

/** UTF-16 units of all words together, well below the nodes that the core's tree can number. */
const MOST_UNITS = 1 << 22;

/** What stands in for the `tokenizers` package: it gives the same tokens, or leaves a text to it. */
export interface CoreTokenizer {
  readonly vocabulary: CoreVocabulary;
  /** The tokens of each text; null for a text that the package must read. `placed`: the places are asked for too. */
  encode(texts: readonly string[], placed: boolean): (PieceTokens | null)[];
}

export class CoreVocabulary {
  /** By id, added tokens behind those of the model. */
  readonly words: readonly string[];
  private readonly added: RegExp | null;
  private idsByWord: ReadonlyMap<string, number> | null = null;

  private constructor(words: readonly string[], added: readonly string[]) {
    this.words = words;
    this.added = added.length === 0 ? null : new RegExp(added.map(escaped).join('|'));
  }

  /**
   * null where the words can't be passed to the core, or an added token has not the id that the package gives it. `words`: those of
   * the model by id.
   */
  static of(words: readonly string[], tokenizer: JsonObject): CoreVocabulary | null {
    const added = addedNames(tokenizer, words.length);
    if (added === null || !areListable(words)) return null;
    return new CoreVocabulary([...words, ...added.beyond], added.names);
  }

  /** Number of ids. */
  get size(): number {
    return this.words.length;
  }

  tokenOf(id: number): string | null {
    return this.words[id] ?? null;
  }

  idOf(token: string): number | null {
    this.idsByWord ??= new Map(this.words.map((word, id) => [word, id]));
    return this.idsByWord.get(token) ?? null;
  }

  /** Whether a text may have an added token. */
  mayHaveAdded(text: string): boolean {
    return this.added?.test(text) ?? false;
  }
}

function escaped(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** Names of the added tokens, and those among them that the model lacks: the package numbers these from its size on. */
function addedNames(
  { added_tokens: list, model }: JsonObject,
  size: number,
): { readonly names: readonly string[]; readonly beyond: readonly string[] } | null {
  const vocab = isJsonObject(model) && isJsonObject(model.vocab) ? model.vocab : null;
  const tokens: readonly JsonValue[] = Array.isArray(list) ? list : [];
  const names = new Set<string>();
  const beyond: string[] = [];
  for (const token of tokens) {
    if (!isJsonObject(token) || vocab === null) return null;
    const { content, id } = token;
    if (typeof content !== 'string' || content === '' || names.has(content)) return null;
    const isWord = Object.hasOwn(vocab, content);
    if (id !== (isWord ? vocab[content] : size + beyond.length)) return null;
    if (!isWord) beyond.push(content);
    names.add(content);
  }
  return { names: [...names], beyond };
}

/** Whether the words can be passed as one text. */
function areListable(words: readonly string[]): boolean {
  let units = 0;
  for (const word of words) {
    units += word.length;
    if (word.includes('\0') || !word.isWellFormed()) return false;
  }
  return words.length > 0 && units <= MOST_UNITS;
}
