/** Byte pair vocabularies as they are trained, small ones: the most frequent pair of neighbours becomes a token, again and again. */
import type { JsonObject } from '../../lib/core/json.js';
import { changed } from './tokenizer-kinds.js';

const PATTERN = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** The letters that stand for bytes, as a tokenizer of the fixtures has them: the 256 tokens of one letter. */
function lettersOfBytes(): string[] {
  const isVisible = (byte: number) =>
    (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(isVisible(byte) ? byte : next++),
  );
}

const SPECIALS = ['<s>', '<pad>', '</s>', '<unk>', '<mask>'];

/** A RoBERTa of the fixtures with other merges. `parts`: other components, `model`: other settings. */
export function withMerges(
  merges: readonly (readonly [string, string])[],
  parts: JsonObject = {},
  model: JsonObject = {},
): Promise<JsonObject> {
  const tokens = new Set([
    ...SPECIALS,
    ...lettersOfBytes(),
    ...merges.map((pair) => pair.join('')),
  ]);
  const vocab = Object.fromEntries([...tokens].map((token, id) => [token, id]));
  const pairs = merges.map((pair) => [...pair]);
  return changed('roberta-seqcls', {
    ...{ added_tokens: added(SPECIALS, 0), ...parts },
    model: { type: 'BPE', unk_token: null, vocab, merges: pairs, ...model },
  });
}

/** With merges of each byte with each of some tokens before it: two characters that the pattern does not divide become one. */
export function withJoins(before: readonly string[]): Promise<JsonObject> {
  return withMerges(
    before.flatMap((left) => lettersOfBytes().map((right) => [left, right] as const)),
  );
}

/** With merges that were grown on texts. */
export async function grown(
  texts: readonly string[],
  merges: number,
  parts: JsonObject = {},
  model: JsonObject = {},
): Promise<JsonObject> {
  const letters = lettersOfBytes();
  const words = texts
    .flatMap((text) => text.match(PATTERN) ?? [])
    .map((word) => [...Buffer.from(word)].map((byte) => letters[byte] ?? ''));
  const pairs: [string, string][] = [];
  while (pairs.length < merges) {
    const pair = mostFrequent(words);
    if (pair === null) break;
    pairs.push(pair);
    for (const word of words) merge(word, pair);
  }
  return withMerges(pairs, parts, model);
}

/** Added tokens from an id on. */
export function added(
  contents: readonly string[],
  first: number,
  normalized = false,
): JsonObject[] {
  return contents.map((content, i) => ({
    ...{ id: first + i, content, special: !normalized, normalized },
    ...{ single_word: false, lstrip: false, rstrip: false },
  }));
}

function mostFrequent(words: readonly (readonly string[])[]): [string, string] | null {
  const counts = new Map<string, number>();
  for (const word of words) {
    for (let i = 0; i + 1 < word.length; i++) {
      const key = `${word[i]} ${word[i + 1]}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  let best: string | null = null;
  for (const [key, count] of counts) if (count > (counts.get(best ?? '') ?? 1)) best = key;
  const [left, right] = best?.split(' ') ?? [];
  return left && right ? [left, right] : null;
}

function merge(word: string[], [left, right]: readonly [string, string]): void {
  for (let i = 0; i + 1 < word.length; i++) {
    if (word[i] === left && word[i + 1] === right) word.splice(i, 2, left + right);
  }
}
