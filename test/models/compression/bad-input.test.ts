/** What `compress` refuses, and what it says of rows and models that are unusual. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Classifier,
  CrossEncoder,
  Encoder,
  QuestionAnswerer,
  TokenClassifier,
} from '../../../lib/index.js';
import type { CompressProgress } from '../../../lib/models/compression/progress.js';
import { temporaryFolder } from '../../formats/temporary-folder.js';
import { labelModel, labelRows, listModel, QUICK, TINY, textsOf, vectorModel } from './kinds.js';

const SMALL = { ...QUICK, epochs: 1, target: { bytes: 14_000 } } as const;
const rows = labelRows(100);

let model: Classifier<'early' | 'late'>;
beforeAll(async () => {
  model = await labelModel();
});
afterAll(() => model.dispose());

const refused = (options: object) => expect(model.compress({ rows, ...options } as never)).rejects;

describe('compress refuses', () => {
  it('too few rows', async () => {
    await refused({ rows: rows.slice(0, 19) }).toThrow('compress: rows must be at least 20 rows');
    await refused({ rows: [] }).toThrow('compress: rows must be one row or more');
  });

  it('rows for the verdict that are in the rows to learn from, unless that is allowed', async () => {
    const held = rows.slice(70);
    await refused({ eval: held }).toThrow(
      '30 of 30 rows of eval have a text that is in rows too, the first is eval[0]',
    );
    const choice = rows.slice(60, 70);
    await refused({ choice, rows: rows.slice(0, 65) }).toThrow('rows of choice have a text');
    const { model: small, report } = await model.compress({
      ...{ ...SMALL, rows, eval: held, allowOverlap: true },
    });
    await small.dispose();
    expect(report.data.choices?.join('\n')).toContain('this was permitted');
  });

  it('labels that the model does not have, by the name of the row', async () => {
    const other = { text: 'the of', label: 'never' };
    await refused({ rows: [...rows, other] }).toThrow(
      'rows[100].label must be one of "early", "late"',
    );
    await refused({ eval: [other] }).toThrow('compress: eval[0].label must be one of');
    await refused({ rows: [...rows, { text: 4, label: 'late' }] }).toThrow('rows[100].text');
    await refused({ rows: [...rows, null] }).toThrow('rows[100]');
    await refused({ rows: [...rows, { ...rows[0], logits: [1, 2] }] }).toThrow('rows[100].logits');
  });

  it('rows of which some have a label only', async () => {
    await refused({ rows: [...rows, 'the of'] }).toThrow(
      'compress: rows[100] must be a row with an answer',
    );
    await refused({ rows: ['the of', ...rows] }).toThrow(
      'compress: rows[1] must be a row with no answer',
    );
    await refused({ eval: ['of the people'] }).toThrow(
      'compress: eval[0] must be a row with an answer',
    );
  });

  it('rows that other kinds of models cannot read', async () => {
    await using tags = await TokenClassifier.load(TINY, { labels: ['O', 'B-x'], seed: 1 });
    const tagged = [{ words: ['a'], tags: ['B-y'] }];
    await expect(tags.compress({ rows: tagged })).rejects.toThrow('rows[0].tags[0] must be one of');
    await using answers = await QuestionAnswerer.load(TINY, { newHead: true, seed: 1 });
    const asked = [{ question: 'who', context: 'the', answers: [{ text: 'of', start: 0 }] }];
    await expect(answers.compress({ rows: asked })).rejects.toThrow('rows[0].answers[0].start');
    const question = { question: 'who', context: 'the of' };
    const many = textsOf(30).map((context) => ({ question: 'who', context }));
    await expect(answers.compress({ rows: many, unlabelled: ['no pair'] })).rejects.toThrow(
      'unlabelled[0] must be a pair of question and context',
    );
    await expect(answers.compress({ rows: [question, asked[0] as never] })).rejects.toThrow();
    await using pairs = await CrossEncoder.load(TINY, { newHead: true, seed: 1 });
    const alone = [{ query: 'the', positive: 'of' }];
    await expect(pairs.compress({ rows: alone })).rejects.toThrow(
      'rows[0] must be a row with a negative',
    );
    const mixed = [
      { text: 'a', pair: 'b', score: 1 },
      { query: 'a', docs: ['b'], labels: [1] },
    ];
    await expect(pairs.compress({ rows: mixed as never })).rejects.toThrow(
      'rows[1] must be a row of',
    );
    await using vectors = await vectorModel();
    await expect(vectors.compress({ rows: ['a', { anchor: 'a', positive: 'b' }] })).rejects.toThrow(
      'rows[1] must be a row that is judged by',
    );
  });

  it('options of the wrong type, or that it does not know', async () => {
    const wrong: Readonly<Record<string, readonly unknown[]>> = {
      rows: [3, 'rows', null, {}],
      eval: [3, [], 'x', {}],
      choice: [3, [], {}],
      unlabelled: [3, [], {}],
      target: [
        3,
        'fast',
        null,
        { speedup: 'x' },
        { speedup: 0.5 },
        { speedup: 0 },
        { latencyMs: -1 },
        { latencyMs: 0 },
        { bytes: 1.5 },
        { bytes: 0 },
      ],
      maxDrop: ['x', -0.1, 1, Number.NaN, null],
      strict: [1, 'yes', null],
      methods: ['width', [], ['prune'], 3, null],
      student: [3, 'small', null, {}, { layers: 0 }, { heads: 1.5 }, { width: 3 }],
      epochs: [0, 1.5, 'x', null],
      learningRate: [0, -1, 'x', Number.POSITIVE_INFINITY],
      batchSize: [0, 1.5, 'x'],
      seed: [-1, 0.5, 'x'],
      budgetMinutes: [0, -1, 'x'],
      workFolder: [3, {}],
      allowOverlap: [1, 'yes'],
      latency: [3, 'x'],
      onProgress: [3, 'x'],
      signal: [3, {}],
    };
    for (const [name, values] of Object.entries(wrong))
      for (const value of values) {
        const call = model.compress({ rows, [name]: value } as never);
        const error: unknown = await call.then(
          async ({ model: made }) => made.dispose(),
          (found: unknown) => found,
        );
        const text = `${name}: ${JSON.stringify(value)}`;
        expect(error instanceof TypeError || error instanceof RangeError, text).toBe(true);
        expect((error as Error).message, text).toContain(name);
      }
    await refused({ methods: ['student'] }).toThrow('student must be sizes');
    await refused({ target: { tokens: 8 } }).toThrow('target: tokens');
    await refused({ target: { width: 8 } }).toThrow('width');
    await refused({ teacher: model }).toThrow('teacher');
  });

  it('a latency table that is none', async () => {
    await refused({ ...SMALL, target: { speedup: 2 }, latency: {} }).toMatchObject({
      code: 'INVALID_DATA',
    });
  });

  it('the journal of another run, and one that is damaged', async () => {
    const workFolder = await temporaryFolder();
    const { model: small } = await model.compress({ rows, ...SMALL, workFolder });
    await small.dispose();
    await refused({ ...SMALL, workFolder, seed: 8 }).toThrow(
      'is of another compression: its seed is 7, not 8',
    );
    const others = [...rows.slice(1), { text: 'the the the', label: 'late' }];
    await refused({ ...SMALL, workFolder, rows: others }).toThrow('its rows is');
    await refused({ ...SMALL, workFolder, latency: {} }).toThrow('its latency is null');
    await refused({ ...SMALL, workFolder, maxDrop: 0.4 }).toThrow('its maxDrop is 0.5');
    await writeFile(join(workFolder, 'journal.json'), '{"version": 1, "subj');
    await refused({ ...SMALL, workFolder }).toMatchObject({ code: 'CORRUPT_MODEL' });
    await writeFile(
      join(workFolder, 'journal.json'),
      '{"version": 9, "subject": {}, "stages": {}}',
    );
    await refused({ ...SMALL, workFolder }).toThrow('another version of Sinter');
  });

  it('to go on after an abort', async () => {
    const before = (await model.logits(textsOf(4))).data.slice();
    await refused({ ...SMALL, signal: AbortSignal.abort() }).toMatchObject({ code: 'CANCELLED' });
    const control = new AbortController();
    const onProgress = () => control.abort();
    await refused({ ...SMALL, signal: control.signal, onProgress }).toMatchObject({
      code: 'CANCELLED',
    });
    expect((await model.logits(textsOf(4))).data).toEqual(before);
  });
});

describe('compress says', () => {
  it('that a quantized model was widened', async () => {
    await using int8 = await model.quantize();
    const { model: small, report } = await int8.compress({ rows, ...SMALL });
    await using own = small;
    expect(report.data.choices?.join('\n')).toContain('The original was quantized');
    expect(own.quantization).not.toBeNull();
    // "original" is the model that was given, without the rounding of activations.
    const held = { rows: rows.slice(0, 70), eval: rows.slice(70), choice: rows.slice(50, 70) };
    const plain = await int8.compress({
      ...{ ...SMALL, ...held, allowOverlap: true, methods: ['vocabulary'], target: {} },
    });
    await using wide = plain.model;
    expect(wide.quantization).toBeNull();
    const [f32, was, is] = [model, int8, wide].map((one) => one.logits(textsOf(9)));
    const [plainLogits, codes, found] = await Promise.all([f32, was, is]);
    for (const [i, value] of found?.data.entries() ?? []) {
      expect(Math.abs(value - (plainLogits?.data[i] ?? 9))).toBeLessThan(0.1);
      expect(Math.abs(value - (codes?.data[i] ?? 9))).toBeLessThan(0.1);
    }
    expect(int8.quantization).not.toBeNull();
    expect((await int8.predict(['the of'])).length).toBe(1);
  });

  it('that no form passes, with the best that was found', async () => {
    await using vectors = await vectorModel();
    const { model: small, report } = await vectors.compress({
      ...{ ...SMALL, rows: textsOf(100), target: { bytes: 12_000 }, maxDrop: 0 },
      methods: ['vocabulary', 'depth', 'width', 'quantize'],
    });
    await using own = small;
    const { passes, candidate, metric, reason } = report.verdict;
    expect(metric).toBe('Spearman with the original');
    expect(candidate.score).toBeLessThan(1);
    expect(passes).toBe(false);
    expect(reason).toContain(metric);
    expect((await own.embed(['the of'])).rows).toBe(1);
  });

  it('that no shape at all is small enough', async () => {
    const { model: small, report } = await model.compress({
      ...SMALL,
      rows,
      target: { bytes: 10 },
    });
    await using own = small;
    expect((await own.predict(['the of'])).length).toBe(1);
    const text = `${report.verdict.reason} ${report.data.choices?.join('\n')}`;
    expect(text).toContain('10');
    expect(report.verdict.passes).toBe(false);
  });

  it('that nothing has to go for a target that the model meets already', async () => {
    const { model: small, report } = await model.compress({
      ...{ ...SMALL, rows, target: { bytes: 1e6 }, methods: ['depth', 'width', 'distil'] },
    });
    await using own = small;
    expect((await own.info()).parameters).toBe((await model.info()).parameters);
    expect(report.verdict.passes).toBe(true);
    expect((await model.predict(['the of'])).length).toBe(1);
  });

  it('that the time was over, and trains nothing then', async () => {
    const seen: CompressProgress[] = [];
    const { model: small, report } = await model.compress({
      ...{ ...SMALL, rows, budgetMinutes: 1e-6 },
      onProgress: (progress) => seen.push(progress),
    });
    await using own = small;
    expect(report.data.choices?.join('\n')).toContain('The time was over');
    expect(report.data.isCutShort).toBe(true);
    const stages = report.data.stages?.map(({ name }) => name);
    expect(stages).toEqual(['original', 'precision', 'verdict']);
    expect(report.data.variants.filter(({ role }) => role === 'candidate')).toEqual([]);
    // The target was not looked for, so it is missed; int8 takes no search.
    expect(report.verdict.passes).toBe(false);
    expect(own.quantization).not.toBeNull();
    expect((await own.info()).compression).toMatchObject({ isCutShort: true });
    expect((await own.predict(['the of'])).length).toBe(1);
  });

  it('nothing of the time where it was enough', async () => {
    const { model: small, report } = await model.compress({ ...SMALL, rows, budgetMinutes: 60 });
    await small.dispose();
    expect(report.data.isCutShort).toBe(false);
    expect(report.data.choices?.join('\n')).not.toContain('The time was over');
  });

  it('a time that is over before the first training, and gives the shape that was measured', async () => {
    const begin = performance.now();
    const { model: small, report } = await model.compress({
      ...{ ...SMALL, rows, budgetMinutes: 0.2 },
      // Holds the search up after the first shape, until its 12 seconds are over.
      onProgress: ({ message }) => {
        while (message.includes('before training') && performance.now() - begin < 12_100);
      },
    });
    await using own = small;
    expect(report.data.isCutShort).toBe(true);
    expect(report.data.choices?.join('\n')).toContain('Best after 0 passes');
    expect((await own.info()).storedBytes).toBeLessThanOrEqual(14_000 * 1.1);
  });
});

describe('rows without labels', () => {
  it('are answered by the original, which is the truth too', async () => {
    for (const made of [textsOf(100), textsOf(100).map((text) => ({ text }))]) {
      const { model: small, report } = await model.compress({ ...SMALL, rows: made });
      await small.dispose();
      expect(report.verdict.metric).toBe('agreement with the original');
      expect(report.verdict.original.score).toBe(1);
    }
  });

  it('may be judged by rows with labels', async () => {
    const held = rows.slice(70);
    const { model: small, report } = await model.compress({
      ...{ ...SMALL, rows: textsOf(70), eval: held, choice: textsOf(70).slice(0, 20) },
      allowOverlap: true,
    });
    await using own = small;
    expect(report.verdict.metric).toBe('accuracy');
    expect(report.verdict.candidate.score).toBe((await own.evaluate(held)).accuracy);
  });

  it('of all kinds of models', async () => {
    await using list = await listModel();
    await using tags = await TokenClassifier.load(TINY, { labels: ['O', 'B-x'], seed: 1 });
    await using answers = await QuestionAnswerer.load(TINY, { newHead: true, seed: 1 });
    await using pairs = await CrossEncoder.load(TINY, { newHead: true, seed: 1 });
    const texts = textsOf(60);
    const all = [
      await list.compress({ ...SMALL, rows: texts }),
      await tags.compress({ ...SMALL, rows: texts.map((text) => ({ words: text.split(' ') })) }),
      await answers.compress({
        ...{ ...SMALL, rows: texts.map((context) => ({ question: 'who', context })) },
        unlabelled: [['who', 'the states of the people']],
      }),
      await pairs.compress({
        ...{ ...SMALL, rows: texts.map((text) => ({ text, pair: 'of the people' })) },
        unlabelled: [['the of', 'and to']],
      }),
    ];
    for (const { model: small, report } of all) {
      await small.dispose();
      expect(report.verdict.metric).toContain('with the original');
      expect(report.verdict.original.score).toBeCloseTo(1, 12);
    }
  });

  it('stand beside rows with labels as unlabelled texts', async () => {
    const unlabelled = textsOf(120).slice(100);
    const { model: small, report } = await model.compress({ ...SMALL, rows, unlabelled });
    await small.dispose();
    expect(report.verdict.metric).toBe('accuracy');
    await using encoder = await Encoder.load(TINY, { pooling: 'mean' });
    const found = await encoder.compress({ ...SMALL, rows: textsOf(60), unlabelled });
    await found.model.dispose();
    expect(found.report.data.data).toContainEqual({ use: 'texts without labels', rows: 20 });
  });
});
