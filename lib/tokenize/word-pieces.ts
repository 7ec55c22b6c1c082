/**
 * WordPiece of BERT's kind in the native core: the tokens that the `tokenizers` package gives, some ten times as fast, and without
 * loading it.
 *
 * The rule: what is not known to be equal is left to the package. That is a tokenizer of another kind, a text that may contain an added
 * token, and a text with a mark that canonical order may move.
 */

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { native } from '../native/native.js';
import type {
  NativePieces,
  NativeWordList,
  NativeWordPieces,
  WordPieceRules,
} from '../native/word-pieces.js';
import { type CoreTokenizer, CoreVocabulary } from './core-vocabulary.js';
import type { PieceTokens, Places } from './piece-tokens.js';
import type { Words } from './words.js';

const MODEL_KEYS = new Set(
  'type vocab unk_token continuing_subword_prefix max_input_chars_per_word'.split(' '),
);

export class WordPieces implements CoreTokenizer {
  private readonly pieces: NativeWordPieces;

  private constructor(
    readonly vocabulary: CoreVocabulary,
    words: string | NativeWordList,
    rules: WordPieceRules,
  ) {
    this.pieces = new (native().WordPieces)(words, rules);
  }

  /** null for a tokenizer of another kind. `words`: the vocabulary, or null. */
  static of(tokenizer: JsonObject, words: Words | null): WordPieces | null {
    const { model, normalizer = null, pre_tokenizer: splitter } = tokenizer;
    if (words === null || !isJsonObject(model) || !isJsonObject(splitter)) return null;
    const text = textRules(normalizer);
    if (text === null || !leavesAdded(tokenizer) || splitter.type !== 'BertPreTokenizer')
      return null;
    const pieces = pieceRules(model);
    const vocabulary = CoreVocabulary.of(words, tokenizer);
    // The core knows the words of the model alone.
    if (pieces === null || vocabulary?.size !== words.size) return null;
    const given = words.forCore();
    return given === null ? null : new WordPieces(vocabulary, given, { ...text, ...pieces });
  }

  encode(texts: readonly string[]): (PieceTokens | null)[] {
    const hasAdded = texts.map((text) => this.vocabulary.mayHaveAdded(text));
    const columns = this.pieces.encode(texts.map((text, i) => (hasAdded[i] ? '' : text)));
    const refused = new Set(columns.refused);
    return texts.map((_, i) =>
      hasAdded[i] || refused.has(i) ? null : new NativeTokens(columns, i, this.vocabulary),
    );
  }
}

class NativeTokens implements PieceTokens {
  private readonly begin: number;
  private readonly end: number;

  constructor(
    private readonly columns: NativePieces,
    index: number,
    private readonly vocabulary: CoreVocabulary,
  ) {
    this.begin = columns.offsets[index] ?? 0;
    this.end = columns.offsets[index + 1] ?? 0;
  }

  get length(): number {
    return this.end - this.begin;
  }

  ids(): Int32Array {
    return this.columns.ids.slice(this.begin, this.end);
  }

  names(): string[] {
    return Array.from(this.ids(), (id) => this.vocabulary.tokenOf(id) ?? '');
  }

  places(): Places {
    const { starts, ends } = this.columns;
    return {
      starts: starts.slice(this.begin, this.end),
      ends: ends.slice(this.begin, this.end),
    };
  }
}

type TextRules = Pick<WordPieceRules, 'cleans' | 'spaces' | 'strips' | 'lowercases'>;

/** null for another normalizer than BERT's, or none. */
function textRules(normalizer: JsonValue): TextRules | null {
  if (normalizer === null)
    return { cleans: false, spaces: false, strips: false, lowercases: false };
  if (!isJsonObject(normalizer) || normalizer.type !== 'BertNormalizer') return null;
  const { clean_text, handle_chinese_chars, strip_accents = null, lowercase } = normalizer;
  const flags = [clean_text, handle_chinese_chars, strip_accents ?? lowercase, lowercase];
  if (!flags.every((flag) => typeof flag === 'boolean')) return null;
  const [cleans = true, spaces = true, strips = true, lowercases = true] = flags;
  return { cleans, spaces, strips, lowercases };
}

function pieceRules(
  model: JsonObject,
): Pick<WordPieceRules, 'prefix' | 'unknown' | 'maxWord'> | null {
  const { type, vocab, unk_token: name, continuing_subword_prefix: prefix } = model;
  const { max_input_chars_per_word: maxWord } = model;
  if (type !== 'WordPiece' || !Object.keys(model).every((key) => MODEL_KEYS.has(key))) return null;
  if (typeof name !== 'string' || typeof prefix !== 'string' || !isJsonObject(vocab)) return null;
  const unknown = Object.hasOwn(vocab, name) ? vocab[name] : null;
  if (typeof unknown !== 'number' || typeof maxWord !== 'number') return null;
  return { prefix, unknown, maxWord };
}

/** Whether no added token is looked for in the normalized text. */
function leavesAdded({ added_tokens: list }: JsonObject): boolean {
  const tokens: readonly JsonValue[] = Array.isArray(list) ? list : [];
  return tokens.every((token) => isJsonObject(token) && token.normalized === false);
}
