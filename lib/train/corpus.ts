/**
 * Tokenized, labelled texts in flat arrays: what a training or an evaluation walks over.
 *
 * Token ids take 4 bytes a token; the texts themselves are not kept.
 */

import type { TokenBatch } from '../core/native.js';

/** A batch cut out of a corpus. */
export interface LabelledBatch {
  readonly tokens: TokenBatch;
  readonly labels: Int32Array;
}

export class Corpus {
  /** Class of each text. */
  readonly labels: Int32Array;
  private readonly tokens: TokenBatch;

  constructor(tokens: TokenBatch, labels: Int32Array) {
    this.tokens = tokens;
    this.labels = labels;
  }

  /** Number of texts. */
  get size(): number {
    return this.labels.length;
  }

  /** Tokens of all texts together. */
  get tokenCount(): number {
    return this.tokens.ids.length;
  }

  /** Tokens of text `index`. */
  lengthOf(index: number): number {
    return this.end(index) - this.begin(index);
  }

  /** Texts [begin, end) without a copy of their ids. */
  slice(begin: number, end: number): LabelledBatch {
    const { ids, offsets, segments } = this.tokens;
    const from = this.begin(begin);
    const to = this.end(end - 1);
    return {
      tokens: {
        ids: ids.subarray(from, to),
        offsets: offsets.slice(begin, end + 1).map((offset) => offset - from),
        segments: segments?.subarray(from, to) ?? null,
      },
      labels: this.labels.subarray(begin, end),
    };
  }

  /** The texts at `indices`, in that order. */
  gather(indices: readonly number[]): LabelledBatch {
    const offsets = new Int32Array(indices.length + 1);
    for (const [i, index] of indices.entries()) {
      offsets[i + 1] = (offsets[i] ?? 0) + this.lengthOf(index);
    }
    const total = offsets[indices.length] ?? 0;
    const copy = (from: Int32Array) => {
      const to = new Int32Array(total);
      for (const [i, index] of indices.entries()) {
        to.set(from.subarray(this.begin(index), this.end(index)), offsets[i]);
      }
      return to;
    };
    const { ids, segments } = this.tokens;
    return {
      tokens: { ids: copy(ids), offsets, segments: segments === null ? null : copy(segments) },
      labels: Int32Array.from(indices, (index) => this.labels[index] ?? -1),
    };
  }

  private begin(index: number): number {
    return this.tokens.offsets[index] ?? 0;
  }

  private end(index: number): number {
    return this.tokens.offsets[index + 1] ?? 0;
  }
}

/** Collects a corpus piece by piece. */
export class CorpusBuilder {
  private readonly pieces: LabelledBatch[] = [];

  add(piece: LabelledBatch): void {
    this.pieces.push(piece);
  }

  /** Everything that was added, in order. */
  finish(): Corpus {
    const texts = this.pieces.reduce((sum, { labels }) => sum + labels.length, 0);
    const total = this.pieces.reduce((sum, { tokens }) => sum + tokens.ids.length, 0);
    const hasSegments = this.pieces.some(({ tokens }) => tokens.segments !== null);
    const ids = new Int32Array(total);
    const segments = hasSegments ? new Int32Array(total) : null;
    const offsets = new Int32Array(texts + 1);
    const allLabels = new Int32Array(texts);
    let text = 0;
    let token = 0;
    for (const { tokens, labels } of this.pieces) {
      ids.set(tokens.ids, token);
      if (tokens.segments !== null) segments?.set(tokens.segments, token);
      const base = token;
      offsets.set(
        tokens.offsets.map((offset) => offset + base),
        text,
      );
      allLabels.set(labels, text);
      text += labels.length;
      token += tokens.ids.length;
    }
    return new Corpus({ ids, offsets, segments }, allLabels);
  }
}
