/**
 * Limits of a file, far above any real encoder.
 *
 * Objects in memory take more bytes than in a file, so their number is limited too, before they are made.
 */

import { corruptOnnx } from './problem.js';

/** Number of nodes, attributes, tensors, values and functions of one file; also of nodes after all functions are inlined. */
export const MAX_PARTS = 100_000;
/** Number of inputs and outputs of all nodes of one file. */
export const MAX_NAMES = 500_000;
/** Depth of graphs inside nodes. */
export const MAX_NESTING = 8;
export const MAX_RANK = 16;
/** Number of elements of one tensor. */
export const MAX_ELEMENTS = 2 ** 36;
/** Number of numbers or strings in one attribute, of inputs or outputs of one node. */
export const MAX_LIST = 100_000;
/** The supported operator sets. Before 7, arithmetic did not broadcast. */
export const MIN_OPSET = 7;
export const MAX_OPSET = 26;
export const MIN_IR_VERSION = 3;
export const MAX_IR_VERSION = 13;

/** Counts the parts of one file and throws when it has too many. */
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
