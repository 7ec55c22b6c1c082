/** What a batcher needs of a model to read texts over the limit in windows. */

import type { TextInput } from '../tokenize/text-tokenizer.js';
import type { RequestTokens } from './request.js';

/** Reads texts in windows, each of which is an item of the batches. */
export interface WindowEngine {
  /** The windows of a text in their order, in groups. */
  read(text: TextInput, signal: AbortSignal | undefined): AsyncIterable<readonly RequestTokens[]>;
  /** Takes the rows of the windows of one text, in their order. */
  join(): JoinedRows;
}

export interface JoinedRows {
  add(row: Float32Array): void;
  /** The row of the text. */
  finish(): Float32Array;
}
