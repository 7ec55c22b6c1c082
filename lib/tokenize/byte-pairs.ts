/**
 * Byte-level byte pair encoding, as RoBERTa and ModernBERT have it, in the native core: the token ids that the `tokenizers` package gives.
 *
 * The rule: what is not known to be equal is left to the package. That is a tokenizer of another kind, a text that may contain an added
 * token, a text that a normalizer might change, a long word, and the places of tokens.
 */

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import type { Steps } from '../core/turns.js';
import type { NativeBytePairs, NativePairs } from '../native/byte-pairs.js';
import { native } from '../native/native.js';
import { type CoreTokenizer, CoreVocabulary } from './core-vocabulary.js';
import type { PieceTokens, Places } from './piece-tokens.js';
import type { Words } from './words.js';

const MODEL_KEYS = new Set([
  ...['type', 'dropout', 'unk_token', 'continuing_subword_prefix', 'end_of_word_suffix'],
  ...['fuse_unk', 'byte_fallback', 'ignore_merges', 'vocab', 'merges'],
]);
/** What stands for a byte: a visible character itself, those from U+0100 on for the other 68. */
const BYTE = /^[!-~\u00a1-\u00ac\u00ae-\u0143]$/;
/** The first mark that composes is U+0300. */
const MAY_COMPOSE = /[\u0300-\uffff]/;
const UNASSIGNED = /\p{Cn}/u;

interface TextRules {
  readonly addsSpace: boolean;
  /** Whether texts are composed canonically. */
  readonly composes: boolean;
}

export class BytePairs implements CoreTokenizer {
  private readonly pairs: NativeBytePairs;

  private constructor(
    readonly vocabulary: CoreVocabulary,
    pairs: NativeBytePairs,
    private readonly composes: boolean,
  ) {
    this.pairs = pairs;
  }

  /** null for a tokenizer of another kind. `words`: the vocabulary by id, or null. */
  static *of(tokenizer: JsonObject, words: Words | null): Steps<BytePairs | null> {
    const { model } = tokenizer;
    if (words === null || !isJsonObject(model)) return null;
    const text = textRules(tokenizer);
    if (text === null || !isKnown(model) || !hasAllBytes(words.list())) return null;
    yield;
    const vocabulary = CoreVocabulary.of(words, tokenizer);
    const joined = words.forCore();
    if (vocabulary === null || typeof joined !== 'string') return null;
    yield;
    const merges = mergesOf(model);
    if (merges === null) return null;
    yield;
    const rules = { addsSpace: text.addsSpace, ignoresMerges: model.ignore_merges === true };
    const pairs = new (native().BytePairs)(joined, merges.join('\0'), rules);
    return new BytePairs(vocabulary, pairs, text.composes);
  }

  encode(texts: readonly string[], placed: boolean): (PieceTokens | null)[] {
    if (placed) return texts.map(() => null);
    const { composes, vocabulary } = this;
    const left = texts.map(
      (text) => vocabulary.mayHaveAdded(text) || (composes && !isComposed(text)),
    );
    const columns = this.pairs.encode(texts.map((text, i) => (left[i] ? '' : text)));
    for (const i of columns.refused) left[i] = true;
    return texts.map((_, i) => (left[i] ? null : new PairTokens(columns, i, vocabulary.words)));
  }
}

/**
 * Whether canonical composition leaves a text as it is. What it makes of characters never changes once they are assigned, so the versions of
 * Unicode in Node and in the package need not be equal for a text without others.
 */
function isComposed(text: string): boolean {
  if (!MAY_COMPOSE.test(text)) return true;
  return !UNASSIGNED.test(text) && text.normalize('NFC') === text;
}

class PairTokens implements PieceTokens {
  readonly length: number;
  private readonly begin: number;

  constructor(
    private readonly columns: NativePairs,
    index: number,
    private readonly words: readonly string[],
  ) {
    this.begin = columns.offsets[index] ?? 0;
    this.length = (columns.offsets[index + 1] ?? 0) - this.begin;
  }

  ids(): Int32Array {
    return this.columns.ids.slice(this.begin, this.begin + this.length);
  }

  names(): string[] {
    return Array.from(this.ids(), (id) => this.words[id] ?? '');
  }

  places(): Places {
    throw new Error('places of byte pairs are found by the package');
  }
}

/** null unless the pre-tokenizer divides texts by GPT-2's pattern, and the normalizer is none or composes canonically. */
function textRules({ normalizer = null, pre_tokenizer: splitter }: JsonObject): TextRules | null {
  const composes = isJsonObject(normalizer) && normalizer.type === 'NFC';
  if (!composes && normalizer !== null) return null;
  if (!isJsonObject(splitter) || splitter.type !== 'ByteLevel') return null;
  const { add_prefix_space: addsSpace = true, use_regex: divides = true } = splitter;
  return typeof addsSpace === 'boolean' && divides === true ? { addsSpace, composes } : null;
}

/** Whether the core knows all settings of a model. */
function isKnown(model: JsonObject): boolean {
  if (model.type !== 'BPE' || !Object.keys(model).every((key) => MODEL_KEYS.has(key))) return false;
  const { continuing_subword_prefix: prefix, end_of_word_suffix: suffix } = model;
  const unread = [model.dropout, model.unk_token, prefix, suffix, model.byte_fallback];
  return !unread.some(Boolean);
}

/** Left and right tokens in turns, the first pair merged first. null for merges that are not two tokens each. */
function mergesOf({ merges: list }: JsonObject): readonly string[] | null {
  if (!Array.isArray(list)) return null;
  const merges: string[] = [];
  for (const merge of list as readonly JsonValue[]) {
    if (typeof merge === 'string' && merge.startsWith('#version')) continue;
    const [left, right] = typeof merge === 'string' ? merge.split(' ') : (merge as string[]);
    if (!left || !right) return null;
    merges.push(left, right);
  }
  return merges;
}

/** Whether each byte has a token. */
function hasAllBytes(words: readonly string[]): boolean {
  return words.filter((word) => BYTE.test(word)).length === 256;
}
