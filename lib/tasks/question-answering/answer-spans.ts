/**
 * Finds answers in the logits of windows, as the question answering pipeline of transformers does.
 *
 * Starts and ends have separate probabilities, each a softmax over the context's tokens and the first token (no answer). The
 * score of a span is the product of the two.
 */

import type { AlignedLogits } from '../../runtime/aligned-forward.js';

/** A piece of the context that answers the question. */
export interface Answer {
  /** context.slice(start, end). If the context has no answer: '', with start and end 0. */
  readonly answer: string;
  /** Probability of its start times probability of its end. */
  readonly score: number;
  /** Indices in the context, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
}

export interface SpanLimits {
  readonly topK: number;
  readonly maxAnswerTokens: number;
}

/** The answers in one window. */
export interface WindowAnswers {
  /** The best spans in the context, best first. */
  readonly spans: readonly Answer[];
  /** Score of no answer: the probability that the start is the first token, times the probability that the end is. */
  readonly none: number;
}

/** The answers of window `index`. */
export function answersOfWindow(
  context: string,
  { aligned, logits }: AlignedLogits,
  index: number,
  { topK, maxAnswerTokens }: SpanLimits,
): WindowAnswers {
  const { offsets, parts } = aligned;
  const begin = offsets[index] ?? 0;
  const candidates: number[] = [];
  for (let i = begin; i < (offsets[index + 1] ?? 0); i++) if (parts[i] === 1) candidates.push(i);
  const all = [begin, ...candidates];
  const column = (which: 0 | 1) => {
    const values = all.map((token) => logits.data[token * logits.cols + which] ?? 0);
    return probabilities(values);
  };
  const [[noStart = 0, ...starts], [noEnd = 0, ...ends]] = [column(0), column(1)];
  const best: { first: number; last: number; score: number }[] = [];
  for (const [first, start] of starts.entries()) {
    const limit = Math.min(candidates.length, first + maxAnswerTokens);
    for (let last = first; last < limit; last++) {
      const score = start * (ends[last] ?? 0);
      if (best.length === topK && score <= (best.at(-1)?.score ?? 0)) continue;
      const place = best.findIndex((one) => one.score < score);
      best.splice(place < 0 ? best.length : place, 0, { first, last, score });
      best.length = Math.min(best.length, topK);
    }
  }
  const spans = best.map(({ first, last, score }) => {
    const start = aligned.starts[candidates[first] ?? 0] ?? 0;
    const end = aligned.ends[candidates[last] ?? 0] ?? 0;
    return { answer: context.slice(start, end), score, start, end };
  });
  return { spans, none: noStart * noEnd };
}

/** The answers of a context before its first window. */
export const NO_WINDOWS: WindowAnswers = { spans: [], none: 1 };

/**
 * Combines the answers in windows of one context. A span that several windows find counts once, with its best score. No
 * answer gets its lowest score of all windows, because an answer in one window is enough.
 */
export function joinWindows(windows: readonly WindowAnswers[], topK: number): WindowAnswers {
  const byPlace = new Map<string, Answer>();
  let none = 1;
  for (const window of windows) {
    none = Math.min(none, window.none);
    for (const answer of window.spans) {
      const key = `${answer.start} ${answer.end}`;
      const known = byPlace.get(key);
      if (known === undefined || known.score < answer.score) byPlace.set(key, answer);
    }
  }
  return { spans: [...byPlace.values()].sort(byScore).slice(0, topK), none };
}

/** Joins the windows of one context, in their order. */
export class ContextAnswers {
  private joined = NO_WINDOWS;

  constructor(private readonly limits: SpanLimits & { readonly allowNoAnswer: boolean }) {}

  add(window: WindowAnswers): void {
    this.joined = joinWindows([this.joined, window], this.limits.topK);
  }

  /** The answers, best first. */
  finish(): Answer[] {
    return rankAnswers(this.joined, this.limits);
  }
}

/** The answers, best first. With `allowNoAnswer` the empty answer takes part. */
export function rankAnswers(
  { spans, none }: WindowAnswers,
  { topK, allowNoAnswer }: { readonly topK: number; readonly allowNoAnswer: boolean },
): Answer[] {
  const empty = { answer: '', score: none, start: 0, end: 0 };
  return [...(allowNoAnswer ? [empty] : []), ...spans].sort(byScore).slice(0, topK);
}

function byScore(a: Answer, b: Answer): number {
  return b.score - a.score || a.start - b.start;
}

function probabilities(values: readonly number[]): number[] {
  const largest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = values.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
