/**
 * WordPiece of BERT's kind in the native core: the tokens that the `tokenizers` package gives, some ten times as fast, and without
 * loading it.
 *
 * The rule: what is not known to be equal is left to the package. That is a tokenizer of another kind, a text that may contain an added
 * token, and a text with a mark that canonical order may move.
 */

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { native } from '../native/native.js';
import type { NativePieces, NativeWordPieces, WordPieceRules } from '../native/word-pieces.js';
import type { PieceTokens, Places } from './piece-tokens.js';

const MODEL_KEYS = new Set(
  'type vocab unk_token continuing_subword_prefix max_input_chars_per_word'.split(' '),
);
/** UTF-16 units of all words together, well below the nodes that the core's tree can number. */
const MOST_UNITS = 1 << 22;

/** What stands in for the package. */
export class WordPieces {
  private readonly words: readonly string[];
  private readonly added: RegExp | null;
  private readonly pieces: NativeWordPieces;
  private idsByWord: ReadonlyMap<string, number> | null = null;

  private constructor(words: readonly string[], rules: WordPieceRules, added: readonly string[]) {
    this.words = words;
    this.added = added.length === 0 ? null : new RegExp(added.map(escaped).join('|'));
    this.pieces = new (native().WordPieces)(words.join('\0'), rules);
  }

  /** null for a tokenizer of another kind. `words`: the vocabulary by id, or null. */
  static of(tokenizer: JsonObject, words: readonly string[] | null): WordPieces | null {
    const { model, normalizer = null, pre_tokenizer: splitter } = tokenizer;
    if (words === null || !isJsonObject(model) || !isJsonObject(splitter)) return null;
    const text = textRules(normalizer);
    const added = addedNames(tokenizer.added_tokens, model);
    if (text === null || added === null || splitter.type !== 'BertPreTokenizer') return null;
    const pieces = pieceRules(model);
    if (pieces === null || !areListable(words)) return null;
    return new WordPieces(words, { ...text, ...pieces }, added);
  }

  /** Number of ids. */
  get vocabulary(): number {
    return this.words.length;
  }

  tokenOf(id: number): string | null {
    return this.words[id] ?? null;
  }

  idOf(token: string): number | null {
    this.idsByWord ??= new Map(this.words.map((word, id) => [word, id]));
    return this.idsByWord.get(token) ?? null;
  }

  /** The tokens of each text; null for a text that the package must read. */
  encode(texts: readonly string[]): (PieceTokens | null)[] {
    const { added } = this;
    const hasAdded = texts.map((text) => added?.test(text) ?? false);
    const columns = this.pieces.encode(texts.map((text, i) => (hasAdded[i] ? '' : text)));
    const refused = new Set(columns.refused);
    return texts.map((_, i) =>
      hasAdded[i] || refused.has(i) ? null : new NativeTokens(columns, i, this.words),
    );
  }
}

class NativeTokens implements PieceTokens {
  private readonly begin: number;
  private readonly end: number;

  constructor(
    private readonly columns: NativePieces,
    index: number,
    private readonly words: readonly string[],
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
    return Array.from(this.ids(), (id) => this.words[id] ?? '');
  }

  places(): Places {
    const { starts, ends } = this.columns;
    return {
      starts: starts.slice(this.begin, this.end),
      ends: ends.slice(this.begin, this.end),
    };
  }
}

function escaped(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
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

/**
 * Names of the added tokens. null where one is looked for in the normalized text, or is not a word of the vocabulary with the same id:
 * the package would number it by the size of the vocabulary.
 */
function addedNames(list: JsonValue | undefined, { vocab }: JsonObject): readonly string[] | null {
  const tokens: readonly JsonValue[] = Array.isArray(list) ? list : [];
  const names: string[] = [];
  for (const token of tokens) {
    if (!isJsonObject(token) || token.normalized !== false || !isJsonObject(vocab)) return null;
    const { content, id } = token;
    if (typeof content !== 'string' || content === '') return null;
    if (!Object.hasOwn(vocab, content) || vocab[content] !== id) return null;
    names.push(content);
  }
  return names;
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
