/**
 * Where special tokens stand around the tokens of a text or a pair, found by asking the package once.
 *
 * Sequences are then put together here, because the package would cut pairs by a rule of its own.
 */

import type { Encoding } from 'tokenizers';

/** A special token, or the tokens of a text of the pair. */
export type Slot =
  | { readonly id: number; readonly segment: number }
  | { readonly part: 0 | 1; readonly segment: number };

interface Ids {
  readonly ids: Int32Array;
}

export class TokenLayout {
  /** Number of special tokens in a sequence. */
  readonly specials: number;
  readonly slots: readonly Slot[];

  constructor(slots: readonly Slot[]) {
    this.slots = slots;
    this.specials = slots.filter((slot) => 'id' in slot).length;
  }

  /** The layout found from an encoding with special tokens of texts that have `lengths` tokens each, at least one. */
  static of(encoding: Encoding, lengths: readonly number[]): TokenLayout {
    const ids = encoding.getIds();
    const segments = encoding.getTypeIds();
    const parts = encoding.getSequenceIds();
    const slots: Slot[] = [];
    for (let i = 0; i < ids.length; ) {
      const [part, segment = 0] = [parts[i], segments[i]];
      if (part === 0 || part === 1) {
        slots.push({ part, segment });
        i += lengths[part] ?? 1;
      } else slots.push({ id: ids[i++] ?? 0, segment });
    }
    return new TokenLayout(slots);
  }

  /** Tokens of a sequence of these texts. */
  length(texts: readonly Ids[]): number {
    let length = 0;
    this.each(texts, 0, (_, __, end) => {
      length = end;
    });
    return length;
  }

  /** Writes ids and segments of a sequence, from index `at` on. */
  write(
    texts: readonly Ids[],
    to: { readonly ids: Int32Array; readonly segments: Int32Array },
    at: number,
  ): void {
    this.each(texts, at, (slot, begin, end) => {
      to.segments.fill(slot.segment, begin, end);
      if ('id' in slot) to.ids[begin] = slot.id;
      else to.ids.set(texts[slot.part]?.ids ?? [], begin);
    });
  }

  /** Calls back for each slot with the range of its tokens, for a sequence that begins at `at`. */
  each(
    texts: readonly Ids[],
    at: number,
    visit: (slot: Slot, begin: number, end: number) => void,
  ): void {
    let begin = at;
    for (const slot of this.slots) {
      const end = begin + ('id' in slot ? 1 : (texts[slot.part]?.ids.length ?? 0));
      visit(slot, begin, end);
      begin = end;
    }
  }
}
