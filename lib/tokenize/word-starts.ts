/**
 * Which tokens continue a word, for masking whole words: those that the tokenizer marks (`##` pieces); of other tokenizers
 * those that neither white space nor punctuation separates from the token before, where each Chinese character is a word.
 */

import type { AlignedTexts } from './aligned-texts.js';

/** Ideographs, kana, and signs between words: nothing continues across them. */
const ALONE = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{P}\p{S}]$/u;

/** 1 for each token that continues the word of the token before it. `marked`: the tokenizer marks such tokens. */
export function continuedWords(
  texts: readonly string[],
  { continues, sources, offsets, starts, parts }: AlignedTexts,
  marked: boolean,
): Int32Array {
  const found = Int32Array.from(continues);
  if (marked) return found;
  for (const [window, source] of sources.entries()) {
    const text = texts[source] ?? '';
    for (let i = offsets[window] ?? 0; i < (offsets[window + 1] ?? 0); i++) {
      const start = starts[i] ?? 0;
      if (found[i] === 0 || parts[i] === -1) continue;
      if (isAlone(text, start) || isAlone(text, before(text, start))) found[i] = 0;
    }
  }
  return found;
}

function isAlone(text: string, at: number): boolean {
  const point = text.codePointAt(at);
  return point !== undefined && ALONE.test(String.fromCodePoint(point));
}

/** Where the character before a place begins. */
function before(text: string, at: number): number {
  const isLow = /[\udc00-\udfff]/.test(text.charAt(at - 1));
  return at - (isLow ? 2 : 1);
}
