// Questions that their context does not answer: '' competes with the spans, in answer and evaluate, as SQuAD 2 has it.
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { QuestionAnswerer } from '../../lib/index.js';
import { tokenRunner } from '../../lib/models/token-runner.js';
import { joinWindows, rankAnswers } from '../../lib/tasks/question-answering/answer-spans.js';

const QA = fileURLToPath(new URL('../fixtures/heads/bert-qa', import.meta.url));
const QUESTION = 'who is it ?';
const CONTEXT = 'people of the nation';

/**
 * The score of no answer in one window: the softmax over the tokens of the context and the first token, start times end of the
 * first.
 */
async function scoreOfNone(model: QuestionAnswerer): Promise<number> {
  const logits = tokenRunner(model, 'logits');
  const tokens = await logits.tokenize([[QUESTION, CONTEXT]]);
  const rows = new Float32Array(tokens.ids.length * logits.width);
  await logits.run(tokens, rows);
  const second = tokens.segments.indexOf(1);
  const counted = [
    0,
    ...Array.from({ length: tokens.ids.length - 1 - second }, (_, i) => second + i),
  ];
  const probability = (column: number) => {
    const powers = counted.map((token) => Math.exp(rows[token * logits.width + column] ?? NaN));
    return (powers[0] ?? NaN) / powers.reduce((a, b) => a + b, 0);
  };
  return probability(0) * probability(1);
}

describe('no answer', () => {
  it('is one of the answers when it is allowed, with its probability', async () => {
    await using model = await QuestionAnswerer.load(QA);
    const usual = await model.answer(QUESTION, CONTEXT, { topK: 50 });
    expect(usual.every(({ answer }) => answer !== '')).toBe(true);
    const all = await model.answer(QUESTION, CONTEXT, { topK: 50, allowNoAnswer: true });
    const none = all.filter(({ answer }) => answer === '');
    expect(none).toMatchObject([{ start: 0, end: 0 }]);
    expect(none[0]?.score).toBeCloseTo(await scoreOfNone(model), 6);
    expect(all.filter(({ answer }) => answer !== '')).toEqual(usual);
    expect(all.map(({ score }) => score)).toEqual(
      all.map(({ score }) => score).sort((a, b) => b - a),
    );
    expect(await model.answer(QUESTION, '', { allowNoAnswer: true })).toMatchObject([
      { answer: '' },
    ]);
  });

  it('of a long context has the score of the window that is the least sure', () => {
    const span = (start: number, score: number) => ({ answer: 'x', score, start, end: start + 1 });
    const windows = [
      { spans: [span(3, 0.2)], none: 0.9 },
      { spans: [span(9, 0.4)], none: 0.3 },
    ];
    const joined = joinWindows(windows, 2);
    expect(rankAnswers(joined, { topK: 2, allowNoAnswer: true })).toEqual([
      span(9, 0.4),
      { answer: '', score: 0.3, start: 0, end: 0 },
    ]);
    expect(rankAnswers(joined, { topK: 1, allowNoAnswer: false })).toEqual([span(9, 0.4)]);
  });

  it('is learned, and counted as right where a row has none', async () => {
    await using model = await QuestionAnswerer.load(QA);
    const unanswerable = { question: QUESTION, context: 'people of america', answers: [] };
    const answerable = {
      question: 'what war ?',
      context: 'the nation and the war',
      answers: [{ text: 'nation', start: 4 }],
    };
    const rows = Array.from({ length: 8 }, () => [unanswerable, answerable]).flat();
    await model.train(rows, { epochs: 30, learningRate: 5e-3, batchSize: 8 });
    const scores = await model.evaluate([unanswerable, answerable]);
    expect(scores.predicted).toEqual(['', 'nation']);
    expect(scores).toMatchObject({
      exactMatch: 1,
      answerable: { rows: 1, exactMatch: 1 },
      unanswerable: { rows: 1, exactMatch: 1 },
    });
    const forced = await model.evaluate([unanswerable, answerable], { allowNoAnswer: false });
    expect(forced).toMatchObject({ exactMatch: 0.5, unanswerable: { exactMatch: 0 } });
    const answered = await model.evaluate([answerable]);
    expect(answered).toMatchObject({ exactMatch: 1, unanswerable: null });
    const [best] = await model.answer(QUESTION, unanswerable.context, { allowNoAnswer: true });
    expect(best?.answer).toBe('');
  });
});
