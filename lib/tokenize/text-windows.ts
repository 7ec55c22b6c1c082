/**
 * A long text in windows, of a pair each with the first text before it, and windows in groups of a bounded size.
 *
 * Neighbours share `stride` tokens; the last window ends with the text and may be shorter.
 */

import { type AlignedTexts, type AlignedWindow, alignWindows } from './aligned-texts.js';
import { PLACED, type PlacedTokens } from './placed-tokens.js';
import type { TokenLayout } from './token-layout.js';

/** Tokens of a group: enough for all lanes, little to hold. */
const GROUP_TOKENS = 1 << 15;

/** Cuts tokens that come in pieces. */
export class WindowCutter {
  private readonly room: number;
  private readonly stride: number;
  private waiting: PlacedTokens = PLACED.join([]);

  /** Windows of `room` tokens, which is more than `stride`. */
  constructor(room: number, stride: number) {
    this.room = room;
    this.stride = stride;
  }

  /** The windows that end in these tokens; with `over` also the last, which is never left out. */
  push(tokens: PlacedTokens, over: boolean): PlacedTokens[] {
    const all = PLACED.join([this.waiting, tokens]);
    const windows: PlacedTokens[] = [];
    const total = all.ids.length;
    let at = 0;
    // A window that the text may end with is not known to be full.
    for (; total - at > this.room; at += this.room - this.stride) {
      windows.push(PLACED.slice(all, at, at + this.room));
    }
    this.waiting = PLACED.slice(all, at, total);
    if (over) windows.push(this.waiting);
    return windows;
  }
}

/** Windows of several texts or pairs that are given out together. */
export class WindowGroup {
  private windows: AlignedWindow[] = [];
  private tokens = 0;

  /** Windows that wait to be given out. */
  get size(): number {
    return this.windows.length;
  }

  /** Adds windows of text `source`, each with what stands `before` it; groups come back as soon as they are full. */
  add(
    layout: TokenLayout,
    before: readonly PlacedTokens[],
    windows: readonly PlacedTokens[],
    source: number,
  ): AlignedTexts[] {
    const full: AlignedTexts[] = [];
    for (const window of windows) {
      const texts = [...before, window];
      this.windows.push({ layout, texts, source, cut: false });
      this.tokens += layout.length(texts);
      if (this.tokens >= GROUP_TOKENS) full.push(this.flush());
    }
    return full;
  }

  /** What waits to be given out. */
  flush(): AlignedTexts {
    const group = alignWindows(this.windows);
    this.windows = [];
    this.tokens = 0;
    return group;
  }
}
