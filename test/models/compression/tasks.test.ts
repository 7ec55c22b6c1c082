/** Every kind of model is compressed, saved, loaded with equal bits, and exported for ONNX Runtime with the same answers. */

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  Classifier,
  CrossEncoder,
  Encoder,
  QuestionAnswerer,
  TokenClassifier,
} from '../../../lib/index.js';
import { insideOf, type TextModel } from '../../../lib/models/text-model.js';
import { runBatch, trimSegments } from '../../../lib/runtime/forward.js';
import type { TextInput } from '../../../lib/tokenize/text-tokenizer.js';
import { temporaryFolder } from '../../formats/temporary-folder.js';
import { runOnnx } from '../run-onnx.js';
import {
  answerModel,
  answerRows,
  labelModel,
  labelRows,
  listModel,
  listRows,
  pairModel,
  pairRows,
  QUICK,
  rankedRows,
  tagModel,
  tagRows,
  textsOf,
  valueModel,
  valueRows,
  vectorModel,
} from './kinds.js';

const SMALL = { ...QUICK, target: { bytes: 14_000 } } as const;
const probe = textsOf(12);

/** Saves a model and loads it again. */
async function again<M extends TextModel>(
  model: M,
  load: (folder: string) => Promise<M>,
): Promise<M> {
  const folder = join(await temporaryFolder(), 'model');
  await model.save(folder);
  return load(folder);
}

async function onnxOf(model: TextModel, output: string, texts: readonly TextInput[] = probe) {
  const file = join(await temporaryFolder(), 'model.onnx');
  await model.exportOnnx(file);
  return runOnnx(file, model, output, texts);
}

/** Both logits of every token. */
async function tokenLogits(model: TextModel, texts: readonly TextInput[]) {
  const { tokenizer, graph, program } = insideOf(model).parts;
  const options = { maxTokens: graph.maxTokens, where: 'test' };
  const batch = trimSegments(graph, await tokenizer.encode(texts, options));
  const data = new Float32Array(2 * batch.ids.length);
  await program.use('test', (own) =>
    runBatch(own, batch, 'logits', data, { where: 'test', signal: undefined }),
  );
  return { offsets: batch.offsets, data };
}

const argmaxes = (data: ArrayLike<number>, width: number) =>
  Array.from({ length: data.length / width }, (_, row) => {
    const own = Array.from({ length: width }, (__, i) => data[row * width + i] ?? 0);
    return own.indexOf(Math.max(...own));
  });

describe('compress', () => {
  it('makes a classifier with one label smaller', async () => {
    await using model = await labelModel();
    const before = (await model.logits(probe)).data.slice();
    const { model: small, report } = await model.compress({ rows: labelRows(100), ...SMALL });
    await using own = small;
    expect((await own.info()).storedBytes).toBeLessThanOrEqual(14_000 * 1.1);
    expect(report.verdict.metric).toBe('accuracy');
    expect(own.quantization).not.toBeNull();
    expect((await model.logits(probe)).data).toEqual(before);
    await using loaded = await again(own, (folder) => Classifier.load<'early' | 'late'>(folder));
    const { data } = await own.logits(probe);
    expect((await loaded.logits(probe)).data).toEqual(data);
    expect((await loaded.info()).compression).toBeDefined();
    expect(argmaxes(await onnxOf(own, 'logits'), 2)).toEqual(argmaxes(data, 2));
  });

  it('makes a classifier with several labels smaller, which keeps its thresholds', async () => {
    await using model = await listModel();
    await model.fitThresholds(listRows(100).slice(80));
    const { model: small, report } = await model.compress({ rows: listRows(100), ...SMALL });
    await using own = small;
    expect(report.verdict.metric).toBe('micro F1');
    const problem = 'multi_label_classification';
    await using loaded = await again(own as never, (folder) =>
      Classifier.load(folder, { problem }),
    );
    const found = await own.predict(probe);
    expect(await loaded.predict(probe)).toEqual(found);
    expect((await own.info()).thresholds).toEqual((await model.info()).thresholds);
    // The verdict is that of `evaluate`, which has the thresholds.
    const logits = await onnxOf(own, 'logits');
    const signs = (data: ArrayLike<number>) => Array.from(data, (one) => one > 0);
    expect(signs(logits)).toEqual(signs((await own.logits(probe)).data));
  });

  it('makes a regression smaller', async () => {
    await using model = await valueModel();
    const { model: small, report } = await model.compress({ rows: valueRows(100), ...SMALL });
    await using own = small;
    expect(report.verdict.metric).toBe('Spearman');
    await using loaded = await again(own as never, (folder) =>
      Classifier.load(folder, { problem: 'regression' }),
    );
    expect(await loaded.predict(probe)).toEqual(await own.predict(probe));
    const found = await onnxOf(own, 'logits');
    const { data } = await own.logits(probe);
    for (const [i, one] of data.entries())
      expect(Math.abs((found[i] ?? 9) - one)).toBeLessThan(0.03);
  });

  it('makes a classifier of tokens smaller', async () => {
    await using model = await tagModel();
    const rows = tagRows(100);
    const held = rows.slice(80);
    const options = { rows: rows.slice(0, 80), eval: held, choice: rows.slice(60, 80) };
    const { model: small, report } = await model.compress({
      ...{ ...options, allowOverlap: true },
      ...SMALL,
    });
    await using own = small;
    const { verdict } = report;
    expect(verdict.metric).toBe('entity F1');
    // Per-row counts add up to what `evaluate` says.
    expect(verdict.original.score).toBeCloseTo((await model.evaluate(held)).f1, 12);
    expect(verdict.candidate.score).toBeCloseTo((await own.evaluate(held)).f1, 12);
    await using loaded = await again(own as never, (folder) => TokenClassifier.load(folder));
    const found = await own.predict(probe, { aggregation: 'none' });
    expect(await loaded.predict(probe, { aggregation: 'none' })).toEqual(found);
    const logits = await onnxOf(own, 'logits', [probe[0] ?? '']);
    const named = argmaxes(logits, 2).filter((best) => best === 1).length;
    expect(named).toBeGreaterThanOrEqual(found[0]?.length ?? 0);
  });

  it('makes a question answerer smaller', async () => {
    await using model = await answerModel();
    const rows = answerRows(100);
    const held = rows.slice(80);
    const { model: small, report } = await model.compress({
      ...{ rows: rows.slice(0, 80), eval: held, choice: rows.slice(60, 80), allowOverlap: true },
      ...SMALL,
    });
    await using own = small;
    const { verdict } = report;
    expect(verdict.metric).toBe('answer F1');
    expect(verdict.original.score).toBeCloseTo((await model.evaluate(held)).f1, 12);
    expect(verdict.candidate.score).toBeCloseTo((await own.evaluate(held)).f1, 12);
    await using loaded = await again(own, (folder) => QuestionAnswerer.load(folder));
    const { question, context } = held[0] ?? { question: '', context: '' };
    expect(await loaded.answer(question, context)).toEqual(await own.answer(question, context));
    const pairs = held.slice(0, 6).map((row) => [row.question, row.context] as const);
    const { offsets, data } = await tokenLogits(own, pairs);
    const longest = Math.max(...pairs.map((_, i) => (offsets[i + 1] ?? 0) - (offsets[i] ?? 0)));
    for (const [column, output] of ['start_logits', 'end_logits'].entries()) {
      const exported = await onnxOf(own, output, pairs);
      expect(exported).toHaveLength(pairs.length * longest);
      for (const [row, begin] of [...offsets].slice(0, -1).entries()) {
        for (let token = begin; token < (offsets[row + 1] ?? 0); token++) {
          const logit = exported[row * longest + token - begin] ?? 99;
          expect(Math.abs(logit - (data[2 * token + column] ?? 0)), output).toBeLessThan(0.05);
        }
      }
    }
  });

  it('makes a cross-encoder of pairs smaller', async () => {
    await using model = await pairModel();
    const { model: small, report } = await model.compress({ rows: pairRows(120), ...SMALL });
    await using own = small;
    expect(report.verdict.metric).toBe('Spearman');
    await using loaded = await again(own, (folder) => CrossEncoder.load(folder));
    const pairs = pairRows(12).map(({ text, pair }) => [text, pair] as const);
    const scores = await own.score(pairs);
    expect(await loaded.score(pairs)).toEqual(scores);
    const logits = await onnxOf(own, 'logits', pairs);
    expect(logits).toHaveLength(pairs.length);
    for (const [i, logit] of logits.entries())
      expect(Math.abs(1 / (1 + Math.exp(-logit)) - (scores[i] ?? 9))).toBeLessThan(0.01);
  });

  it('makes a cross-encoder of queries smaller', async () => {
    await using model = await pairModel();
    const rows = rankedRows(80);
    const held = rows.slice(60);
    const { model: small, report } = await model.compress({
      ...{ rows: rows.slice(0, 60), eval: held, choice: rows.slice(40, 60), allowOverlap: true },
      ...SMALL,
    });
    await using own = small;
    expect(report.verdict.metric).toBe('NDCG@10');
    expect(report.verdict.original.score).toBeCloseTo((await model.evaluate(held)).ndcg, 12);
    expect(report.verdict.candidate.score).toBeCloseTo((await own.evaluate(held)).ndcg, 12);
  });

  it('makes an encoder smaller, on texts alone', async () => {
    await using model = await vectorModel();
    const { model: small, report } = await model.compress({ rows: textsOf(100), ...SMALL });
    await using own = small;
    expect(report.verdict.metric).toBe('Spearman with the original');
    await using loaded = await again(own, (folder) => Encoder.load(folder));
    const { data } = await own.embed(probe);
    expect((await loaded.embed(probe)).data).toEqual(data);
    const found = await onnxOf(own, 'sentence_embedding');
    for (const [i, one] of data.entries())
      expect(Math.abs((found[i] ?? 9) - one)).toBeLessThan(0.03);
  });
});
