/**
 * What a file may ask for, far above any real encoder.
 *
 * Objects in memory cost more than their bytes in a file, so their number is bounded too, before they are made.
 */

import { corruptOnnx } from './problem.js';

/** Nodes, attributes, tensors, values, functions of one file, and the nodes of all functions when inlined. */
export const MAX_PARTS = 100_000;
/** Inputs and outputs of all nodes of one file. */
export const MAX_NAMES = 500_000;
/** Graphs inside nodes inside graphs. */
export const MAX_NESTING = 8;
export const MAX_RANK = 16;
/** Elements of one tensor. */
export const MAX_ELEMENTS = 2 ** 36;
/** Numbers or strings in one attribute, inputs or outputs of one node. */
export const MAX_LIST = 100_000;
/** The operator sets whose meaning is known. Before 7, arithmetic did not broadcast. */
export const MIN_OPSET = 7;
export const MAX_OPSET = 26;
export const MIN_IR_VERSION = 3;
export const MAX_IR_VERSION = 13;

/** Counts the parts of one file. */
export class Parts {
  #count = 0;
  #names = 0;

  constructor(readonly file: string) {}

  take(count: number, byteOffset: number): void {
    this.#count += count;
    if (this.#count > MAX_PARTS) {
      throw this.#tooMany(`${MAX_PARTS} nodes, attributes and values`, byteOffset);
    }
  }

  takeName(byteOffset: number): void {
    this.#names++;
    if (this.#names > MAX_NAMES) throw this.#tooMany(`${MAX_NAMES} inputs and outputs`, byteOffset);
  }

  #tooMany(what: string, byteOffset: number): Error {
    return corruptOnnx(this.file, 'limits', `more than ${what}`, { byteOffset });
  }
}
