/**
 * Tokenized examples that are lists of texts, of any lengths, with a number for each text: the data of a training whose loss
 * ranks the texts of a list.
 */

import type { Corpus, Examples, LabelledBatch } from './corpus.js';

export class ListCorpus implements Examples {
  /** The texts of all lists, one after the other. */
  readonly texts: Corpus;
  readonly textsOf?: (index: number) => Int32Array;
  /** The first text of each list; one more entry than lists. */
  private readonly firsts: Int32Array;

  /**
   * `lengths`: the number of texts of each list, at least 1. `textNumbers`: numbers of the strings in a list, equal for equal
   * strings; given where no batch may hold one twice.
   */
  constructor(
    texts: Corpus,
    lengths: readonly number[],
    textNumbers?: readonly (readonly number[])[],
  ) {
    this.texts = texts;
    this.firsts = new Int32Array(lengths.length + 1);
    for (const [i, length] of lengths.entries()) this.firsts[i + 1] = this.first(i) + length;
    if (textNumbers !== undefined) {
      this.textsOf = (index) => Int32Array.from(textNumbers[index] ?? []);
    }
  }

  get size(): number {
    return this.firsts.length - 1;
  }

  get tokenCount(): number {
    return this.texts.tokenCount;
  }

  lengthOf(index: number): number {
    return this.placesOf(index).reduce((sum, place) => sum + this.texts.lengthOf(place), 0);
  }

  /** Indices in `texts` of the texts of a list. */
  placesOf(index: number): number[] {
    const first = this.first(index);
    return Array.from({ length: this.first(index + 1) - first }, (_, i) => first + i);
  }

  gather(indices: readonly number[]): LabelledBatch {
    const places = indices.map((index) => this.placesOf(index));
    const lengths = Int32Array.from(places, ({ length }) => length);
    return { ...this.texts.gather(places.flat()), lists: { lengths, indices } };
  }

  private first(index: number): number {
    return this.firsts[index] ?? 0;
  }
}
