/**
 * Tokenized texts with their targets, in flat arrays: the data of a training or an evaluation.
 *
 * A token id takes 4 bytes; the texts themselves are not kept.
 */

import type { TokenBatch } from '../native/program.js';
import type { RowSampler } from './batches.js';
import { sameKind, type TargetNumbers, type Targets, targetRange } from './targets.js';

/** Texts of a corpus with their targets. */
export interface LabelledBatch {
  readonly tokens: TokenBatch;
  readonly targets: Targets;
  /** Where the examples are several texts each, one after the other: their number. */
  readonly columns?: number;
  /** Where the examples are lists of texts, one after the other: the number of texts of each, and its index. */
  readonly lists?: { readonly lengths: Int32Array; readonly indices: readonly number[] };
}

/** What a training reads its batches from: numbered examples. */
export interface Examples {
  /** Number of examples. */
  readonly size: number;
  /** Tokens of all examples together. */
  readonly tokenCount: number;
  /** Tokens of example `index`. */
  lengthOf(index: number): number;
  /** The texts and targets of the examples at `indices`. */
  gather(indices: readonly number[]): LabelledBatch;
  /** Rows that were cut so far, where they are streamed. */
  readonly truncated?: number;
  /** A digest of texts and targets, where they are streamed. */
  readonly digest?: string;
  /** Where examples are streamed: what gives them in batches. */
  sampler?(batchSize: number, shuffle: boolean): RowSampler;
  /** Numbers of the texts of an example, equal for equal texts: no batch holds two examples that share one. */
  readonly textsOf?: (index: number) => Int32Array;
}

/** Examples of one text (or pair of segments) each. */
export class Corpus implements Examples {
  readonly targets: Targets;
  private readonly tokens: TokenBatch;

  constructor(tokens: TokenBatch, targets: Targets) {
    this.tokens = tokens;
    this.targets = targets;
  }

  /**
   * Rows of `width` numbers in place of texts, for programs that read features and no tokens. Each counts as a text of one token.
   */
  static ofFeatures(features: Float32Array, width: number, targets: Targets): Corpus {
    const size = features.length / width;
    const offsets = Int32Array.from({ length: size + 1 }, (_, i) => i);
    return new Corpus({ ids: new Int32Array(size), offsets, segments: null, features }, targets);
  }

  /** Number of texts. */
  get size(): number {
    return this.tokens.offsets.length - 1;
  }

  /** Tokens of all texts together. */
  get tokenCount(): number {
    return this.tokens.ids.length;
  }

  /** Tokens of text `index`. */
  lengthOf(index: number): number {
    return this.end(index) - this.begin(index);
  }

  /** Texts [begin, end); their ids are views. */
  slice(begin: number, end: number): LabelledBatch {
    const { ids, offsets, segments } = this.tokens;
    const from = this.begin(begin);
    const to = this.end(end - 1);
    const range = targetRange(this.targets, this.tokens, begin, end);
    return {
      tokens: {
        ids: ids.subarray(from, to),
        offsets: offsets.slice(begin, end + 1).map((offset) => offset - from),
        segments: segments?.subarray(from, to) ?? null,
        ...this.featuresOf((all, width) => all.subarray(begin * width, end * width)),
      },
      targets: { ...this.targets, values: this.targets.values.subarray(...range) },
    };
  }

  /** A copy of the texts at `indices`, in that order. */
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
    const features = this.featuresOf((all, width) => {
      const rows = new Float32Array(indices.length * width);
      for (const [i, index] of indices.entries())
        rows.set(all.subarray(index * width, (index + 1) * width), i * width);
      return rows;
    });
    return {
      tokens: {
        ids: copy(ids),
        offsets,
        segments: segments === null ? null : copy(segments),
        ...features,
      },
      targets: { ...this.targets, values: this.gatherTargets(indices) },
    };
  }

  /** The field `features` with some of the rows; nothing where texts have none. */
  private featuresOf(
    pick: (all: Float32Array, width: number) => Float32Array,
  ): Pick<TokenBatch, 'features'> {
    const { features } = this.tokens;
    if (features === undefined || features === null) return {};
    return { features: pick(features, features.length / this.size) };
  }

  private gatherTargets(indices: readonly number[]): TargetNumbers {
    const { targets, tokens } = this;
    const parts = indices.map((i) =>
      targets.values.subarray(...targetRange(targets, tokens, i, i + 1)),
    );
    return joinNumbers(targets.values, parts);
  }

  private begin(index: number): number {
    return this.tokens.offsets[index] ?? 0;
  }

  private end(index: number): number {
    return this.tokens.offsets[index + 1] ?? 0;
  }
}

/** Collects a corpus piece by piece; the targets of all pieces have one form. */
export class CorpusBuilder {
  private readonly pieces: LabelledBatch[] = [];

  add(piece: LabelledBatch): void {
    this.pieces.push(piece);
  }

  /** The corpus of all added pieces, in order; at least one must have been added. */
  finish(): Corpus {
    const texts = this.pieces.reduce((sum, { tokens }) => sum + tokens.offsets.length - 1, 0);
    const total = this.pieces.reduce((sum, { tokens }) => sum + tokens.ids.length, 0);
    const hasSegments = this.pieces.some(({ tokens }) => tokens.segments !== null);
    const ids = new Int32Array(total);
    const segments = hasSegments ? new Int32Array(total) : null;
    const offsets = new Int32Array(texts + 1);
    let text = 0;
    let token = 0;
    for (const { tokens } of this.pieces) {
      ids.set(tokens.ids, token);
      if (tokens.segments !== null) segments?.set(tokens.segments, token);
      const base = token;
      offsets.set(
        tokens.offsets.map((offset) => offset + base),
        text,
      );
      text += tokens.offsets.length - 1;
      token += tokens.ids.length;
    }
    const [first] = this.pieces;
    const targets = first?.targets ?? { unit: 'text', width: 1, values: new Int32Array() };
    const parts = this.pieces.map((piece) => piece.targets.values);
    const values = joinNumbers(targets.values, parts);
    return new Corpus({ ids, offsets, segments }, { ...targets, values });
  }
}

/** Concatenates the parts in an array of the type of `like`. */
function joinNumbers(like: TargetNumbers, parts: readonly TargetNumbers[]): TargetNumbers {
  const joined = sameKind(
    like,
    parts.reduce((sum, part) => sum + part.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
