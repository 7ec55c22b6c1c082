/**
 * What the three kinds of models need of their vocabulary: which tokens must stay so that any text can be cut, which tokens
 * another one is made of, and the model without some of its tokens.
 *
 * The rule: tokens that the kept ones need stay with them, so the pieces of a text whose tokens all stay do not change.
 */

import { SinterError, show } from '../core/errors.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import type { Steps } from '../core/turns.js';
import { modelTypeOf } from './check/models.js';

/** The new id of a token that stays, by its old one; undefined: it goes. */
export type NewIds = (id: number) => number | undefined;

export interface VocabularyKind {
  readonly type: 'WordPiece' | 'BPE' | 'Unigram';
  /** The tokens of the model by id, without added tokens. */
  readonly tokens: ReadonlyMap<number, string>;
  /** Ids of the tokens that any text may need. */
  readonly needed: ReadonlySet<number>;
  /** The token and all that it is merged from. */
  withParts(id: number): readonly number[];
  /** The pieces that the model takes of the words of these pieces, from the left, before it fails; none but for WordPiece. */
  taken(pieces: readonly string[]): readonly number[];
  /** The model with the tokens that stay. */
  reduced(newIds: NewIds): Steps<JsonObject>;
}

/** Tokens looked at before the event loop turns. */
const PER_STEP = 2048;

/** Reads the model of a checked tokenizer.json. Throws UNSUPPORTED_MODEL, with `source`, for a kind without subwords. */
export function* vocabularyKind(
  model: JsonValue | undefined,
  source: string,
): Steps<VocabularyKind> {
  const object = isJsonObject(model) ? model : {};
  const { type = modelTypeOf(object) } = object;
  if (type === 'WordPiece') return yield* wordPiece(object);
  if (type === 'BPE') return yield* bpe(object);
  if (type === 'Unigram') return yield* unigram(object);
  throw new SinterError(
    'UNSUPPORTED_MODEL',
    `${source}: tokens can be taken out of WordPiece, BPE and Unigram, got a model ${show(type)}`,
    { details: { file: source } },
  );
}

function* wordPiece(model: JsonObject): Steps<VocabularyKind> {
  const { ids, tokens } = yield* tokensOf(model.vocab);
  const prefix = String(model.continuing_subword_prefix);
  const needed = new Set([ids.get(String(model.unk_token)) ?? 0]);
  for (const [id, token] of tokens) {
    if (id % PER_STEP === 0) yield;
    if (isCharacter(token) || isCharacter(withoutPrefix(token, prefix))) needed.add(id);
  }
  return {
    ...{ type: 'WordPiece', tokens, needed },
    withParts: (id) => [id],
    taken: (pieces) => wordsOf(pieces, prefix).flatMap((word) => greedy(word, ids, prefix)),
    *reduced(newIds) {
      return { ...model, vocab: yield* reducedVocabulary(ids, newIds) };
    },
  };
}

/** The words that pieces were cut from. */
function wordsOf(pieces: readonly string[], prefix: string): string[] {
  const words: string[] = [];
  for (const piece of pieces) {
    const continues = prefix !== '' && piece.startsWith(prefix) && words.length > 0;
    if (continues) words.push((words.pop() ?? '') + piece.slice(prefix.length));
    else words.push(piece);
  }
  return words;
}

/** The longest pieces of a word, one after the other, up to a place where there is none. */
function greedy(word: string, ids: ReadonlyMap<string, number>, prefix: string): number[] {
  const characters = [...word];
  const found: number[] = [];
  for (let begin = 0; begin < characters.length; ) {
    let end = characters.length;
    let id: number | undefined;
    for (; end > begin && id === undefined; end--) {
      id = ids.get((begin > 0 ? prefix : '') + characters.slice(begin, end).join(''));
    }
    if (id === undefined) break;
    found.push(id);
    begin = end + 1;
  }
  return found;
}

type Merge = readonly [left: string, right: string, product: string];

function* bpe(model: JsonObject): Steps<VocabularyKind> {
  const { ids, tokens } = yield* tokensOf(model.vocab);
  const prefix = affix(model.continuing_subword_prefix);
  const suffix = affix(model.end_of_word_suffix);
  const merges = (Array.isArray(model.merges) ? model.merges : []) as readonly JsonValue[];
  const partsOf = new Map<string, Merge[]>();
  for (const [i, merge] of merges.entries()) {
    if (i % PER_STEP === 0) yield;
    const read = mergeOf(merge, prefix);
    if (read === null) continue;
    const known = partsOf.get(read[2]);
    if (known === undefined) partsOf.set(read[2], [read]);
    else known.push(read);
  }
  const needed = new Set<number>();
  const unknown = ids.get(String(model.unk_token));
  if (unknown !== undefined) needed.add(unknown);
  for (const [id, token] of tokens) {
    if (id % PER_STEP === 0) yield;
    const bare = suffix !== '' && token.endsWith(suffix) ? token.slice(0, -suffix.length) : token;
    const isSymbol = [token, bare, withoutPrefix(token, prefix), withoutPrefix(bare, prefix)];
    if (isSymbol.some(isCharacter) || isByte(token, model)) needed.add(id);
  }
  return {
    ...{ type: 'BPE', tokens, needed },
    withParts: (id) => closure(tokens.get(id) ?? '', ids, partsOf, id),
    taken: () => [],
    *reduced(newIds) {
      const stays = (token: string) => newIds(ids.get(token) ?? -1) !== undefined;
      const kept: JsonValue[] = [];
      for (const [i, merge] of merges.entries()) {
        if (i % PER_STEP === 0) yield;
        if (mergeOf(merge, prefix)?.every(stays) ?? true) kept.push(merge);
      }
      return { ...model, vocab: yield* reducedVocabulary(ids, newIds), merges: kept };
    },
  };
}

/** The ids of a token and of all parts of the merges that make it, and of their parts. */
function closure(
  token: string,
  ids: ReadonlyMap<string, number>,
  partsOf: ReadonlyMap<string, readonly Merge[]>,
  own: number,
): readonly number[] {
  const found = new Set([token]);
  // A set may grow while it is walked.
  for (const product of found) {
    for (const [left, right] of partsOf.get(product) ?? []) found.add(left).add(right);
  }
  found.delete(token);
  const parts = [...found].flatMap((part) => ids.get(part) ?? []);
  return [own, ...parts];
}

/** Both parts of a merge and its product; null for the line that old files begin with. */
function mergeOf(merge: JsonValue, prefix: string): Merge | null {
  if (typeof merge === 'string' && merge.startsWith('#version')) return null;
  const parts = typeof merge === 'string' ? merge.split(' ') : (merge as readonly JsonValue[]);
  const [left = '', right = ''] = parts as readonly string[];
  return [left, right, left + right.slice(prefix.length)];
}

function* unigram(model: JsonObject): Steps<VocabularyKind> {
  const pieces = model.vocab as readonly (readonly [string, number])[];
  const tokens = new Map<number, string>();
  const needed = new Set<number>();
  const { unk_id: unknown = null } = model;
  if (typeof unknown === 'number') needed.add(unknown);
  let least = 0;
  for (const [id, [token, score]] of pieces.entries()) {
    if (id % PER_STEP === 0) yield;
    tokens.set(id, token);
    if (isCharacter(token) || isByte(token, model)) needed.add(id);
    if (score < (pieces[least]?.[1] ?? 0)) least = id;
  }
  // What a character that the vocabulary lacks costs follows from the lowest score.
  needed.add(least);
  return {
    ...{ type: 'Unigram', tokens, needed },
    withParts: (id) => [id],
    taken: () => [],
    *reduced(newIds) {
      const vocab: JsonValue[] = [];
      for (const [id, piece] of pieces.entries()) {
        if (id % PER_STEP === 0) yield;
        if (newIds(id) !== undefined) vocab.push(piece);
      }
      const unk_id = typeof unknown === 'number' ? (newIds(unknown) ?? null) : unknown;
      return { ...model, ...(model.unk_id !== undefined && { unk_id }), vocab };
    },
  };
}

/** The ids of tokens, and the tokens of ids. */
function* tokensOf(vocab: JsonValue | undefined): Steps<{
  readonly ids: ReadonlyMap<string, number>;
  readonly tokens: ReadonlyMap<number, string>;
}> {
  const ids = new Map<string, number>();
  const tokens = new Map<number, string>();
  let count = 0;
  for (const [token, id] of Object.entries(isJsonObject(vocab) ? vocab : {})) {
    if (count++ % PER_STEP === 0) yield;
    ids.set(token, id as number);
    tokens.set(id as number, token);
  }
  return { ids, tokens };
}

function* reducedVocabulary(ids: ReadonlyMap<string, number>, newIds: NewIds): Steps<JsonObject> {
  const kept: [string, number][] = [];
  for (const [token, id] of ids) {
    if (id % PER_STEP === 0) yield;
    const now = newIds(id);
    if (now !== undefined) kept.push([token, now]);
  }
  return Object.fromEntries(kept);
}

/** Whether a token is one Unicode character. */
function isCharacter(token: string): boolean {
  return token !== '' && token.length === ((token.codePointAt(0) ?? 0) > 0xffff ? 2 : 1);
}

/** Whether a token stands for a byte of a character that the vocabulary lacks. */
function isByte(token: string, { byte_fallback: fallback }: JsonObject): boolean {
  return fallback === true && /^<0x[0-9A-F]{2}>$/.test(token);
}

function withoutPrefix(token: string, prefix: string): string {
  return prefix !== '' && token.startsWith(prefix) ? token.slice(prefix.length) : token;
}

function affix(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
