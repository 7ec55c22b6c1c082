/**
 * Turns rows of questions into windows with the positions of their answers, for the training of extractive question
 * answering.
 *
 * If a window does not hold the whole answer, its target is its first token, which stands for no answer.
 */

import { rangeMistake, typeMistake } from '../../core/errors.js';
import { makeInTurns } from '../../core/turns.js';
import type { EncoderGraph } from '../../graph/types.js';
import { trimSegments } from '../../runtime/forward.js';
import type { AlignedTexts } from '../../tokenize/aligned-texts.js';
import type { TextTokenizer } from '../../tokenize/text-tokenizer.js';
import { fieldsOf, type RowReader } from '../../train/collect-rows.js';
import { firstDifference, otherTokens } from '../../train/same-tokens.js';

/** Windows that are searched for an answer before the event loop turns: less than a millisecond. */
const WINDOWS_PER_TURN = 64;

/** A training row: a question, a context, and the places of its answers. */
export interface AnswerRow {
  readonly question: string;
  readonly context: string;
  /** Right answers. The first one is used for training, all for an evaluation. None: the context has no answer. */
  readonly answers: readonly {
    readonly text: string;
    /** Index of its first character in the context, in UTF-16 units. */
    readonly start: number;
  }[];
}

/** Limits of a window. */
export interface WindowLimits {
  readonly maxTokens: number;
  readonly docStride: number;
}

/** Checks a row; `at` is its name in messages. */
export function parseAnswerRow(at: string, row: unknown): AnswerRow {
  const { question, context, answers } = fieldsOf(at, row, 'question, context and answers');
  if (typeof question !== 'string') throw typeMistake(`${at}.question`, 'a string', question);
  if (typeof context !== 'string') throw typeMistake(`${at}.context`, 'a string', context);
  if (!Array.isArray(answers)) throw typeMistake(`${at}.answers`, 'an array of answers', answers);
  for (const [i, answer] of answers.entries()) {
    const { text, start } = fieldsOf(`${at}.answers[${i}]`, answer, 'text and start');
    if (typeof text !== 'string' || text === '') {
      throw typeMistake(`${at}.answers[${i}].text`, 'a string that is not empty', text);
    }
    if (typeof start !== 'number' || context.slice(start, start + text.length) !== text) {
      const what = `where ${JSON.stringify(text.slice(0, 40))} begins in the context`;
      throw rangeMistake(`${at}.answers[${i}].start`, what, start);
    }
  }
  return { question, context, answers: answers as AnswerRow['answers'] };
}

export function answerRows(
  limits: WindowLimits,
  from: {
    readonly tokenizer: TextTokenizer;
    readonly graph: EncoderGraph;
    readonly where: string;
    readonly name: string;
    readonly signal: AbortSignal | undefined;
    /** Called with the row index of each window, in order. */
    readonly onWindow?: (row: number) => void;
  },
): RowReader<AnswerRow> {
  const { tokenizer, graph, where, name, signal, onWindow } = from;
  return {
    parse: parseAnswerRow,
    async encode(rows, firstIndex) {
      const aligned = await tokenizer.encodeWindows(
        rows.map(({ question, context }) => [question, context] as const),
        {
          ...{ maxTokens: limits.maxTokens, stride: limits.docStride, signal },
          nameOf: (i) => `${where}: ${name}[${firstIndex + i}]`,
        },
      );
      for (const source of aligned.sources) onWindow?.(firstIndex + source);
      const values = await spanTargets(aligned, rows);
      const targets = { unit: 'text', width: 2, values } as const;
      return { batch: { tokens: trimSegments(graph, aligned), targets }, truncated: 0 };
    },
  };
}

/** Reads rows that are streamed: the windows of a row are a list. */
export function windowLists(
  limits: WindowLimits,
  from: { readonly tokenizer: TextTokenizer; readonly graph: EncoderGraph },
): RowReader<AnswerRow> {
  const { tokenizer, graph } = from;
  return {
    parse: parseAnswerRow,
    async encode(rows, firstIndex, { signal }) {
      const lengths = new Int32Array(rows.length);
      const onWindow = (row: number) => {
        lengths[row - firstIndex] = (lengths[row - firstIndex] ?? 0) + 1;
      };
      const own = { tokenizer, graph, where: 'train', name: 'rows', signal, onWindow };
      const { batch, truncated } = await answerRows(limits, own).encode(rows, firstIndex, {
        signal,
      });
      return { batch: { ...batch, lists: { lengths, indices: [...rows.keys()] } }, truncated };
    },
  };
}

/** `reader`, which throws UNSUPPORTED_MODEL naming the first row that the teacher splits into other tokens or windows. */
export function withSameAnswerWindows(
  reader: RowReader<AnswerRow>,
  limits: WindowLimits,
  teacher: Omit<Parameters<typeof answerRows>[1], 'onWindow'>,
): RowReader<AnswerRow> {
  const { where, name } = teacher;
  return {
    parse: (at, row) => reader.parse(at, row),
    async encode(rows, firstIndex, cancel) {
      const encoded = await reader.encode(rows, firstIndex, cancel);
      const windows: number[] = [];
      const onWindow = (row: number) => windows.push(row);
      const second = answerRows(limits, { ...teacher, onWindow });
      const theirs = await second.encode(rows, firstIndex, cancel);
      const at = firstDifference(encoded.batch.tokens, theirs.batch.tokens);
      const row = windows[at] ?? firstIndex + rows.length - 1;
      if (at >= 0) throw otherTokens(where, `${name}[${row}]`);
      return encoded;
    },
  };
}

/**
 * Indices of the first and the last token of the first answer in each window, counted from the window's first token; 0 and 0
 * if the answer is not in the window.
 */
async function spanTargets(aligned: AlignedTexts, rows: readonly AnswerRow[]): Promise<Int32Array> {
  const { offsets, sources, parts, starts, ends } = aligned;
  const targets = new Int32Array(2 * sources.length);
  await makeInTurns(sources.length, WINDOWS_PER_TURN, (window) => {
    const [answer] = rows[sources[window] ?? 0]?.answers ?? [];
    if (answer === undefined) return;
    const begin = offsets[window] ?? 0;
    const last = answer.start + answer.text.length;
    let [from, to] = [-1, -1];
    for (let i = begin; i < (offsets[window + 1] ?? 0); i++) {
      if (parts[i] !== 1) continue;
      const within = (place: number) => (starts[i] ?? 0) <= place && place < (ends[i] ?? 0);
      if (from < 0 && within(answer.start)) from = i;
      if (to < 0 && within(last - 1)) to = i;
    }
    if (from < 0 || to < 0) return;
    targets[2 * window] = from - begin;
    targets[2 * window + 1] = to - begin;
  });
  return targets;
}
