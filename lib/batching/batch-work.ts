/**
 * What a batcher needs of a model: how a call becomes tokens, tokens become rows, and rows become a result.
 *
 * Objects are compared by identity: requests of one encoder share a call of the tokenizer, and only requests of one runner
 * share a native batch.
 */

import type { Matrix } from '../core/matrix.js';
import type { KnownOptions } from '../core/options.js';
import type { Priority } from '../core/priority.js';
import type { AlignedTexts } from '../tokenize/aligned-texts.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import type { RunOptions } from './batch-options.js';

/** The tokens of one sequence, as views of the arrays of the call that tokenized it. */
export interface RequestTokens {
  readonly ids: Int32Array;
  readonly segments: Int32Array;
  /** Whether the text did not fit. With a `WindowReader` it is then read again, in windows. */
  readonly cut: boolean;
  /** The places of the tokens in the text: one window. */
  readonly places?: AlignedTexts;
  /** Indices into `ids` of the tokens that have rows, where not all do. */
  readonly selected?: Int32Array;
}

/** Sequences back to back, without padding. */
export interface JoinedTokens {
  readonly ids: Int32Array;
  readonly segments: Int32Array;
  readonly offsets: Int32Array;
  /** Indices into all ids; null where every token or none has a row. */
  readonly selected: Int32Array | null;
}

/** Tokenizes texts in one way. */
export interface BatchEncoder {
  /** The tokens of each text. A text that is wrong fails the whole call. */
  encode(texts: readonly TextInput[]): Promise<readonly RequestTokens[]>;
}

/** Computes sequences in one way. */
export interface BatchRunner {
  /** Number of rows that a sequence has. */
  rowsOf(tokens: RequestTokens): number;
  /** Most rows of a batch with more than one request. */
  readonly maxRows: number;
  /** The rows of all sequences in their order. An abort may end it early. Interactive runs overtake bulk runs. */
  run(tokens: JoinedTokens, signal: AbortSignal, priority: Priority): Promise<Matrix>;
}

/** How one call is answered. Calls without options of their own may share one. */
export interface BatchWork<R> {
  readonly encoder: BatchEncoder;
  readonly runner: BatchRunner;
  /** The result of a sequence from its rows, which are a view: what is kept after the first `await` must be copied. */
  answer(rows: Matrix, tokens: RequestTokens): R | Promise<R>;
  /** How a text that does not fit is read; left out, it is cut. */
  readonly windows?: WindowReader<R> | null;
}

/** Reads a text in windows, each of which is an item of the batches. `W` is what is kept of a window. */
export interface WindowReader<R, W = unknown> {
  /** The windows of a text in their order, in groups. */
  read(text: TextInput, signal: AbortSignal): AsyncIterable<readonly RequestTokens[]>;
  /** What is kept of a window, from its rows, which are a view. */
  keep(rows: Matrix, tokens: RequestTokens): W;
  /** Takes what was kept of the windows of one text, in their order. */
  join(): JoinedWindows<R, W>;
}

export interface JoinedWindows<R, W = unknown> {
  add(window: W): void;
  /** The result of the text. */
  finish(): R | Promise<R>;
}

/** A call whose input and options are checked. */
export interface BatchCall<R> {
  /** What the tokenizer reads, the caller's own no more; '' where the tokens are known. */
  readonly text: TextInput;
  readonly tokens: RequestTokens | null;
  readonly work: BatchWork<R>;
}

/** The functions of a model that a batcher uses. */
export interface BatchEngine<R, I, O extends RunOptions> {
  /** Milliseconds that each lane has been busy so far. */
  laneBusyMs(): Float64Array;
  /** Longest sequence in tokens. */
  readonly maxTokens: number;
  /** Aborts when the model is disposed. */
  readonly ended: AbortSignal;
  /** Names of all options of `run`. */
  readonly runOptions: KnownOptions<O>;
  /** Checks a call's input, and its options beyond `RunOptions`. Throws TypeError or RangeError that begins with `run: `. */
  begin(input: I, options: O): BatchCall<R>;
}
