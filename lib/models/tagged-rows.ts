/**
 * Rows of words with tags to token targets: the first token of each word carries its tag, the others do not count.
 *
 * Words are joined by spaces and tokenized as the text that they are, just as a text to be tagged later.
 */

import { typeMistake } from '../core/errors.js';
import type { EncoderGraph } from '../graph/types.js';
import type { AlignedTexts } from '../tokenize/aligned-texts.js';
import type { TextTokenizer } from '../tokenize/text-tokenizer.js';
import { fieldsOf, type RowReader } from './collect-rows.js';
import { trimSegments } from './forward.js';
import { classOf } from './problems/single-label.js';

export interface TaggedRow {
  readonly words: readonly string[];
  /** One of the model's labels for each word: `O`, `B-PER`, `I-PER` ... */
  readonly tags: readonly string[];
}

interface CheckedRow {
  readonly text: string;
  /** Where each word begins in the text, and where the last ends. */
  readonly starts: readonly number[];
  readonly classes: readonly number[];
}

export function taggedRows(
  labels: readonly string[],
  from: {
    readonly tokenizer: TextTokenizer;
    readonly graph: EncoderGraph;
    readonly maxTokens: number;
    readonly signal: AbortSignal | undefined;
  },
): RowReader<CheckedRow> {
  const known = new Map(labels.map((label, i) => [label, i]));
  const { tokenizer, graph, maxTokens, signal } = from;
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
      const classes = tags.map((tag, i) => classOf(`${at}.tags[${i}]`, tag, known));
      return { text: words.join(' '), starts, classes };
    },
    async encode(rows, firstIndex) {
      const texts = rows.map(({ text }) => text);
      const aligned = await tokenizer.encodeAligned(texts, { maxTokens, firstIndex, signal });
      const tokens = trimSegments(graph, aligned);
      const values = tokenTargets(aligned, rows);
      const targets = { unit: 'token', width: 1, values } as const;
      return { batch: { tokens, targets }, truncated: aligned.truncated };
    },
  };
}

/** Class of the first token of each word, -1 elsewhere. */
function tokenTargets(
  { offsets, parts, starts, ends }: AlignedTexts,
  rows: readonly CheckedRow[],
): Int32Array {
  const targets = new Int32Array(parts.length).fill(-1);
  for (const [i, row] of rows.entries()) {
    let word = -1;
    for (let token = offsets[i] ?? 0; token < (offsets[i + 1] ?? 0); token++) {
      const [start = 0, end = 0] = [starts[token], ends[token]];
      if (parts[token] === -1 || start >= end) continue;
      let at = Math.max(word, 0);
      while ((row.starts[at + 1] ?? Number.POSITIVE_INFINITY) <= start) at++;
      if (at !== word) targets[token] = row.classes[at] ?? -1;
      word = at;
    }
  }
  return targets;
}
