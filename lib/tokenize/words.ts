/** The words of a vocabulary by id: a list, or those that the native core holds. */

import type { NativeWordList } from '../native/word-pieces.js';

/** UTF-16 units of all words together, well below the nodes that the core's tree can number. */
const MOST_UNITS = 1 << 22;

export interface Words {
  readonly size: number;
  /** null for what is no word. */
  idOf(word: string): number | null;
  /** All of them by id. */
  list(): readonly string[];
  /** As the core takes them; null where it can't: a word with a zero character or half of a surrogate pair, or too many. */
  forCore(): string | NativeWordList | null;
}

/** Words of a list. */
export class ListedWords implements Words {
  private ids: ReadonlyMap<string, number> | null = null;

  constructor(private readonly words: readonly string[]) {}

  get size(): number {
    return this.words.length;
  }

  idOf(word: string): number | null {
    this.ids ??= new Map(this.words.map((one, id) => [one, id]));
    return this.ids.get(word) ?? null;
  }

  list(): readonly string[] {
    return this.words;
  }

  forCore(): string | null {
    let units = 0;
    for (const word of this.words) {
      units += word.length;
      if (word.includes('\0') || !word.isWellFormed()) return null;
    }
    return this.size > 0 && units <= MOST_UNITS ? this.words.join('\0') : null;
  }
}

/** Words that the core has read: they become texts of JavaScript when all of them are asked for. */
export class CoreWords implements Words {
  readonly size: number;
  private all: readonly string[] | null = null;

  constructor(private readonly native: NativeWordList) {
    this.size = native.size();
  }

  idOf(word: string): number | null {
    // Half of a surrogate pair would reach the core as another character, which may be a word.
    const id = word.isWellFormed() ? this.native.find(word) : -1;
    return id < 0 ? null : id;
  }

  list(): readonly string[] {
    this.all ??= this.native.joined().split('\0');
    return this.all;
  }

  forCore(): NativeWordList {
    return this.native;
  }
}
