/**
 * Chooses which tokens of a window count, so that each token of a long text counts once. Two neighbouring windows divide
 * their shared tokens: each takes the half that is further from its own end, where it has more context.
 */

import { rangeMistake } from '../core/errors.js';
import type { AlignedTexts } from '../tokenize/aligned-texts.js';

/** Default number of shared tokens; it is at most a quarter of a window. */
const STRIDE_TOKENS = 128;

/** The checked stride of windows of `maxTokens` tokens, or a default one. Throws RangeError if it is more than half a window. */
export function windowStride(where: string, stride: number | undefined, maxTokens: number): number {
  if (stride === undefined) return Math.min(STRIDE_TOKENS, Math.floor(maxTokens / 4));
  const most = Math.floor(maxTokens / 2);
  if (stride <= most) return stride;
  throw rangeMistake(`${where}: stride`, `at most ${most}, half of a window`, stride);
}

/** How many of `stride` shared tokens count in the earlier of the two windows; the others count in the later one. */
export function leftToEarlier(stride: number): number {
  return stride - Math.floor(stride / 2);
}

/** Calls `visit` with the index of every token of window `index` that is not special, and its position among these. */
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

/**
 * Whether a token counts in window `index`. `place` is its position among the `length` tokens of the window that are not
 * special. `sources` must reach to the last window of the text.
 */
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

/** Number of tokens of window `index` that are not special. */
export function ownTokens({ offsets, parts }: AlignedTexts, index: number): number {
  let count = 0;
  for (let i = offsets[index] ?? 0; i < (offsets[index + 1] ?? 0); i++) {
    if (parts[i] !== -1) count++;
  }
  return count;
}
