/**
 * Cutting a long text before tokenization, when only its first tokens will be kept.
 *
 * A cut may only be made where the tokens before it cannot depend on what follows. That is known
 * for BERT's normalizer and splitter, which work word by word; for other tokenizers nothing is cut.
 */

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';

/**
 * Where a text may be cut: before white space, and before an ideograph where each is a word of its
 * own.
 */
export interface CutRule {
  readonly ideographs: boolean;
}

/**
 * English has 4 to 5 characters a token; a text with longer words is given more in a second try.
 */
const CHARS_PER_TOKEN = 8;

/** The rule for a tokenizer.json, or null when its texts must not be cut. */
export function cutRuleOf(tokenizer: JsonObject): CutRule | null {
  const { normalizer, pre_tokenizer: splitter, added_tokens: added } = tokenizer;
  if (!isJsonObject(normalizer) || normalizer.type !== 'BertNormalizer') return null;
  if (!isJsonObject(splitter) || splitter.type !== 'BertPreTokenizer') return null;
  // An added token may reach over a cut, or look at the character after it.
  const tokens: readonly JsonValue[] = Array.isArray(added) ? added : [];
  const local = tokens.every(
    (token) =>
      isJsonObject(token) &&
      token.single_word !== true &&
      typeof token.content === 'string' &&
      !/[\s\u4e00-\u9fff]/.test(token.content),
  );
  return local ? { ideographs: normalizer.handle_chinese_chars === true } : null;
}

/** First length to try for `maxTokens` tokens, in UTF-16 units. */
export function cutLength(maxTokens: number): number {
  return maxTokens * CHARS_PER_TOKEN;
}

/**
 * The beginning of `text` up to the last safe place in the second half of `length` units, else up
 * to the first safe place after them; the whole text when that would save less than half of it.
 */
export function cutText(text: string, length: number, rule: CutRule): string {
  if (text.length <= 2 * length) return text;
  for (let i = length; i > length / 2; i--) if (isSafe(text, i, rule)) return text.slice(0, i);
  for (let i = length + 1; i < text.length / 2; i++) {
    if (isSafe(text, i, rule)) return text.slice(0, i);
  }
  return text;
}

/** Whether the tokens of text[0, i) are the first tokens of the whole text. */
function isSafe(text: string, i: number, { ideographs }: CutRule): boolean {
  const next = text.charCodeAt(i);
  if (next === 0x20 || next === 0x0a || next === 0x0d || next === 0x09) return true;
  return ideographs && next >= 0x4e00 && next <= 0x9fff;
}
