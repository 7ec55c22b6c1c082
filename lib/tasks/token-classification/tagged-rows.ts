/**
 * Turns rows of words with tags into token targets: the first token of each word has the word's tag, the others do not
 * count.
 *
 * Words are joined by spaces and tokenized as one text, in the same way as texts for prediction.
 */

import { typeMistake } from '../../core/errors.js';
import { makeInTurns } from '../../core/turns.js';
import type { EncoderGraph } from '../../graph/types.js';
import { trimSegments } from '../../runtime/forward.js';
import { eachOwnToken, isCounted, ownTokens, windowStride } from '../../runtime/window-share.js';
import type { AlignedTexts } from '../../tokenize/aligned-texts.js';
import type { TextTokenizer } from '../../tokenize/text-tokenizer.js';
import { fieldsOf, type RowReader } from '../../train/collect-rows.js';
import { firstDifference, otherTokens } from '../../train/same-tokens.js';
import { classIndexOf } from '../text-classification/single-label.js';

/** A training row: words, and the tag of each. */
export interface TaggedRow {
  readonly words: readonly string[];
  /** One of the model's labels for each word: `O`, `B-PER`, `I-PER` ... */
  readonly tags: readonly string[];
}

/** A row that was checked, as one text. */
export interface CheckedRow {
  readonly text: string;
  /** Index of each word's first character in the text. */
  readonly starts: readonly number[];
  readonly classes: readonly number[];
}

export function taggedRows(
  labels: readonly string[],
  from: {
    readonly tokenizer: TextTokenizer;
    readonly graph: EncoderGraph;
    readonly maxTokens: number;
    /** Name of row i in messages. */
    readonly nameOf: (index: number) => string;
    /** Called with the row index of each window, in order. */
    readonly onWindow?: (row: number) => void;
  },
): RowReader<CheckedRow> {
  const known = new Map(labels.map((label, i) => [label, i]));
  const { tokenizer, graph, maxTokens, nameOf, onWindow } = from;
  const stride = windowStride('rows', undefined, maxTokens);
  return {
    parse(at, row) {
      const { words, tags } = fieldsOf(at, row, 'words and tags');
      if (!Array.isArray(words) || words.length === 0) {
        throw typeMistake(`${at}.words`, 'an array of at least one word', words);
      }
      for (const [i, word] of words.entries()) {
        if (typeof word !== 'string' || word.trim() === '') {
          throw typeMistake(`${at}.words[${i}]`, 'a string that is not blank', word);
        }
      }
      if (!Array.isArray(tags) || tags.length !== words.length) {
        throw typeMistake(`${at}.tags`, `an array of ${words.length} tags`, tags);
      }
      let next = 0;
      const starts = words.map((word: string) => {
        const start = next;
        next += word.length + 1;
        return start;
      });
      const classes = tags.map((tag, i) => classIndexOf(`${at}.tags[${i}]`, tag, known));
      return { text: words.join(' '), starts, classes };
    },
    async encode(rows, firstIndex, { signal }) {
      const texts = rows.map(({ text }) => text);
      const name = (i: number) => nameOf(firstIndex + i);
      const windows = { maxTokens, stride, signal, nameOf: name };
      const aligned = await tokenizer.encodeWindows(texts, windows);
      for (const source of aligned.sources) onWindow?.(firstIndex + source);
      const tokens = trimSegments(graph, aligned);
      const values = await tokenTargets(aligned, rows, stride);
      const targets = { unit: 'token', width: 1, values } as const;
      return { batch: { tokens, targets }, truncated: 0 };
    },
  };
}

/** `reader`, which throws UNSUPPORTED_MODEL naming the first row that a teacher splits into other tokens or windows. */
export function withSameWindows(
  reader: RowReader<CheckedRow>,
  labels: readonly string[],
  teacher: {
    readonly tokenizer: TextTokenizer;
    readonly graph: EncoderGraph;
    readonly maxTokens: number;
    readonly signal: AbortSignal | undefined;
    readonly where: string;
    readonly name: string;
  },
): RowReader<CheckedRow> {
  const { where, name, ...from } = teacher;
  const nameOf = (i: number) => `${where}: ${name}[${i}]`;
  return {
    parse: (at, row) => reader.parse(at, row),
    async encode(rows, firstIndex, cancel) {
      const encoded = await reader.encode(rows, firstIndex, cancel);
      const windows: number[] = [];
      const onWindow = (row: number) => windows.push(row);
      const second = taggedRows(labels, { ...from, nameOf, onWindow });
      const theirs = await second.encode(rows, firstIndex, cancel);
      const at = firstDifference(encoded.batch.tokens, theirs.batch.tokens);
      const row = windows[at] ?? firstIndex + rows.length - 1;
      if (at >= 0) throw otherTokens(where, `${name}[${row}]`);
      return encoded;
    },
  };
}

/** Windows that are processed before the event loop turns. */
const WINDOWS_PER_TURN = 256;

/** Class of the first token of each word in the window where that token counts, -1 elsewhere. */
async function tokenTargets(
  aligned: AlignedTexts,
  rows: readonly CheckedRow[],
  stride: number,
): Promise<Int32Array> {
  const { sources, parts, starts, ends } = aligned;
  const targets = new Int32Array(parts.length).fill(-1);
  let word = -1;
  await makeInTurns(sources.length, WINDOWS_PER_TURN, (window) => {
    const source = sources[window] ?? 0;
    const length = ownTokens(aligned, window);
    const row = rows[source];
    const begins = sources[window - 1] !== source;
    if (begins) word = -1;
    // A later window begins inside the text, perhaps within a word.
    let isFirst = !begins;
    eachOwnToken(aligned, window, (token, place) => {
      const [start = 0, end = 0] = [starts[token], ends[token]];
      if (row === undefined || start >= end) return;
      let at = isFirst ? wordAt(row, start) : Math.max(word, 0);
      while ((row.starts[at + 1] ?? Number.POSITIVE_INFINITY) <= start) at++;
      const inside = isFirst && start > (row.starts[at] ?? 0);
      const counts = isCounted(aligned, window, stride, { place, length });
      if (at !== word && !inside && counts) targets[token] = row.classes[at] ?? -1;
      isFirst = false;
      word = at;
    });
  });
  return targets;
}

/** Index of the word at a character index, by bisection. */
function wordAt({ starts }: CheckedRow, place: number): number {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= place) low = middle;
    else high = middle;
  }
  return low;
}
