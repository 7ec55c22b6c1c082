/** How many tokens a text has, guessed before it is tokenized: for limits of queues, never for results. */

const CHARS_PER_TOKEN = 4;
const SPECIAL_TOKENS = 2;

/** Tokens of a text or pair of so many UTF-16 units, special tokens included. */
export function estimateTokensOf(characters: number): number {
  return Math.ceil(characters / CHARS_PER_TOKEN) + SPECIAL_TOKENS;
}
