/** Each method by itself does what it says, and nothing else. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unitsOf } from '../../../lib/graph/rewrite/units.js';
import type { Classifier } from '../../../lib/index.js';
import type { CompressMethod } from '../../../lib/models/compression/options.js';
import { insideOf } from '../../../lib/models/text-model.js';
import { labelModel, labelRows, QUICK, textsOf } from './kinds.js';

const rows = labelRows(100);
const probe = textsOf(12);

let model: Classifier<'early' | 'late'>;
beforeAll(async () => {
  model = await labelModel();
});
afterAll(() => model.dispose());

/** What a compression may change. */
async function formOf(one: Classifier<'early' | 'late'>) {
  const { graph } = insideOf(one).parts;
  const { heads, neurons } = unitsOf(graph);
  const sum = (units: readonly { readonly count: number }[]) =>
    units.reduce((all, { count }) => all + count, 0);
  return {
    tokens: graph.vocabulary,
    layers: heads.length,
    heads: sum(heads),
    neurons: sum(neurons),
    isInt8: one.quantization !== null,
  };
}

const sumOf = (counts: readonly number[]) => counts.reduce((all, count) => all + count, 0);

const compressed = (methods: readonly CompressMethod[], target = {}) =>
  model.compress({ ...QUICK, rows, methods, target });

describe('compress with one method', () => {
  it('vocabulary: tokens go, the bits of known texts stay', async () => {
    const { model: small, report } = await compressed(['vocabulary']);
    await using own = small;
    const before = await formOf(model);
    const after = await formOf(own);
    expect(after.tokens).toBeLessThan(before.tokens);
    expect(after).toEqual({ ...before, tokens: after.tokens });
    expect((await own.logits(probe)).data).toEqual((await model.logits(probe)).data);
    expect(report.verdict.drop).toBe(0);
  });

  it('depth: layers go, those that stay have their widths and weights', async () => {
    const { model: small, report } = await compressed(['depth'], { speedup: 1.3 });
    await using own = small;
    const before = await formOf(model);
    const after = await formOf(own);
    expect(after.layers).toBeLessThan(before.layers);
    const share = after.layers / before.layers;
    expect(after).toEqual({
      ...{ ...before, layers: after.layers },
      ...{ heads: before.heads * share, neurons: before.neurons * share },
    });
    expect(report.data.variants.every(({ precision }) => precision !== 'int8')).toBe(true);
    const { histograms = [], widths = [] } = report.data;
    const stays = widths.filter(({ heads }) => (heads?.kept ?? 0) > 0).map(({ name }) => name);
    expect(stays).toHaveLength(after.layers);
    for (const kind of ['weight', 'activation']) {
      const own = histograms.filter((one) => one.kind === kind && one.name !== 'tokens');
      expect(own.map(({ name }) => name)).toEqual(stays);
    }
    // There was no training.
    const weights = histograms.filter(({ kind }) => kind === 'weight');
    for (const { before: counted, after: now } of weights) expect(now).toEqual(counted);
    expect(weights.every((one) => sumOf(one.after) > 0)).toBe(true);
  });

  it('width: heads and neurons go, layers stay', async () => {
    const { model: small } = await compressed(['width'], { bytes: 55_000 });
    await using own = small;
    const before = await formOf(model);
    const after = await formOf(own);
    expect(after.heads + after.neurons).toBeLessThan(before.heads + before.neurons);
    expect(after).toMatchObject({ tokens: before.tokens, layers: before.layers, isInt8: false });
  });

  it('low-rank: a search for few bytes may factorise the table of tokens', async () => {
    const target = { bytes: 26_000 };
    const without = await compressed(['depth', 'width'], target);
    await without.model.dispose();
    expect(without.report.verdict.passes).toBe(false);
    const { model: small, report } = await compressed(['depth', 'width', 'low-rank'], target);
    await using own = small;
    expect(report.verdict.reason).not.toContain('was not reached');
    expect((await own.info()).storedBytes).toBeLessThanOrEqual(1.05 * target.bytes);
    const chosen = report.data.variants.find(({ role }) => role === 'chosen');
    expect(chosen?.name).toContain('embedding size');
    const { graph } = insideOf(own).parts;
    expect(graph.weights.some(({ name }) => name.endsWith('embeddings.low_rank_a.weight'))).toBe(
      true,
    );
    const again = await compressed(['depth', 'width', 'low-rank'], target);
    await using second = again.model;
    expect((await second.logits(probe)).data).toEqual((await own.logits(probe)).data);
  });

  it('quantize: int8 and nothing else', async () => {
    const { model: small, report } = await compressed(['quantize']);
    await using own = small;
    expect(await formOf(own)).toEqual({ ...(await formOf(model)), isInt8: true });
    expect(own.labels).toEqual(model.labels);
    const layers = [0, 1, 2].map((layer) => `layer ${layer}`);
    const names = (report.data.histograms ?? []).map(({ name, kind }) => `${name} ${kind}`);
    expect(names).toEqual([
      ...['tokens', ...layers].map((name) => `${name} weight`),
      ...layers.map((name) => `${name} activation`),
    ]);
  });

  it('distil: the same form, trained', async () => {
    const { model: small, report } = await compressed(['distil']);
    await using own = small;
    expect(await formOf(own)).toEqual(await formOf(model));
    const chosen = report.data.variants.find(({ role }) => role === 'chosen');
    const original = report.data.variants.find(({ role }) => role === 'original');
    expect(chosen?.score).toBeGreaterThanOrEqual(original?.score ?? 2);
    const { data } = await own.logits(probe);
    expect(data).not.toEqual((await model.logits(probe)).data);
  });
});
