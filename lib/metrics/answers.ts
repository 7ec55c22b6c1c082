/**
 * Scores of answers by their words, as the SQuAD evaluation counts them.
 *
 * The rule: case, punctuation, articles and white space do not count; of several right answers the best match does.
 */
import { rangeMistake } from '../core/errors.js';

/** An answer without case, punctuation, articles and extra white space. */
export function normalizeAnswer(text: string): string {
  const plain = text.toLowerCase().replace(/[!-/:-@[-`{-~]/g, '');
  return plain
    .replace(/\b(a|an|the)\b/g, ' ')
    .split(/\s+/)
    .filter((word) => word !== '')
    .join(' ');
}

/** 1 when both are the same after normalisation, else 0. */
export function exactMatch(truth: string, predicted: string): number {
  return normalizeAnswer(truth) === normalizeAnswer(predicted) ? 1 : 0;
}

/** F1 over the words that both answers have, counted with repetitions; 1 if both are empty. */
export function answerF1(truth: string, predicted: string): number {
  const [expected, found] = [truth, predicted].map((text) => {
    const plain = normalizeAnswer(text);
    return plain === '' ? [] : plain.split(' ');
  }) as [string[], string[]];
  if (expected.length === 0 || found.length === 0) return expected.length === found.length ? 1 : 0;
  const left = new Map<string, number>();
  for (const word of expected) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of found) {
    const count = left.get(word) ?? 0;
    if (count > 0) common += 1;
    left.set(word, count - 1);
  }
  return (2 * common) / (expected.length + found.length);
}

export interface AnswerScores {
  readonly exactMatch: number;
  readonly f1: number;
}

/**
 * Means over questions of the best score among the right answers, 0 to 1. If a question has no right answer, the empty
 * answer is right.
 */
export function answerScores(
  truth: readonly (readonly string[])[],
  predicted: readonly string[],
): AnswerScores {
  if (truth.length !== predicted.length || truth.length === 0) {
    throw rangeMistake('predicted', `${Math.max(1, truth.length)} answers`, predicted.length);
  }
  const mean = (score: (truth: string, predicted: string) => number) =>
    truth.reduce((sum, answers, i) => {
      const all = answers.length === 0 ? [''] : answers;
      return sum + Math.max(...all.map((answer) => score(answer, predicted[i] ?? '')));
    }, 0) / truth.length;
  return { exactMatch: mean(exactMatch), f1: mean(answerF1) };
}
