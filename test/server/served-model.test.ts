// The models behind their names: the bits of the model's own calls, for every task, and the names of inputs in errors.
import { describe, expect, it, onTestFinished } from 'vitest';
import { SinterError } from '../../lib/core/errors.js';
import { Classifier } from '../../lib/models/classifier.js';
import { CrossEncoder } from '../../lib/models/cross-encoder.js';
import { Encoder } from '../../lib/models/encoder.js';
import { MaskedLM } from '../../lib/models/masked-lm.js';
import { QuestionAnswerer } from '../../lib/models/question-answerer.js';
import { TokenClassifier } from '../../lib/models/token-classifier.js';
import type { CallContext, ServedModel } from '../../lib/server/contract.js';
import type { ModelSource } from '../../lib/server/model-source.js';
import { openSource } from '../../lib/server/open-model.js';
import { readServing, SERVING_OPTIONS } from '../../lib/server/server-options.js';
import { CLASSIFIER, fixture } from './support.js';

const SETTINGS = readServing('test', {}, SERVING_OPTIONS);
const CUT = { truncate: true, truncationDirection: 'right' } as const;
const TEXTS = ['a good film', 'the story was bad and long', 'one'];

const context = (signal = new AbortController().signal): CallContext => ({
  signal,
  priority: 'interactive',
  group: '',
});

async function open(source: ModelSource): Promise<ServedModel> {
  const { served, dispose } = await openSource('m', source, SETTINGS, undefined);
  onTestFinished(dispose);
  return served;
}

describe('a served model gives what the model gives', () => {
  it('vectors, of texts and of ids, and of tokens', async () => {
    const path = fixture('encoders/bert');
    const served = await open({ path, pooling: 'mean' });
    await using encoder = await Encoder.load(path, { pooling: 'mean' });
    const own = await encoder.embed(TEXTS);
    const { results, facts } = await served.embed(TEXTS, CUT, context());
    expect(results).toEqual(TEXTS.map((_, i) => own.row(i)));
    const tokens = await Promise.all(TEXTS.map((text) => encoder.tokenize(text)));
    const sum = tokens.reduce((all, { ids }) => all + ids.length, 0);
    expect(facts).toMatchObject({ texts: 3, characters: 40, tokens: sum, truncated: 0 });
    const ids = tokens.map((one) => [...one.ids]);
    expect((await served.embed(ids, CUT, context())).results).toEqual(results);
    const each = await served.embedTokens(TEXTS, CUT, context());
    expect(each.results.map((rows) => rows.length)).toEqual(ids.map((one) => one.length));
    expect(served.info).toMatchObject({ task: 'embed', pooling: 'mean', dtype: 'float32' });
  });

  it('scores of labels', async () => {
    const served = await open({ path: CLASSIFIER });
    await using model = await Classifier.load(CLASSIFIER);
    const logits = await model.logits(TEXTS);
    const predictions = await model.predict(TEXTS);
    const { results } = await served.classify(TEXTS, CUT, context());
    expect(results.map((one) => one.logits)).toEqual(TEXTS.map((_, i) => logits.row(i)));
    for (const [i, { scores }] of results.entries()) {
      for (const [j, label] of model.labels.entries()) {
        expect(scores[j]).toBeCloseTo(predictions[i]?.scores[label] ?? Number.NaN, 6);
      }
    }
  });

  it('entities, answers, scores of pairs and words for masks', async () => {
    const tagsAt = fixture('heads/bert-tokencls');
    await using tagger = await TokenClassifier.load(tagsAt);
    const tags = await open({ path: tagsAt });
    const aggregation = 'first' as const;
    expect((await tags.tag(TEXTS, { aggregation }, context())).results).toEqual(
      await tagger.predict(TEXTS, { aggregation }),
    );
    const answersAt = fixture('heads/bert-qa');
    await using answerer = await QuestionAnswerer.load(answersAt);
    const answers = await open({ path: answersAt });
    const question = { question: 'what was good?', context: 'the film was good' };
    expect((await answers.answer([question], { topK: 2 }, context())).results).toEqual([
      await answerer.answer(question.question, question.context, { topK: 2 }),
    ]);
    const pairsAt = fixture('heads/bert-regression');
    await using ranker = await CrossEncoder.load(pairsAt);
    const pairs = await open({ path: pairsAt, task: 'pairs' });
    const own = await ranker.score(TEXTS.map((text) => ['a film', text] as const));
    const scored = await pairs.rerank('a film', TEXTS, { ...CUT, isRaw: false }, context());
    expect(scored.results).toEqual(own);
    const raw = await pairs.rerank('a film', TEXTS, { ...CUT, isRaw: true }, context());
    for (const [i, logit] of raw.results.entries()) {
      expect(1 / (1 + Math.exp(-logit))).toBeCloseTo(own[i] ?? Number.NaN, 6);
    }
    const masksAt = fixture('encoders/bert-mlm');
    await using filler = await MaskedLM.load(masksAt);
    const masks = await open({ path: masksAt });
    const text = `a ${filler.maskToken} film`;
    expect((await masks.fillMask([text], { topK: 3 }, context())).results).toEqual([
      await filler.fill(text, { topK: 3 }),
    ]);
  });

  it('tokens and texts of ids', async () => {
    const served = await open({ path: CLASSIFIER });
    const [all = []] = await served.tokenize(['a good film'], { addSpecialTokens: true });
    expect(all.map(({ special }) => special)).toEqual([
      true,
      ...all.slice(2).map(() => false),
      true,
    ]);
    const [plain = []] = await served.tokenize(['a good film'], { addSpecialTokens: false });
    expect(plain).toEqual(all.slice(1, -1));
    expect('a good film'.slice(plain[0]?.start ?? 9, plain[0]?.stop ?? 9)).toBe('a');
    const ids = [all.map(({ id }) => id)];
    const [text = ''] = await served.decode(ids, { skipSpecialTokens: true });
    const [whole = ''] = await served.decode(ids, { skipSpecialTokens: false });
    expect(whole).toContain(text);
    expect(whole.length).toBeGreaterThan(text.length);
  });
});

describe('a call that cannot be answered', () => {
  it('says which input is wrong, and why', async () => {
    const served = await open({ path: CLASSIFIER });
    const classify = (inputs: readonly unknown[], truncate = true) =>
      served.classify(inputs as never, { ...CUT, truncate }, context());
    await expect(classify(['a', 7])).rejects.toThrow(/^inputs\[1\] must be/);
    await expect(classify(['a', 'b \ud800'])).rejects.toThrow(/^inputs\[1\] must be/);
    await expect(classify(['a', [1, 1_000_000]])).rejects.toThrow(/^inputs\[1\]\[1\] must be/);
    await expect(classify(['a', 'many words '.repeat(200)], false)).rejects.toThrow(
      /^inputs\[1\] must be at most \d+ tokens/,
    );
    const more = served.decode([[1], [2, -1]], { skipSpecialTokens: true });
    await expect(more).rejects.toThrow(/^ids\[1\]\[1\] must be/);
    const odd = served.tokenize(['a', 7 as never], { addSpecialTokens: true });
    await expect(odd).rejects.toThrow(/^inputs\[1\] must be/);
  });

  it('is of another task, or cancelled', async () => {
    const served = await open({ path: CLASSIFIER });
    await expect(served.embed(['a'], CUT, context())).rejects.toMatchObject({
      name: 'WrongTask',
      message: 'the model "m" classifies texts; none here that gives vectors',
    });
    const gone = AbortSignal.abort('gone');
    const error: unknown = await served.classify(TEXTS, CUT, context(gone)).catch((e) => e);
    expect(error).toBeInstanceOf(SinterError);
    expect(error).toMatchObject({ code: 'CANCELLED', cause: 'gone' });
  });
});

it('a version says what is computed, not where it lies', async () => {
  const [one, two] = [await open({ path: CLASSIFIER }), await open({ path: CLASSIFIER })];
  expect(two.info.version).toBe(one.info.version);
  const shorter = await open({ path: CLASSIFIER, maxTokens: 8 });
  expect(shorter.info.version).not.toBe(one.info.version);
});
