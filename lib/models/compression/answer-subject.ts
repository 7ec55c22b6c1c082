/**
 * Question answerers under compression, judged by the mean F1 over the words of their answers.
 *
 * Students learn from the logits of starts and ends and the hidden states of the original, and from answers. Questions without
 * answers get those of the original, which are also the truth where rows to compare by have none.
 */

import { meanOutcome } from '../../compress/outcome.js';
import { typeMistake } from '../../core/errors.js';
import { answerF1 } from '../../metrics/answers.js';
import type { ModelParts } from '../../runtime/model-parts.js';
import { type AnswerRow, parseAnswerRow } from '../../tasks/question-answering/answer-rows.js';
import type { TextInput } from '../../tokenize/text-tokenizer.js';
import { modelOver } from '../adapted-model.js';
import type { QuestionAnswerer } from '../question-answerer.js';
import { partsLoader, taughtOptions, trained } from './recover.js';
import { cancellable, once, type RowCheck } from './rows.js';
import type { Subject, SubjectLoader, SubjectRows } from './subject.js';

/** A row of `evaluate`, or its question and its context alone. */
type Row = Omit<AnswerRow, 'answers'> & Partial<AnswerRow>;

/** Questions that the original answers at a time. */
const TOGETHER = 16;

/** Rows are those of `evaluate`, or questions with contexts and no `answers`. */
export function answererRows(): RowCheck {
  return (at, row) => {
    const isAnswered = (row as Partial<Row> | null)?.answers !== undefined;
    const isObject = typeof row === 'object' && row !== null;
    parseAnswerRow(at, isAnswered || !isObject ? row : { ...row, answers: [] });
    return isAnswered;
  };
}

/** Texts without labels are pairs of question and context. */
export function answerSubject(
  model: QuestionAnswerer,
  { train, choice, test, unlabelled }: SubjectRows<Row>,
  load: SubjectLoader<QuestionAnswerer>,
): Subject {
  const over = (parts: ModelParts) => modelOver(model, parts);
  const known = { choice, test };
  const added = unlabelled.map(questionOf);
  const all = [...train, ...choice, ...test];
  const allowNoAnswer = all.some(({ answers }) => answers?.length === 0);
  const answered = (rows: readonly Row[]) =>
    once((signal) => withAnswers(model, rows, allowNoAnswer, signal));
  const truth = { choice: answered(choice), test: answered(test) };
  const lessons = answered([...train, ...added]);
  const metric = (rows: readonly Row[]) =>
    rows[0]?.answers === undefined ? 'answer F1 with the original' : 'answer F1';
  return {
    task: 'answers',
    metric: metric(test),
    output: 'logits',
    rowLoss: { kind: 'drawn', loss: 'span', seed: 1 },
    inputs: [...train, ...added].map(({ question, context }) => [question, context] as const),
    isUnlabelled: train[0]?.answers === undefined,
    counts: {
      train: train.length,
      choice: choice.length,
      test: test.length,
      unlabelled: added.length,
    },
    measure: async (parts, part, signal) => {
      const wanted = await truth[part](signal);
      const call = { allowNoAnswer, ...cancellable(signal) };
      const { predicted } = await over(parts).evaluate(wanted, call);
      const scores = wanted.map(({ answers }, i) => bestF1(answers, predicted[i] ?? ''));
      return meanOutcome(metric(known[part]), scores);
    },
    recover: (parts, recovery) =>
      trained(over(parts), recovery.signal, async (student) => {
        const options = taughtOptions(recovery, over(recovery.teacher));
        await student.train(await lessons(recovery.signal), options);
      }),
    load: partsLoader(load),
  };
}

function questionOf(pair: TextInput, i: number): Row {
  if (typeof pair === 'string')
    throw typeMistake(`compress: unlabelled[${i}]`, 'a pair of question and context', pair);
  return { question: pair[0], context: pair[1] };
}

/** Of several right answers the best match counts; where there is none, the empty one is right. */
function bestF1(answers: AnswerRow['answers'], predicted: string): number {
  const right = answers.length === 0 ? [''] : answers.map(({ text }) => text);
  return Math.max(...right.map((text) => answerF1(text, predicted)));
}

/** The rows, with the original's answers where they have none of their own. */
async function withAnswers(
  model: QuestionAnswerer,
  rows: readonly Row[],
  allowNoAnswer: boolean,
  signal: AbortSignal | undefined,
): Promise<readonly AnswerRow[]> {
  const own = async ({ question, context, answers }: Row): Promise<AnswerRow> => {
    if (answers !== undefined) return { question, context, answers };
    const call = { allowNoAnswer, priority: 'bulk', ...cancellable(signal) } as const;
    const found = await model.answer(question, context, call);
    const told = found.filter(({ answer }) => answer !== '');
    return {
      question,
      context,
      answers: told.map(({ answer, start }) => ({ text: answer, start })),
    };
  };
  const made: AnswerRow[] = [];
  for (let first = 0; first < rows.length; first += TOGETHER)
    made.push(...(await Promise.all(rows.slice(first, first + TOGETHER).map(own))));
  return made;
}
