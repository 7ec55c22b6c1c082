/** A student of given sizes: it has them, learns from the original, and is saved, loaded and exported like any model. */

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unitsOf } from '../../../lib/graph/rewrite/units.js';
import { Classifier, type Encoder } from '../../../lib/index.js';
import { insideOf } from '../../../lib/models/text-model.js';
import { temporaryFolder } from '../../formats/temporary-folder.js';
import { runOnnx } from '../run-onnx.js';
import { labelModel, labelRows, QUICK, textsOf, vectorModel } from './kinds.js';

const rows = labelRows(100);
const probe = textsOf(12);

let model: Classifier<'early' | 'late'>;
beforeAll(async () => {
  model = await labelModel();
});
afterAll(() => model.dispose());

const SIZES = {
  ...{ layers: 2, hiddenSize: 12, heads: 3, intermediateSize: 16, embeddingSize: 6 },
} as const;

describe('compress with a student', { timeout: 120_000 }, () => {
  it('gives a model of its sizes, in int8, which is a full model', async () => {
    const { model: small, report } = await model.compress({
      ...{ ...QUICK, epochs: 6, rows, student: SIZES },
    });
    await using own = small;
    const { graph } = insideOf(own).parts;
    const { heads, neurons } = unitsOf(graph);
    expect(heads.map(({ count }) => count)).toEqual([3, 3]);
    expect(neurons.map(({ count }) => count)).toEqual([16, 16]);
    const tables = graph.nodes.filter((node) => node.op === 'embedding');
    const token = tables.flatMap((node) => node.tables).find(({ index }) => index === 'token');
    const table = graph.weights.find(({ name }) => name === token?.weight);
    expect(table?.shape).toEqual([graph.vocabulary, 6]);
    expect(table?.dtype).toBe('s8');
    expect(report.data.settings).toMatchObject({ student: SIZES });
    const chosen = report.data.variants.find(({ role }) => role === 'chosen');
    expect(chosen?.name).toContain('hidden size 12, embedding size 6');
    const ends = graph.weights.find(({ name }) => name.endsWith('0.output.dense.weight'));
    expect(ends?.shape).toEqual([12, 16]);
    const stages = report.data.stages?.map(({ name }) => name);
    expect(stages).toEqual(['original', 'vocabulary', 'recovery', 'precision', 'verdict']);
    const layers = (report.data.histograms ?? []).map(({ name, kind }) => `${kind} ${name}`);
    expect(layers).toHaveLength(5);
    const folder = join(await temporaryFolder(), 'model');
    await own.save(folder);
    await using loaded = await Classifier.load<'early' | 'late'>(folder);
    const { data } = await own.logits(probe);
    expect((await loaded.logits(probe)).data).toEqual(data);
    const file = join(folder, 'model.onnx');
    await own.exportOnnx(file);
    const found = await runOnnx(file, own, 'logits', probe);
    for (const [i, one] of data.entries())
      expect(Math.abs((found[i] ?? 99) - one)).toBeLessThan(0.05);
    await using imported = await Classifier.load(file, { labels: ['early', 'late'] });
    const again = (await imported.logits(probe)).data;
    for (const [i, one] of data.entries())
      expect(Math.abs((again[i] ?? 99) - one)).toBeLessThan(0.05);
  });

  it('without distil is untrained, and training makes it better', async () => {
    const options = {
      ...QUICK,
      rows,
      student: { layers: 1, heads: 1, intermediateSize: 1, embeddingSize: 1 },
    };
    const plain = await model.compress({ ...options, methods: ['student'] });
    await using untrained = plain.model;
    expect(untrained.quantization).toBeNull();
    expect(insideOf(untrained).parts.graph.vocabulary).toBe(insideOf(model).parts.graph.vocabulary);
    const taught = await model.compress({
      ...{ ...options, epochs: 12, methods: ['student', 'distil'] },
    });
    await using trained = taught.model;
    const { verdict } = taught.report;
    expect(verdict.candidate.score).toBeGreaterThan(plain.report.verdict.candidate.score);
    expect(trained.labels).toEqual(model.labels);
  });

  it('of an encoder keeps the size of the vectors', async () => {
    await using encoder = await vectorModel();
    const { model: small } = await encoder.compress({
      ...{ ...QUICK, rows: textsOf(100), student: { layers: 1, embeddingSize: 8 } },
    });
    await using own: Encoder = small;
    expect((await own.embed(probe)).cols).toBe((await encoder.embed(probe)).cols);
    const narrow = encoder.compress({ rows: textsOf(100), student: { hiddenSize: 12 } });
    await expect(narrow).rejects.toThrow('compress: student: hiddenSize would shorten the vectors');
  });

  it('refuses sizes that the model does not have, and options that contradict each other', async () => {
    const refused = (options: object) =>
      expect(model.compress({ rows, ...options } as never)).rejects;
    await refused({ student: {} }).toThrow('compress: student must be one size or more');
    await refused({ student: { layers: 0 } }).toThrow('compress: student: layers must be');
    await refused({ student: { hidden: 4 } }).toThrow('unknown option "hidden"');
    await refused({ student: { hiddenSize: 4096 } }).toThrow(
      'compress: student: the hidden size must be from 1',
    );
    await refused({ student: { hiddenSize: 8, embeddingSize: 8 } }).toThrow(
      'compress: student: the embedding size must be below 8, got 8',
    );
    await refused({ student: { layers: 9 } }).toThrow(
      'compress: student: layers must be at most 3, as the model has, got 9',
    );
    await refused({ student: { embeddingSize: 4096 } }).toThrow(
      'compress: student: the embedding size must be from 1',
    );
    await refused({ methods: ['student'] }).toThrow(
      'compress: student must be sizes for the method student',
    );
    await refused({ student: SIZES, methods: ['distil'] }).toThrow(
      'compress: methods must be a list with student',
    );
    await refused({ student: SIZES, methods: ['student', 'width'] }).toThrow(
      'compress: methods must be a list without depth, width, low-rank beside student, got "width"',
    );
  });
});
