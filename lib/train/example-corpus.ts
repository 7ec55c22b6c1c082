/**
 * Tokenized examples of several texts each: the data of a training whose loss compares texts.
 *
 * A batch holds the first texts of all its examples, then their second texts, and so on, as the losses of the native core
 * take them.
 */

import type { Corpus, Examples, LabelledBatch } from './corpus.js';
import { sameKind, type TargetNumbers } from './targets.js';

export interface ExampleTargets {
  /** Numbers per example. */
  readonly width: number;
  readonly values: TargetNumbers;
}

export class ExampleCorpus implements Examples {
  /** Texts of each example. */
  readonly columns: number;
  readonly targets: ExampleTargets;
  readonly textsOf?: (index: number) => Int32Array;
  /** All texts, those of an example one after the other. */
  readonly texts: Corpus;

  /** `textNumbers`: for each text of `texts` a number, equal for equal texts; given where no batch may hold a text twice. */
  constructor(texts: Corpus, columns: number, targets: ExampleTargets, textNumbers?: Int32Array) {
    this.texts = texts;
    this.columns = columns;
    this.targets = targets;
    if (textNumbers !== undefined) {
      this.textsOf = (index) => textNumbers.subarray(index * columns, (index + 1) * columns);
    }
  }

  get size(): number {
    return this.texts.size / this.columns;
  }

  get tokenCount(): number {
    return this.texts.tokenCount;
  }

  lengthOf(index: number): number {
    let length = 0;
    for (let c = 0; c < this.columns; c++) length += this.texts.lengthOf(index * this.columns + c);
    return length;
  }

  gather(indices: readonly number[]): LabelledBatch {
    const { columns, targets, texts } = this;
    const { width } = targets;
    const order: number[] = [];
    for (let c = 0; c < columns; c++) {
      for (const index of indices) order.push(index * columns + c);
    }
    const values = sameKind(targets.values, indices.length * width);
    for (const [i, index] of indices.entries()) {
      values.set(targets.values.subarray(index * width, (index + 1) * width), i * width);
    }
    const { tokens } = texts.gather(order);
    return { tokens, targets: { unit: 'text', width, values } };
  }
}
