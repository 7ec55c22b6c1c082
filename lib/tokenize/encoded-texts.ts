/**
 * Token ids of many texts as flat arrays, from rows and from parts.
 *
 * The rule: texts lie back to back, without padding.
 */

import { joinColumn, type TextTokens } from './text-reader.js';
import type { TokenRow } from './text-rows.js';

/** Token ids of many texts back to back: text i has ids[offsets[i]] up to ids[offsets[i + 1]]. */
export interface EncodedTexts {
  readonly ids: Int32Array;
  /** Where each text begins in `ids`; one more entry than texts. */
  readonly offsets: Int32Array;
  /** Segment of each token (0, or 1 for the second text of a pair). */
  readonly segments: Int32Array;
  /** How many texts were longer than the limit. */
  readonly truncated: number;
  /** 1 for each text (or window) of which tokens were cut off. */
  readonly cut: Uint8Array;
}

/** The rows with their special tokens around them. */
export function encodeRows(rows: readonly TokenRow<TextTokens>[]): EncodedTexts {
  const offsets = new Int32Array(rows.length + 1);
  for (const [i, { layout, texts }] of rows.entries()) {
    offsets[i + 1] = (offsets[i] ?? 0) + layout.length(texts);
  }
  const total = offsets[rows.length] ?? 0;
  const all = { ids: new Int32Array(total), segments: new Int32Array(total) };
  for (const [i, { layout, texts }] of rows.entries()) layout.write(texts, all, offsets[i] ?? 0);
  const cut = Uint8Array.from(rows, (row) => (row.cut ? 1 : 0));
  return { ...all, offsets, truncated: countOf(cut), cut };
}

function countOf(flags: Uint8Array): number {
  return flags.reduce((sum, flag) => sum + flag, 0);
}

/** The texts of all parts, in order. */
export function joinEncoded(parts: readonly EncodedTexts[]): EncodedTexts {
  const offsets: number[] = [0];
  let token = 0;
  let truncated = 0;
  for (const part of parts) {
    for (const end of part.offsets.subarray(1)) offsets.push(token + end);
    token += part.ids.length;
    truncated += part.truncated;
  }
  return {
    ids: joinColumn(parts, Int32Array, ({ ids }) => ids),
    segments: joinColumn(parts, Int32Array, ({ segments }) => segments),
    cut: joinColumn(parts, Uint8Array, ({ cut }) => cut),
    offsets: Int32Array.from(offsets),
    truncated,
  };
}
