/**
 * Which tokens of a window count, so that each token of a long text does so once: of two neighbours each has the half of
 * their shared tokens that lies further from its end, where it sees more of the text.
 */

import { rangeMistake } from '../core/errors.js';
import type { AlignedTexts } from '../tokenize/aligned-texts.js';

/** Shared tokens are at most this many, and at most a quarter of a window. */
const STRIDE_TOKENS = 128;

/** Checks the stride of windows of `maxTokens`, or chooses it. Throws RangeError where too little of a window would be new. */
export function windowStride(where: string, stride: number | undefined, maxTokens: number): number {
  if (stride === undefined) return Math.min(STRIDE_TOKENS, Math.floor(maxTokens / 4));
  const most = Math.floor(maxTokens / 2);
  if (stride <= most) return stride;
  throw rangeMistake(`${where}: stride`, `at most ${most}, half of a window`, stride);
}

/** How many of `stride` shared tokens the later window leaves to the earlier one; that one has no more of them. */
export function leftToEarlier(stride: number): number {
  return stride - Math.floor(stride / 2);
}

/** Calls back with every token of window `index` that is no special token, and its place among these. */
export function eachOwnToken(
  { offsets, parts }: AlignedTexts,
  index: number,
  visit: (token: number, place: number) => void,
): void {
  let place = 0;
  for (let i = offsets[index] ?? 0; i < (offsets[index + 1] ?? 0); i++) {
    if (parts[i] !== -1) visit(i, place++);
  }
}

/** Whether the token at `place` of `length` own ones counts in window `index`, of windows of which the last of every text is among them. */
export function isCounted(
  { sources }: AlignedTexts,
  index: number,
  stride: number,
  { place, length }: { readonly place: number; readonly length: number },
): boolean {
  const early = leftToEarlier(stride);
  const source = sources[index];
  const from = sources[index - 1] === source ? early : 0;
  const to = length - (sources[index + 1] === source ? stride - early : 0);
  return place >= from && place < to;
}

/** Tokens of window `index` that are no special ones. */
export function ownTokens({ offsets, parts }: AlignedTexts, index: number): number {
  let count = 0;
  for (let i = offsets[index] ?? 0; i < (offsets[index + 1] ?? 0); i++) {
    if (parts[i] !== -1) count++;
  }
  return count;
}
