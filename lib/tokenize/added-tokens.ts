/**
 * Tokens that the settings of a tokenizer add to its tokenizer.json, and the flags that they change.
 *
 * Ids are given out as Python does it: a token of the vocabulary keeps its own, others get the next free ones, whatever id the
 * settings state.
 */

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import type { AddedToken, TokenizerSettings } from './tokenizer-settings.js';

const FLAGS = ['single_word', 'lstrip', 'rstrip', 'normalized', 'special'] as const;

/** tokenizer.json with the tokens of the settings; the same object when nothing is new. */
export function withAddedTokens(tokenizer: JsonObject, settings: TokenizerSettings): JsonObject {
  const own = Array.isArray(tokenizer.added_tokens) ? tokenizer.added_tokens : [];
  const known = new Map<string, JsonObject>();
  for (const token of own) {
    if (isJsonObject(token) && typeof token.content === 'string') known.set(token.content, token);
  }
  const special = new Set(settings.specials.map(({ content }) => content));
  const wanted = settings.added
    .map((token) => ({ ...token, special: token.special || special.has(token.content) }))
    .filter((token) => !isSame(known.get(token.content), token));
  const named = new Set(wanted.map(({ content }) => content));
  for (const token of settings.specials) {
    if (known.has(token.content) || named.has(token.content)) continue;
    named.add(token.content);
    wanted.push(token);
  }
  if (wanted.length === 0) return tokenizer;
  const { idOf, size } = vocabularyOf(tokenizer.model);
  let next = nextId(known.values(), size);
  for (const token of wanted) {
    const { content } = token;
    if (content === '') continue;
    const id = idOf(content) ?? known.get(content)?.id ?? next++;
    known.set(content, { id, ...token });
  }
  const added = [...known.values()].sort((a, b) => Number(a.id) - Number(b.id));
  return { ...tokenizer, added_tokens: added };
}

/** The value of added_tokens_decoder in tokenizer_config.json for these tokens. */
export function decoderOf(tokenizer: JsonObject): JsonObject {
  const added = Array.isArray(tokenizer.added_tokens) ? tokenizer.added_tokens : [];
  const entries = added.filter(isJsonObject).map(({ id, ...token }) => [String(id), token]);
  return Object.fromEntries(entries) as JsonObject;
}

function isSame(known: JsonObject | undefined, token: AddedToken): boolean {
  return known !== undefined && FLAGS.every((flag) => known[flag] === token[flag]);
}

function nextId(added: Iterable<JsonObject>, size: number): number {
  let next = size;
  for (const { id } of added) if (typeof id === 'number' && id >= next) next = id + 1;
  return next;
}

function vocabularyOf(model: JsonValue | undefined): {
  readonly idOf: (token: string) => number | null;
  readonly size: number;
} {
  const vocab = isJsonObject(model) ? model.vocab : undefined;
  if (Array.isArray(vocab)) {
    const ids = new Map(vocab.map((entry, id) => [Array.isArray(entry) ? entry[0] : null, id]));
    return { idOf: (token) => ids.get(token) ?? null, size: vocab.length };
  }
  const ids = isJsonObject(vocab) ? vocab : {};
  const idOf = (token: string) => {
    const id = Object.hasOwn(ids, token) ? ids[token] : null;
    return typeof id === 'number' ? id : null;
  };
  return { idOf, size: Object.keys(ids).length };
}
