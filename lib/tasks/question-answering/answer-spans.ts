/**
 * From the logits of windows to answers, as the question answering pipeline of transformers finds them.
 *
 * A start and an end have probabilities of their own, over the context's tokens and the first token (no answer); a span's
 * score is their product.
 */

import type { AlignedLogits } from '../../runtime/aligned-forward.js';

export interface Answer {
  /** context.slice(start, end); '' with start and end 0: the context has no answer. */
  readonly answer: string;
  /** Probability of its start times that of its end. */
  readonly score: number;
  /** UTF-16 units in the context. */
  readonly start: number;
  readonly end: number;
}

export interface SpanLimits {
  readonly topK: number;
  readonly maxAnswerTokens: number;
}

/** What a window says. */
export interface WindowAnswers {
  /** The best spans, best first; every one lies in the context. */
  readonly spans: readonly Answer[];
  /** The score of no answer: the probability that it starts at the first token times that it ends there. */
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

/** Of a text before its first window. */
export const NO_WINDOWS: WindowAnswers = { spans: [], none: 1 };

/**
 * What windows of one context say together. The same place counts once, with its best score; no answer has the score of the
 * window that is the least sure of it, since an answer in one window is enough.
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

/** The answers, best first; with `allowNoAnswer` the empty one is among them. */
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
