/**
 * The vocabulary of a tokenizer that the native core reads: ids and names of tokens, and the added tokens, which the core does not look
 * for in texts.
 */

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import type { PieceTokens } from './piece-tokens.js';
import type { Words } from './words.js';

/** What stands in for the `tokenizers` package: it gives the same tokens, or leaves a text to it. */
export interface CoreTokenizer {
  readonly vocabulary: CoreVocabulary;
  /** The tokens of each text; null for a text that the package must read. `placed`: the places are asked for too. */
  encode(texts: readonly string[], placed: boolean): (PieceTokens | null)[];
}

export class CoreVocabulary {
  /** Number of ids. */
  readonly size: number;
  private readonly model: Words;
  /** Added tokens that the model lacks; their ids are behind its own. */
  private readonly beyond: readonly string[];
  private readonly added: RegExp | null;
  private all: readonly string[] | null = null;

  private constructor(model: Words, { names, beyond }: AddedNames) {
    this.model = model;
    this.beyond = beyond;
    this.size = model.size + beyond.length;
    this.added = names.length === 0 ? null : new RegExp(names.map(escaped).join('|'));
  }

  /**
   * null where an added token has not the id that the package gives it. `words`: those of the model.
   */
  static of(words: Words, tokenizer: JsonObject): CoreVocabulary | null {
    const added = addedNames(tokenizer, words.size);
    return added === null ? null : new CoreVocabulary(words, added);
  }

  /** By id, added tokens behind those of the model. */
  get words(): readonly string[] {
    this.all ??= [...this.model.list(), ...this.beyond];
    return this.all;
  }

  tokenOf(id: number): string | null {
    return this.words[id] ?? null;
  }

  idOf(token: string): number | null {
    const beyond = this.beyond.indexOf(token);
    return beyond < 0 ? this.model.idOf(token) : this.model.size + beyond;
  }

  /** Whether a text may have an added token. */
  mayHaveAdded(text: string): boolean {
    return this.added?.test(text) ?? false;
  }
}

function escaped(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

interface AddedNames {
  readonly names: readonly string[];
  readonly beyond: readonly string[];
}

/** Names of the added tokens, and those among them that the model lacks: the package numbers these from its size on. */
function addedNames({ added_tokens: list, model }: JsonObject, size: number): AddedNames | null {
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
