/**
 * Refuses what no model can compute: a text without tokens, and a token without a vector.
 *
 * A tokenizer without post-processor makes no token of an empty text. Added tokens may have ids beyond the model's table, which
 * matters only when a text has one.
 */

import { SinterError, show } from '../core/errors.js';
import { isJsonObject, type JsonValue } from '../core/json.js';
import type { TextInput } from './text-tokenizer.js';

/** Size of the model's embedding table; until it is set every id has a vector. */
export interface TokenTable {
  readonly vectors: number;
  /** Number of segments of the model; 0 or 1 when it takes none. */
  readonly segments: number;
  /** Path of the model, for messages. */
  readonly path: string;
}

export interface TokenRows {
  readonly ids: Int32Array;
  readonly offsets: Int32Array;
  /** Index of the text of each row; without it row i is text i. */
  readonly sources?: Int32Array;
}

/** Throws INVALID_DATA for a row without tokens and CORRUPT_MODEL for an id without a vector, naming texts[i] by `nameOf`. */
export function checkTokens(
  { ids, offsets, sources }: TokenRows,
  table: TokenTable,
  texts: readonly TextInput[],
  nameOf: (index: number) => string,
): void {
  for (let row = 0; row + 1 < offsets.length; row++) {
    const begin = offsets[row] ?? 0;
    const end = offsets[row + 1] ?? 0;
    const text = sources === undefined ? row : (sources[row] ?? 0);
    if (begin === end) {
      const value = texts[text];
      const got = typeof value === 'string' ? value : (value?.join('') ?? '');
      // A caller's empty text is no mistake: the model's tokenizer makes no token even for it.
      const what = `${nameOf(text)} must be a text with at least one token, got ${show(got)}`;
      throw new SinterError('INVALID_DATA', what, { details: { file: table.path } });
    }
    for (let i = begin; i < end; i++) {
      if ((ids[i] ?? 0) < table.vectors) continue;
      throw noVector(table, `${nameOf(text)} has a token with the id ${ids[i]}`);
    }
  }
}

/** Throws CORRUPT_MODEL when there is no vector for the largest id of a vocabulary. */
export function checkLargest(id: number, table: TokenTable): void {
  if (id >= table.vectors) throw noVector(table, `the tokenizer has ids up to ${id}`);
}

/** The largest segment that a post-processor gives; 1 without one, for pairs. */
export function largestSegment(processor: JsonValue | undefined): number {
  if (!isJsonObject(processor)) return 1;
  const lists = [processor.single, processor.pair, processor.processors];
  let largest = processor.type === 'RobertaProcessing' ? 0 : 1;
  if (processor.type === 'TemplateProcessing' || processor.type === 'Sequence') largest = 0;
  for (const part of lists.flatMap((list) => (Array.isArray(list) ? (list as JsonValue[]) : []))) {
    const piece = isJsonObject(part) ? (part.SpecialToken ?? part.Sequence) : undefined;
    const segment = isJsonObject(piece) ? Number(piece.type_id) : largestSegment(part);
    largest = Math.max(largest, segment);
  }
  return largest;
}

/** Throws CORRUPT_MODEL when the model tells segments apart, and has no vector for one that the tokenizer gives. */
export function checkSegments(largest: number, { segments, path }: TokenTable): void {
  if (segments < 2 || largest < segments) return;
  throw new SinterError(
    'CORRUPT_MODEL',
    `${path}: the tokenizer has segments up to ${largest}, but the model has vectors for ${segments}`,
    { details: { file: path } },
  );
}

function noVector({ vectors, path }: TokenTable, what: string): SinterError {
  return new SinterError(
    'CORRUPT_MODEL',
    `${path}: ${what}, but the model has only ${vectors} vectors`,
    {
      details: { file: path },
    },
  );
}
