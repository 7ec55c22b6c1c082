// Every head says what the pipelines of transformers say: entities, answers, fills, labels, numbers, scores of pairs.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  type Aggregation,
  Classifier,
  CrossEncoder,
  MaskedLM,
  QuestionAnswerer,
  TokenClassifier,
} from '../../lib/index.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

const at = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const folder = (name: string) => at(`heads/${name}`);
const MLM = at('encoders/bert-mlm');

interface Place {
  readonly score: number;
  readonly start: number;
  readonly end: number;
}
const golden = JSON.parse(readFileSync(at('heads/golden.json'), 'utf8')) as {
  texts: string[];
  entities: Record<Aggregation, (Place & { entity: string })[][]>;
  questions: [string, string][];
  answers: (Place & { answer: string })[][];
  masked: string[];
  fills: { id: number; token: string; score: number }[][][];
  multilabel: Record<string, number>[];
  values: number[];
  pairs: [string, string][];
  crossEncoder: { scores: number[]; logits: number[] };
};

/** A place in code points as one in UTF-16 units. */
const units = (text: string, points: number) => [...text].slice(0, points).join('').length;

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('TokenClassifier', () => {
  it.each(Object.keys(golden.entities) as Aggregation[])('aggregation %s', async (aggregation) => {
    await using model = await TokenClassifier.load(folder('bert-tokencls'));
    const found = await model.predict(golden.texts, { aggregation });
    for (const [i, text] of golden.texts.entries()) {
      const expected = golden.entities[aggregation][i] ?? [];
      expect(found[i]?.map(({ entity, start, end }) => [entity, start, end])).toEqual(
        expected.map(({ entity, start, end }) => [entity, units(text, start), units(text, end)]),
      );
      for (const [j, { score, word, start, end }] of (found[i] ?? []).entries()) {
        expect(score).toBeCloseTo(expected[j]?.score ?? Number.NaN, 4);
        expect(word).toBe(text.slice(start, end));
      }
    }
  });

  it('cuts long texts when asked, or refuses them, gives the same alone and together, and after saving', async () => {
    await using model = await TokenClassifier.load(folder('bert-tokencls'));
    expect(model.labels).toEqual(['O', 'I-PER', 'B-PER', 'B-LOC', 'I-LOC']);
    const long = 'the people '.repeat(100);
    const cut: number[][] = [];
    const onTruncated = (indices: readonly number[]) => void cut.push([...indices]);
    const cutting = { aggregation: 'none', truncate: true, onTruncated } as const;
    const [, first] = await model.predict(['war', long], cutting);
    expect(first?.length).toBeLessThanOrEqual(62);
    expect(cut).toEqual([[1]]);
    const [short, other] = [long, 'war'];
    await expect(model.predict([other, short], { truncate: false })).rejects.toThrow(
      /^texts\[1\] must be at most 64 tokens, got 202/,
    );
    const together = await model.predict([...golden.texts, long]);
    for (const [i, text] of golden.texts.entries()) {
      expect(await model.predict([text])).toEqual([together[i]]);
    }
    const saved = join(await temporaryFolder(), 'saved');
    await model.save(saved);
    await using again = await TokenClassifier.load(saved);
    expect(await again.predict(golden.texts)).toEqual(together.slice(0, golden.texts.length));
    expect((await again.info()).task).toBe('token-classification');
    await using small = await again.quantize();
    expect(await small.predict(golden.texts)).toHaveLength(golden.texts.length);
    expect(await model.predict([])).toEqual([]);
  });

  it('refuses an unknown aggregation, a lone text, and a model with another head', async () => {
    await using model = await TokenClassifier.load(folder('bert-tokencls'));
    expect(await rejection(model.predict(['a'], { aggregation: 'mean' as never }))).toEqual(
      new RangeError(
        'predict: aggregation must be one of "none", "simple", "first", "average", "max", got "mean"',
      ),
    );
    expect(await rejection(model.predict('a' as never))).toBeInstanceOf(TypeError);
    await expect(TokenClassifier.load(folder('bert-qa'))).rejects.toMatchObject({
      code: 'UNSUPPORTED_MODEL',
    });
  });
});

describe('QuestionAnswerer', () => {
  const options = { topK: 3, maxTokens: 40, docStride: 10, maxAnswerTokens: 6 };
  it.each(golden.questions.map(([question], i) => [question, i] as const))('%s', async (_, i) => {
    await using model = await QuestionAnswerer.load(folder('bert-qa'));
    const [question, context] = golden.questions[i] ?? ['', ''];
    const expected = golden.answers[i] ?? [];
    const found = await model.answer(question, context, options);
    expect(found.map(({ answer, start, end }) => [answer, start, end])).toEqual(
      expected.map(({ answer, start, end }) => [
        answer,
        units(context, start),
        units(context, end),
      ]),
    );
    for (const [j, { score }] of found.entries()) {
      expect(score).toBeCloseTo(expected[j]?.score ?? Number.NaN, 5);
    }
  });

  it('refuses a question that leaves no room', async () => {
    await using model = await QuestionAnswerer.load(folder('bert-qa'));
    const error = await rejection(model.answer('why '.repeat(60), 'the war', options));
    expect(error).toMatchObject({ name: 'RangeError' });
    expect(String(error)).toMatch(/answer: question\[0\] must be at most 26 tokens/);
    expect(await model.answer('who ?', '')).toEqual([]);
    await expect(model.answer('who ?', 'a', { docStride: 64 })).rejects.toThrow(/docStride/);
  });
});

describe('MaskedLM', () => {
  it.each(golden.masked.map((text, i) => [text, i] as const))('%s', async (text, i) => {
    await using model = await MaskedLM.load(MLM);
    const found = await model.fill(text, { topK: 4 });
    expect(found.map((list) => list.map(({ id }) => id))).toEqual(
      golden.fills[i]?.map((list) => list.map(({ id }) => id)),
    );
    for (const [mask, list] of found.entries()) {
      for (const [j, { token, score }] of list.entries()) {
        expect(token).toBe(golden.fills[i]?.[mask]?.[j]?.token);
        expect(score).toBeCloseTo(golden.fills[i]?.[mask]?.[j]?.score ?? Number.NaN, 5);
      }
    }
    expect(found[0]?.[0]?.text).toBe(text.replace('[MASK]', found[0]?.[0]?.token ?? ''));
  });

  it('refuses texts without a mask, or too long for it', async () => {
    await using model = await MaskedLM.load(MLM);
    expect(model.maskToken).toBe('[MASK]');
    await expect(model.fill('no mask')).rejects.toThrow(/fill: text must be a text with \[MASK\]/);
    await expect(model.fill(`${'war '.repeat(80)}[MASK]`)).rejects.toThrow(/at most 64 tokens/);
    const { loss, masked, perplexity } = await model.evaluate(golden.texts, { seed: 3 });
    expect(masked).toBeGreaterThan(3);
    expect(perplexity).toBeCloseTo(Math.exp(loss), 9);
    expect((await model.evaluate(golden.texts, { seed: 3 })).loss).toBe(loss);
  });

  it('names special tokens as transformers does', async () => {
    await using model = await MaskedLM.load(MLM);
    const [all = []] = await model.fill('the [MASK] people', { topK: 100_000 });
    const names = new Map(all.map(({ id, token }) => [id, token]));
    const specials = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
    expect(specials.filter((token) => [...names.values()].includes(token))).toEqual(specials);
    expect([...names.values()]).not.toContain('');
    // All of the vocabulary, each once, best first.
    expect(names.size).toBe(all.length);
    for (const [i, { score }] of all.entries()) {
      expect(score).toBeLessThanOrEqual(all[i - 1]?.score ?? 1);
    }
    const [some] = await model.fill('the [MASK] people', { topK: 13 });
    expect(some).toEqual(all.slice(0, 13));
  });
});

describe('Classifier of several labels and of numbers', () => {
  it('gives every label its own probability', async () => {
    const problem = 'multi_label_classification';
    await using model = await Classifier.load(folder('bert-multilabel'), { problem });
    const found = await model.predict(golden.texts, { threshold: 0.4 });
    for (const [i, { labels, scores }] of found.entries()) {
      const expected = golden.multilabel[i] ?? {};
      for (const [label, score] of Object.entries(scores)) {
        expect(score).toBeCloseTo(expected[label] ?? Number.NaN, 5);
      }
      const over = Object.entries(expected).filter(([, score]) => score >= 0.4);
      expect(labels).toEqual(over.sort((a, b) => b[1] - a[1]).map(([label]) => label));
    }
  });

  it('gives the number itself', async () => {
    await using model = await Classifier.load(folder('bert-regression'), { problem: 'regression' });
    const found = await model.predict(golden.texts);
    for (const [i, { value, values }] of found.entries()) {
      expect(value).toBeCloseTo(golden.values[i] ?? Number.NaN, 5);
      expect(values).toEqual([value]);
    }
    expect(await rejection(model.predict(['a'], { threshold: 0.5 }))).toBeInstanceOf(TypeError);
  });

  it('says what a folder is for when it was asked for something else', async () => {
    expect(await rejection(Classifier.load(folder('bert-multilabel')))).toMatchObject({
      code: 'UNSUPPORTED_MODEL',
      message: expect.stringMatching(/give problem: 'multi_label_classification'$/) as string,
    });
  });
});

describe('CrossEncoder', () => {
  it('scores and ranks as sentence-transformers does', async () => {
    await using model = await CrossEncoder.load(folder('bert-regression'));
    const scores = await model.score(golden.pairs);
    for (const [i, score] of scores.entries()) {
      expect(score).toBeCloseTo(golden.crossEncoder.scores[i] ?? Number.NaN, 5);
    }
    const texts = golden.pairs.map(([, text]) => text);
    const order = [...texts.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
    const ranked = await model.rank('the war', texts, { topK: 2 });
    expect(ranked).toEqual(
      order.slice(0, 2).map((index) => ({ truncated: false, index, score: scores[index] })),
    );
    await expect(model.score(['a' as never])).rejects.toThrow(/score: texts\[0\] must be a pair/);
    await expect(CrossEncoder.load(folder('bert-multilabel'))).rejects.toThrow(/has 4 labels/);
  });
});
