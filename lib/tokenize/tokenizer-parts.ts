/**
 * The parts of a tokenizer.json, and which of them look at nothing but the surroundings of a place.
 */

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';

export type Component = Readonly<Record<string, JsonValue | undefined>>;

/** A component as a list: its own parts in order if it is a sequence. */
export function flat(value: JsonValue | undefined, list: string): Component[] {
  if (!isJsonObject(value)) return [];
  const parts = value[list];
  if (value.type !== 'Sequence' || !Array.isArray(parts)) return [value];
  return (parts as readonly JsonValue[]).flatMap((part) => flat(part, list));
}

export interface Added {
  readonly content: string;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly singleWord: boolean;
  /** Whether the token is searched for in the normalized text. */
  readonly normalized: boolean;
  /** Forms that it may have in a text: its own, decomposed, lower case. */
  readonly forms: readonly string[];
}

export function addedTokens(value: JsonValue | undefined): Added[] {
  const list: readonly JsonValue[] = Array.isArray(value) ? value : [];
  return list.filter(isJsonObject).map((token) => {
    const content = String(token.content);
    const decomposed = content.normalize('NFKD');
    const forms = [content, decomposed, decomposed.toLowerCase()];
    return {
      ...{ content, forms },
      lstrip: token.lstrip === true,
      rstrip: token.rstrip === true,
      singleWord: token.single_word === true,
      normalized: token.normalized === true || token.normalized === undefined,
    };
  });
}

/** Normalizers that map single characters, graphemes, or compose marks with the character before them. */
export const LOCAL_NORMALIZERS = new Set(
  'BertNormalizer NFC NFD NFKC NFKD Lowercase StripAccents Precompiled Nmt Strip'.split(' '),
);
export const LOCAL_SPLITTERS = new Set(
  'BertPreTokenizer Whitespace WhitespaceSplit Digits ByteLevel Metaspace'.split(' '),
);

/** The patterns of GPT-2, of cl100k and Llama 3, and of Qwen 2: none joins a space to what is before it. */
const WORD_PATTERNS = new Set([
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
]);

/** CLIP's pattern, which matches words and drops the blanks between them. */
const FOUND_WORDS = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

export function isWordPattern({ type, pattern, behavior, invert }: Component): boolean {
  const { Regex: regex } = isJsonObject(pattern) ? pattern : {};
  if (type !== 'Split' || typeof regex !== 'string') return false;
  if (invert === true) return behavior === 'Removed' && regex === FOUND_WORDS;
  return behavior === 'Isolated' && WORD_PATTERNS.has(regex);
}

/** What a tokenizer does with texts, by the names of its parts, for messages. */
export function rulesOf({ normalizer, pre_tokenizer: splitter, model }: JsonObject): string {
  const names = (parts: readonly Component[]) =>
    parts.length === 0 ? 'none' : parts.map(({ type }) => String(type)).join(' + ');
  const type = isJsonObject(model) ? (model.type ?? 'unnamed') : 'none';
  return (
    `the normalizer (${names(flat(normalizer, 'normalizers'))}), ` +
    `pre-tokenizer (${names(flat(splitter, 'pretokenizers'))}) and model (${type})`
  );
}

/** The literal text that a rule replaces or splits at. */
export function literalOf({ type, pattern, delimiter }: Component): string {
  if (type === 'CharDelimiterSplit') return String(delimiter);
  const { String: literal } = isJsonObject(pattern) ? pattern : {};
  return typeof literal === 'string' ? literal : '';
}

/** Whether a rule replaces several blanks by one. */
export function joinsBlanks({ type, pattern, content }: Component): boolean {
  const { Regex: regex } = isJsonObject(pattern) ? pattern : {};
  if (type !== 'Replace' || typeof regex !== 'string') return false;
  return /^(?: |\\s)(?:\+|\{2,\})$/.test(regex) && (content === ' ' || content === '\u2581');
}
