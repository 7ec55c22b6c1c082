/**
 * Token ids with their places in the texts, as token classification and question answering need them.
 *
 * Places are UTF-16 units, so that text.slice(start, end) is what a token stands for.
 */

import type { PlacedTokens } from './placed-tokens.js';
import type { EncodedTexts } from './text-tokenizer.js';
import type { TokenLayout } from './token-layout.js';

/** Token columns of all windows back to back; a text that was not cut into several is one window. */
export interface AlignedTexts extends EncodedTexts {
  /** Index of the text that each window is from. */
  readonly sources: Int32Array;
  /** Part of each token: 0 or 1 for the text of a pair that it is from, -1 for a special token. */
  readonly parts: Int8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** 1 where a token continues the word of the token before it. */
  readonly continues: Uint8Array;
}

/** One window: a text, a pair, or a part of one; `source` is the index of its text. */
export interface AlignedWindow {
  readonly layout: TokenLayout;
  readonly texts: readonly PlacedTokens[];
  readonly source: number;
  /** Whether some tokens of the text were cut off, and so are in no window. */
  readonly cut: boolean;
}

/** The columns of all windows, special tokens included. */
export function alignWindows(windows: readonly AlignedWindow[]): AlignedTexts {
  const offsets = new Int32Array(windows.length + 1);
  for (const [i, { layout, texts }] of windows.entries()) {
    offsets[i + 1] = (offsets[i] ?? 0) + layout.length(texts);
  }
  const total = offsets[windows.length] ?? 0;
  const all = {
    ids: new Int32Array(total),
    segments: new Int32Array(total),
    offsets,
    sources: Int32Array.from(windows, ({ source }) => source),
    parts: new Int8Array(total).fill(-1),
    starts: new Int32Array(total),
    ends: new Int32Array(total),
    continues: new Uint8Array(total),
    truncated: windows.filter(({ cut }) => cut).length,
    cut: Uint8Array.from(windows, ({ cut }) => (cut ? 1 : 0)),
  };
  for (const [i, { layout, texts }] of windows.entries()) {
    layout.write(texts, all, offsets[i] ?? 0);
    layout.each(texts, offsets[i] ?? 0, (slot, begin, end) => {
      if ('id' in slot) return;
      const { starts, ends, continues } = texts[slot.part] as PlacedTokens;
      all.parts.fill(slot.part, begin, end);
      all.starts.set(starts, begin);
      all.ends.set(ends, begin);
      all.continues.set(continues, begin);
    });
  }
  return all;
}

/** The windows of all groups, in order. */
export function joinAligned(all: readonly AlignedTexts[]): AlignedTexts {
  const windows = all.reduce((sum, { sources }) => sum + sources.length, 0);
  const total = all.reduce((sum, { ids }) => sum + ids.length, 0);
  const joined = {
    ids: new Int32Array(total),
    segments: new Int32Array(total),
    offsets: new Int32Array(windows + 1),
    sources: new Int32Array(windows),
    parts: new Int8Array(total),
    starts: new Int32Array(total),
    ends: new Int32Array(total),
    continues: new Uint8Array(total),
    truncated: 0,
    cut: new Uint8Array(windows),
  };
  let token = 0;
  let window = 0;
  for (const one of all) {
    for (const key of ['ids', 'segments', 'parts', 'starts', 'ends', 'continues'] as const) {
      joined[key].set(one[key], token);
    }
    joined.sources.set(one.sources, window);
    joined.cut.set(one.cut, window);
    for (let i = 1; i < one.offsets.length; i++) {
      joined.offsets[window + i] = token + (one.offsets[i] ?? 0);
    }
    joined.truncated += one.truncated;
    token += one.ids.length;
    window += one.sources.length;
  }
  return joined;
}
