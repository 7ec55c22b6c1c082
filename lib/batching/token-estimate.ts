/** How many tokens a text has, guessed before it is tokenized: for limits of queues, never for results. */
import type { TextInput } from '../tokenize/text-tokenizer.js';

/** Of text in an alphabet; text from here on (Chinese, Japanese, Korean) has about a token for each character. */
const CHARS_PER_TOKEN = 4;
const FIRST_WIDE = 0x2e80;
const SPECIAL_TOKENS = 2;
/** UTF-16 units whose script stands for that of the whole text. */
const SAMPLE = 64;

/** Tokens of a text or pair, special tokens included. */
export function estimateTokensOf(text: TextInput): number {
  if (typeof text === 'string') return Math.ceil(tokensIn(text)) + SPECIAL_TOKENS;
  return Math.ceil(tokensIn(text[0]) + tokensIn(text[1])) + SPECIAL_TOKENS;
}

function tokensIn(text: string): number {
  const sampled = Math.min(text.length, SAMPLE);
  let wide = 0;
  for (let i = 0; i < sampled; i++) if (text.charCodeAt(i) >= FIRST_WIDE) wide++;
  const share = sampled === 0 ? 0 : wide / sampled;
  return text.length * (share + (1 - share) / CHARS_PER_TOKEN);
}
