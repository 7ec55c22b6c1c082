/**
 * Models without the tokens that a corpus does not have: the same bits on its texts, and still a full model.
 */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Classifier, Encoder, MaskedLM, type TextInput, TokenClassifier } from '../../lib/index.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { runOnnx } from '../models/run-onnx.js';

const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/encoders/${name}`, import.meta.url));
const TEXTS = [
  'the people of the united states, and of the world!',
  'it is a good thing: 12 of them.',
  'we have the right to be free',
];
const CLASSIFIERS = ['bert', 'deberta-v2', 'distilbert', 'electra', 'ernie', 'roberta'];

async function json(path: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
}

/** A copy of a fixture with changes to config.json and tokenizer.json. */
async function changedFolder(
  name: string,
  config: object,
  change: (tokenizer: Record<string, never>) => void = () => {},
): Promise<string> {
  const folder = join(await temporaryFolder(), name);
  await cp(fixture(name), folder, { recursive: true });
  const tokenizer = await json(join(folder, 'tokenizer.json'));
  change(tokenizer as Record<string, never>);
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  const own = await json(join(folder, 'config.json'));
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...own, ...config }));
  return folder;
}

describe.each(CLASSIFIERS)('a classifier of %s', (name) => {
  it('gives the same bits on its texts, after saving and loading too', async () => {
    await using model = await Classifier.load(fixture(`${name}-seqcls`));
    const before = await model.info();
    const made = await model.pruneVocabulary(TEXTS);
    await using small = made.model;
    const { report } = made;
    expect(report.unchangedTexts).toBe(1);
    expect(report.tokensBefore).toBe(before.vocabulary);
    expect(report.tokensAfter).toBeLessThan(before.vocabulary);
    const info = await small.info();
    expect([info.vocabulary, info.storedBytes]).toEqual([report.tokensAfter, report.bytesAfter]);
    expect(before.storedBytes).toBe(report.bytesBefore);
    const wanted = await model.logits(TEXTS);
    expect(await small.logits(TEXTS)).toEqual(wanted);
    const folder = join(await temporaryFolder(), 'small');
    await small.save(folder);
    expect(await json(join(folder, 'config.json'))).toMatchObject({
      model_type: (await json(join(fixture(`${name}-seqcls`), 'config.json'))).model_type,
      vocab_size: report.tokensAfter,
    });
    await using again = await Classifier.load(folder);
    expect(await again.logits(TEXTS)).toEqual(wanted);
    const other = ['Quartz jumbles vexing fjord', 'ξένος 漢字'];
    expect(await again.logits(other)).toEqual(await small.logits(other));
    const onnx = join(await temporaryFolder(), 'model.onnx');
    await small.exportOnnx(onnx);
    const logits = await runOnnx(onnx, small, 'logits', TEXTS);
    for (const [i, value] of wanted.data.entries()) expect(logits[i]).toBeCloseTo(value, 4);
    await using imported = await Classifier.load(onnx);
    expect((await imported.info()).vocabulary).toBe(report.tokensAfter);
    expect((await imported.tokenize(TEXTS[0] ?? '')).ids).toEqual(
      (await small.tokenize(TEXTS[0] ?? '')).ids,
    );
  });
});

it.each(['albert', 'bert', 'modernbert', 'mpnet'])(
  'an encoder of %s, before and after int8',
  async (name) => {
    await using model = await Encoder.load(fixture(name), { pooling: 'mean' });
    const { model: made, report } = await model.pruneVocabulary(TEXTS);
    await using small = made;
    expect(report.tokensAfter).toBeLessThan(report.tokensBefore);
    expect(await small.embed(TEXTS)).toEqual(await model.embed(TEXTS));
    await using int8 = await model.quantize();
    const { model: cut, report: second } = await int8.pruneVocabulary(TEXTS);
    await using both = cut;
    expect(second.tokensAfter).toBe(report.tokensAfter);
    expect(await both.embed(TEXTS)).toEqual(await int8.embed(TEXTS));
    await using later = await small.quantize();
    expect((await later.embed(TEXTS)).data.every(Number.isFinite)).toBe(true);
    const folder = join(await temporaryFolder(), 'int8');
    await both.save(folder);
    await using again = await Encoder.load(folder, { pooling: 'mean' });
    expect(await again.embed(TEXTS)).toEqual(await int8.embed(TEXTS));
  },
);

it.each([true, false])(
  'a masked language model (decoder tied: %s) predicts the tokens that are left',
  async (tied) => {
    const folder = tied
      ? fixture('bert-mlm')
      : await changedFolder('bert', { tie_word_embeddings: false });
    await using model = await MaskedLM.load(folder, { newHead: !tied });
    const { model: made, report } = await model.pruneVocabulary(TEXTS);
    await using small = made;
    const text = `the ${model.maskToken} of the world`;
    const all = (await model.fill(text, { topK: report.tokensBefore }))[0] ?? [];
    const left = (await small.fill(text, { topK: report.tokensAfter }))[0] ?? [];
    expect(left).toHaveLength(report.tokensAfter);
    // The order of the tokens that are left is the order that they had.
    const known = new Set(left.map(({ token }) => token));
    const tokens = all.map(({ token }) => token).filter((token) => known.has(token));
    expect(left.map(({ token }) => token)).toEqual(tokens);
    const { loss } = await small.evaluate(TEXTS);
    expect(loss).toBeGreaterThan(0);
    const saved = join(await temporaryFolder(), 'mlm');
    await small.save(saved);
    await using again = await MaskedLM.load(saved);
    expect(await again.fill(text)).toEqual(await small.fill(text));
  },
);

it('positions of RoBERTa, which are counted from the padding token, do not move', async () => {
  // Ordinary tokens get the ids before the padding token's, which then decides where positions start.
  const folder = await changedFolder('roberta-seqcls', { pad_token_id: 10 }, (tokenizer) => {
    const { model, added_tokens: added } = tokenizer as never as {
      model: { vocab: Record<string, number> };
      added_tokens: { id: number; content: string }[];
    };
    const other = Object.keys(model.vocab).find((token) => model.vocab[token] === 10) ?? '';
    // The byte 0x01, which no text here has, gets the id 1.
    model.vocab[other] = 1;
    model.vocab['<pad>'] = 10;
    for (const token of added) if (token.content === '<pad>') token.id = 10;
  });
  await using model = await Classifier.load(folder);
  const { model: made } = await model.pruneVocabulary(TEXTS);
  await using small = made;
  expect(await small.logits(TEXTS)).toEqual(await model.logits(TEXTS));
  const saved = join(await temporaryFolder(), 'roberta');
  await small.save(saved);
  expect(await json(join(saved, 'config.json'))).toMatchObject({
    model_type: 'roberta',
    pad_token_id: 10,
  });
  const { model: json2 } = (await json(join(saved, 'tokenizer.json'))) as never as {
    model: { vocab: Record<string, number> };
  };
  expect(json2.vocab['<pad>']).toBe(10);
  await using again = await Classifier.load(saved);
  expect(await again.logits(TEXTS)).toEqual(await model.logits(TEXTS));
});

it('ids that config.json names stay, with their new numbers', async () => {
  const folder = await changedFolder('deberta-v2-seqcls', {
    ...{
      mask_token_id: 299,
      eos_token_id: [2, 250],
      decoder_start_token_id: 9999,
      pad_token_id: 0,
    },
  });
  await using model = await Classifier.load(folder);
  const { model: made, report } = await model.pruneVocabulary(['the people']);
  await using small = made;
  const saved = join(await temporaryFolder(), 'ids');
  await small.save(saved);
  const config = await json(join(saved, 'config.json'));
  expect(config).toMatchObject({ mask_token_id: report.tokensAfter - 1, pad_token_id: 0 });
  expect(config.decoder_start_token_id).toBe(9999);
  const [first, second] = config.eos_token_id as number[];
  const [old, now] = await Promise.all(
    [join(folder, 'tokenizer.json'), join(saved, 'tokenizer.json')].map(async (path) => {
      const { model: own } = (await json(path)) as never as { model: { vocab: [string][] } };
      return own.vocab;
    }),
  );
  expect(now?.[first ?? 0]?.[0]).toBe(old?.[2]?.[0]);
  expect(now?.[second ?? 0]?.[0]).toBe(old?.[250]?.[0]);
});

it('a word that became unknown because its longest pieces lead nowhere stays unknown', async () => {
  const names = ['αβγ', 'αβ', '##γδ'];
  const folder = await changedFolder('bert-seqcls', {}, (tokenizer) => {
    const { model } = tokenizer as never as { model: { vocab: Record<string, number> } };
    const unused = Object.keys(model.vocab).filter(
      (token) => token.length > 5 && !token.startsWith('['),
    );
    for (const [i, name] of names.entries()) {
      const old = unused[i] ?? '';
      model.vocab[name] = model.vocab[old] ?? 0;
      delete model.vocab[old];
    }
  });
  await using model = await Classifier.load(folder);
  const texts = ['αβγδ', 'αβ the', 'xγδ'];
  expect((await model.tokenize('αβγδ')).tokens).toContain('[UNK]');
  const { model: made, report } = await model.pruneVocabulary(texts);
  await using small = made;
  expect(report.unchangedTexts).toBe(1);
  expect((await small.tokenize('αβγδ')).tokens).toContain('[UNK]');
  expect(await small.logits(texts)).toEqual(await model.logits(texts));
  // No text has αβγ; it stays for the word that it begins.
  expect((await small.tokenize('αβγ')).tokens).toContain('αβγ');
});

describe('options', () => {
  it('minCount and maxTokens take rare tokens too, and the report says how many texts stay as they were', async () => {
    await using model = await Classifier.load(fixture('bert-seqcls'));
    const all = await model.pruneVocabulary(TEXTS);
    await using exact = all.model;
    const often = await model.pruneVocabulary(TEXTS, { minCount: 2 });
    await using smaller = often.model;
    expect(often.report.tokensAfter).toBeLessThan(all.report.tokensAfter);
    const same = await Promise.all(
      TEXTS.map(async (text) => {
        const [a, b] = [await model.tokenize(text), await smaller.tokenize(text)];
        return a.tokens.join(' ') === b.tokens.join(' ');
      }),
    );
    expect(often.report.unchangedTexts).toBeCloseTo(same.filter(Boolean).length / TEXTS.length);
    expect(often.report.unchangedTexts).toBeLessThan(1);
    const least = (await model.pruneVocabulary(TEXTS, { minCount: 1000 })).report.tokensAfter;
    const limited = await model.pruneVocabulary(TEXTS, { maxTokens: least + 3 });
    await using few = limited.model;
    expect(limited.report.tokensAfter).toBe(least + 3);
    // `the` is the most frequent word.
    expect((await few.tokenize('the')).tokens).toContain('the');
    await expect(model.pruneVocabulary(TEXTS, { maxTokens: least - 1 })).rejects.toThrow(
      `pruneVocabulary: maxTokens must be at least ${least}, the tokens that always stay, got ${least - 1}`,
    );
    expect((await exact.info()).vocabulary).toBe(all.report.tokensAfter);
  });

  it('keep names tokens as the vocabulary spells them', async () => {
    await using model = await Classifier.load(fixture('bert-seqcls'));
    const { tokens } = await model.tokenize(TEXTS[1] ?? '');
    const word = tokens.find((token) => /^[a-z]{2,}$/.test(token)) ?? '';
    await using without = (await model.pruneVocabulary(['a'])).model;
    await using kept = (await model.pruneVocabulary(['a'], { keep: [word] })).model;
    expect((await without.tokenize(word)).tokens).not.toContain(word);
    expect((await kept.tokenize(word)).tokens).toContain(word);
    await expect(model.pruneVocabulary(['a'], { keep: ['nonesuch'] })).rejects.toThrow(
      'pruneVocabulary: keep[0] must be a token of the vocabulary, got "nonesuch"',
    );
  });

  it('streams and pairs give what a list gives; mistakes and aborts are named', async () => {
    await using model = await Classifier.load(fixture('bert-seqcls'));
    const inputs: TextInput[] = [...TEXTS, ['a pair', 'of texts']];
    async function* stream() {
      yield* inputs;
    }
    const made = await Promise.all(
      [inputs, stream(), new Set(inputs)].map((texts) => model.pruneVocabulary(texts)),
    );
    const [first] = made;
    for (const { report, model: own } of made) {
      expect(report).toEqual(first?.report);
      await own.dispose();
    }
    const failure = (texts: unknown, options: object = {}) =>
      model.pruneVocabulary(texts as string[], options).then(String, String);
    expect(await failure('text')).toBe(
      'TypeError: pruneVocabulary: texts must be an (async) iterable of strings or pairs, got "text"',
    );
    expect(await failure([])).toContain('pruneVocabulary: texts must be at least one text');
    expect(await failure(new Set())).toContain('pruneVocabulary: texts must be at least one text');
    expect(await failure(['a', 7])).toContain(
      'pruneVocabulary: texts[1] must be a string or a pair',
    );
    expect(await failure(new Set(['a', 7]))).toContain('pruneVocabulary: texts[1] must be');
    expect(await failure(['a'], { mincount: 2 })).toContain('did you mean minCount?');
    expect(await failure(['a'], { minCount: 0 })).toContain(
      'minCount must be a whole number from 1',
    );
    async function* broken() {
      yield 'a';
      throw new Error('the source failed');
    }
    expect(await failure(broken())).toBe('Error: the source failed');
    const stopped = model.pruneVocabulary(TEXTS, { signal: AbortSignal.abort() });
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

it('a pruned model is trained like any other', async () => {
  await using model = await Classifier.load(fixture('bert-seqcls'));
  await using small = (await model.pruneVocabulary(TEXTS)).model;
  const labels = (await model.info()).labels ?? [];
  const rows = TEXTS.map((text, i) => ({ text, label: labels[i] ?? '' }));
  const { loss: before } = await small.evaluate(rows);
  await small.train(rows, { epochs: 5, learningRate: 1e-2, batchSize: 3 });
  expect((await small.evaluate(rows)).loss).toBeLessThan(before);
  // Those of the original are its own.
  expect((await model.evaluate(rows)).loss).toBeCloseTo(before, 6);
});

it('texts are read behind the prompts of the model too', async () => {
  const folder = join(await temporaryFolder(), 'prompts');
  await cp(fixture('roberta-seqcls'), folder, { recursive: true });
  await using plain = await Encoder.load(folder, { pooling: 'mean' });
  await plain.save(join(folder, 'st'));
  const settings = join(folder, 'st', 'config_sentence_transformers.json');
  await writeFile(settings, JSON.stringify({ prompts: { query: 'it is: ' } }));
  await using model = await Encoder.load(join(folder, 'st'));
  // Behind the prompt the first word has a space before it, which makes other tokens of it.
  await using small = (await model.pruneVocabulary(['the', 'people'])).model;
  for (const options of [{}, { promptName: 'query' }]) {
    const texts = ['the', 'people'];
    expect(await small.embed(texts, options)).toEqual(await model.embed(texts, options));
  }
});

it('a token classifier keeps its words', async () => {
  await using encoder = await Encoder.load(fixture('bert'), { pooling: 'mean' });
  await using model = await TokenClassifier.load(fixture('bert'), { labels: ['O', 'B-A', 'I-A'] });
  await using small = (await model.pruneVocabulary(TEXTS)).model;
  expect(small).toBeInstanceOf(TokenClassifier);
  expect((await small.tokenize(TEXTS[0] ?? '')).tokens).toEqual(
    (await encoder.tokenize(TEXTS[0] ?? '')).tokens,
  );
});
