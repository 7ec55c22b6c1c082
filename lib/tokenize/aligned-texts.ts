/**
 * Token ids with their places in the texts: what tagging words and finding answers need.
 *
 * Places are UTF-16 units, so that text.slice(start, end) is what a token stands for.
 */

import type { Encoding } from 'tokenizers';
import { isJsonObject, type JsonObject } from '../core/json.js';
import type { EncodedTexts, TextInput } from './text-tokenizer.js';
import { utf16Index } from './utf16-offsets.js';

/** Windows back to back; a text that was not cut into several is one window. */
export interface AlignedTexts extends EncodedTexts {
  /** The text of each window. */
  readonly sources: Int32Array;
  /** Of each token: which text of a pair it is of, 0 or 1; -1 for a special token, and in windows for the first text. */
  readonly parts: Int8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** 1 where a token continues the word of the token before it. */
  readonly continues: Uint8Array;
}

export class Aligner {
  /** How tokens begin that continue a word; null where only the space before a word tells. */
  private readonly prefix: string | null;

  constructor(tokenizer: JsonObject) {
    const model = isJsonObject(tokenizer.model) ? tokenizer.model : {};
    const prefix = model.continuing_subword_prefix;
    this.prefix = typeof prefix === 'string' && prefix !== '' ? prefix : null;
  }

  /** All windows of text number `source`. */
  align(
    windows: readonly Encoding[],
    text: TextInput,
    source: number,
    truncated: boolean,
  ): AlignedTexts {
    const texts = typeof text === 'string' ? [text] : text;
    const index = texts.map(utf16Index);
    const parts = windows.map((encoding) => {
      const ids = Int32Array.from(encoding.getIds());
      const part = Int8Array.from(encoding.getSequenceIds(), (id) => id ?? -1);
      const offsets = encoding.getOffsets();
      const place = (which: 0 | 1) =>
        Int32Array.from(offsets, (pair, i) => index[part[i] ?? -1]?.(pair[which] ?? 0) ?? 0);
      const [starts, ends] = [place(0), place(1)];
      for (const [i, start] of starts.entries()) {
        starts[i] = trimmedStart(texts[part[i] ?? -1] ?? '', start, ends[i] ?? 0);
      }
      const tokens = encoding.getTokens();
      const continues = Uint8Array.from(tokens, (token, i) => {
        const own = texts[part[i] ?? -1];
        return own !== undefined && this.continuesWord(token, own, starts[i] ?? 0) ? 1 : 0;
      });
      const segments = Int32Array.from(encoding.getTypeIds());
      const offsetsOfWindow = Int32Array.of(0, ids.length);
      const sources = Int32Array.of(source);
      return {
        ids,
        segments,
        offsets: offsetsOfWindow,
        sources,
        parts: part,
        starts,
        ends,
        continues,
      };
    });
    const joined = joinAligned(parts.map((part) => ({ ...part, truncated: 0 })));
    return { ...joined, truncated: truncated ? 1 : 0 };
  }

  private continuesWord(token: string, text: string, start: number): boolean {
    if (this.prefix !== null) return token.startsWith(this.prefix);
    // Byte-level and sentencepiece tokens have no mark inside a word; a word begins at white space.
    return start > 0 && !/\s/.test(text.charAt(start - 1)) && !/\s/.test(text.charAt(start));
  }
}

/** Tokens of some tokenizers take the space before a word along; it is no part of it. */
function trimmedStart(text: string, start: number, end: number): number {
  let at = start;
  while (at < end - 1 && /\s/.test(text.charAt(at))) at++;
  return at;
}

/** All windows, one after the other. */
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
  };
  let token = 0;
  let window = 0;
  for (const one of all) {
    for (const key of ['ids', 'segments', 'parts', 'starts', 'ends', 'continues'] as const) {
      joined[key].set(one[key], token);
    }
    joined.sources.set(one.sources, window);
    for (let i = 1; i < one.offsets.length; i++) {
      joined.offsets[window + i] = token + (one.offsets[i] ?? 0);
    }
    joined.truncated += one.truncated;
    token += one.ids.length;
    window += one.sources.length;
  }
  return joined;
}
