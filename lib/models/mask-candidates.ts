/**
 * The most probable tokens for the masks of a text, from their logits.
 *
 * A vocabulary has tens of thousands of tokens: it is looked through once for a mask, not sorted, and the event loop turns
 * between masks.
 */

import type { Matrix } from '../core/matrix.js';
import { makeInTurns } from '../core/turns.js';
import { softmax } from '../metrics/logits.js';
import type { TextTokenizer } from '../tokenize/text-tokenizer.js';

/** A token that may replace a mask. */
export interface Candidate {
  /** The token as text; of a special token its name, as `[PAD]`. */
  readonly token: string;
  /** Id of the token. */
  readonly id: number;
  /** Probability. */
  readonly score: number;
  /** The text with the token in place of this mask; other masks stay. */
  readonly text: string;
}

/** A text with masks, and what is wanted for them. */
export interface MaskedText {
  readonly tokenizer: TextTokenizer;
  readonly mask: { readonly content: string };
  readonly text: string;
  readonly topK: number;
}

/** Candidates for each mask of the text, best first; row i of `logits` belongs to mask i. */
export async function maskCandidates(
  { tokenizer, mask, text, topK }: MaskedText,
  logits: Matrix,
): Promise<Candidate[][]> {
  const { content } = mask;
  const known = Math.min(tokenizer.vocabulary, logits.cols);
  const best = await makeInTurns(logits.rows, 1, (i) => {
    const scores = softmax(logits.row(i));
    return largest(scores, known, topK).map((id) => ({ id, score: scores[id] ?? 0 }));
  });
  const pieces = text.split(content);
  return Promise.all(
    best.map((candidates, i) => {
      const before = pieces.slice(0, i + 1).join(content);
      const after = pieces.slice(i + 1).join(content);
      return Promise.all(
        candidates.map(async ({ id, score }) => {
          const token = (await tokenizer.decode([id], false)).trim();
          return { token, id, score, text: `${before}${token}${after}` };
        }),
      );
    }),
  );
}

/** Indices of the `count` largest of the first `known` numbers, largest first; equal ones in their order. */
function largest(numbers: readonly number[], known: number, count: number): number[] {
  const order = (a: number, b: number) => (numbers[b] ?? 0) - (numbers[a] ?? 0) || a - b;
  if (count >= known) return Array.from({ length: known }, (_, i) => i).sort(order);
  // Twice as many as needed are kept, so that they are sorted seldom.
  let kept: number[] = [];
  let least = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < known; i++) {
    if ((numbers[i] ?? 0) <= least) continue;
    kept.push(i);
    if (kept.length < 2 * count) continue;
    kept = kept.sort(order).slice(0, count);
    least = numbers[kept.at(-1) ?? 0] ?? 0;
  }
  return kept.sort(order).slice(0, count);
}
