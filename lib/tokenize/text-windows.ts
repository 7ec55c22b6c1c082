/**
 * Cuts a long text into windows, each of a pair with the first text before it, and collects windows in groups of bounded size.
 *
 * Neighbours share `stride` tokens; the last window ends with the text and may be shorter.
 */

import { type AlignedTexts, type AlignedWindow, alignWindows } from './aligned-texts.js';
import { PLACED, type PlacedTokens } from './placed-tokens.js';
import type { TokenLayout } from './token-layout.js';

/** Tokens of a group: enough to fill all lanes of a batch, little to hold in memory. */
const GROUP_TOKENS = 1 << 15;

/** Cuts windows from tokens that come in pieces. */
export class WindowCutter {
  private readonly room: number;
  private readonly stride: number;
  private waiting: PlacedTokens = PLACED.join([]);

  /** `room`: tokens of a window, more than `stride`. */
  constructor(room: number, stride: number) {
    this.room = room;
    this.stride = stride;
  }

  /** The windows that these tokens complete; with `over` also the last one, which is always given out. */
  push(tokens: PlacedTokens, over: boolean): PlacedTokens[] {
    const all = PLACED.join([this.waiting, tokens]);
    const windows: PlacedTokens[] = [];
    const total = all.ids.length;
    let at = 0;
    // A full window waits for one more token: it might be the last.
    for (; total - at > this.room; at += this.room - this.stride) {
      windows.push(PLACED.slice(all, at, at + this.room));
    }
    this.waiting = PLACED.slice(all, at, total);
    if (over) windows.push(this.waiting);
    return windows;
  }
}

/** Collects the windows of several texts or pairs in groups. */
export class WindowGroup {
  private windows: AlignedWindow[] = [];
  private tokens = 0;

  /** Windows that wait to be given out. */
  get size(): number {
    return this.windows.length;
  }

  /** Adds the windows of text `source`, each with the text `before` it; returns the groups that became full. */
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

  /** The last group. */
  flush(): AlignedTexts {
    const group = alignWindows(this.windows);
    this.windows = [];
    this.tokens = 0;
    return group;
  }
}
