/**
 * Checks the inputs of a batcher's `run`: texts, pairs and token ids, and the options that say how they are taken.
 *
 * What a caller may change while its request waits is copied at once.
 */

import type { RequestTokens } from '../../batching/batch-work.js';
import { show, typeMistake } from '../../core/errors.js';
import { type KnownOptions, readOptions } from '../../core/options.js';
import { checkText } from '../../tokenize/text-check.js';
import type { TextInput } from '../../tokenize/text-tokenizer.js';
import { checkedIds } from '../../tokenize/token-ids.js';
import {
  type LiveModel,
  TEXT_NAME,
  TRUNCATION_DIRECTIONS,
  type Truncation,
  type TruncationDirection,
} from './batch-model.js';

/** A text as the ids of its tokens, special tokens included. No prompt is put in front of it, and it is never cut. */
export interface TokenIds {
  readonly ids: readonly number[] | Int32Array;
}

/** A text, a pair of texts, or the ids of a text's tokens. */
export type BatchInput = TextInput | TokenIds;

/** Options of `run` for texts over the limit. */
export interface TruncateOptions {
  /** true: the text is truncated. false: it rejects with a RangeError. Default: as `batch` was told. */
  readonly truncate?: boolean;
  /** Which end of the text goes; special tokens stay. Default: as the tokenizer's files say, most often `right`. */
  readonly truncationDirection?: TruncationDirection;
}

export const TRUNCATE_OPTIONS: KnownOptions<TruncateOptions> = {
  truncate: true,
  truncationDirection: true,
};

/** How texts over the limit are taken, by a call's options, else by those of the batcher. */
export function readTruncation(options: TruncateOptions, truncate: boolean): Truncation {
  const own = {
    ...(options.truncate !== undefined && { truncate: options.truncate }),
    ...(options.truncationDirection !== undefined && {
      truncationDirection: options.truncationDirection,
    }),
  };
  const read = readOptions<TruncateOptions>('run', own, TRUNCATE_OPTIONS);
  return {
    truncate: read.boolean('truncate', truncate),
    truncationDirection: read.choice('truncationDirection', undefined, TRUNCATION_DIRECTIONS),
  };
}

/** A text or pair that its caller can change no more. Throws TypeError for anything else. */
export function ownText(text: TextInput, name = TEXT_NAME): TextInput {
  checkText(name, text);
  return typeof text === 'string' ? text : [text[0], text[1]];
}

/** Throws TypeError unless `text` is a well-formed string. */
export function ownString(name: string, text: unknown): string {
  if (typeof text !== 'string') throw typeMistake(name, 'a string', text);
  checkText(name, text);
  return text;
}

export function isIds(input: BatchInput): input is TokenIds {
  return typeof input === 'object' && input !== null && 'ids' in input;
}

/** The ids, checked against the model's vocabulary and length. Throws TypeError or RangeError that names ids[i]. */
export function ownIds({ ids }: TokenIds, { parts }: LiveModel): RequestTokens {
  const { maxTokens } = parts.graph;
  const own = checkedIds('run: ids', ids, parts.tokenizer.vocabulary);
  if (own.length > 0 && own.length <= maxTokens) {
    return { ids: own, segments: new Int32Array(own.length), cut: false };
  }
  throw new RangeError(`run: ids must be 1 to ${maxTokens} ids of tokens, got ${own.length}`);
}

/** Throws TypeError unless `input` is a pair of strings. */
export function ownPair(input: unknown): readonly [string, string] {
  const isPair = Array.isArray(input) && input.length === 2;
  if (!isPair) throw new TypeError(`${TEXT_NAME} must be a pair of strings, got ${show(input)}`);
  checkText(TEXT_NAME, input);
  return [input[0], input[1]];
}
