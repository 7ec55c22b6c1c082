/** Histograms of numbers: exact counts whatever the order, and those of the layers of a model before and after int8. */
import { describe, expect, it } from 'vitest';
import { sharedBins } from '../../lib/compress/histogram-pair.js';
import { layerHistograms } from '../../lib/compress/layer-histograms.js';
import { quantizeModel } from '../../lib/compress/quantize-model.js';
import { layerProducts } from '../../lib/graph/rewrite/layer-products.js';
import { unitsOf } from '../../lib/graph/rewrite/units.js';
import type { NativeCounts, NativeHistogram } from '../../lib/native/compression.js';
import { native } from '../../lib/native/native.js';
import { readWhole } from '../../lib/runtime/program.js';
import { Random } from '../kernels/native-test.js';
import { engine } from '../native/toy.js';
import { embedded, fixtureModel, using } from './models.js';

engine();

const made = (): NativeHistogram => new (native().Histogram)();

/** What a histogram of these numbers must hold, counted one number after the other. */
function plainCounts(values: Float32Array, { width }: NativeCounts) {
  const [negative, positive] = [new Float64Array(4096), new Float64Array(4096)];
  let zeros = 0;
  for (const value of values) {
    if (value === 0) zeros += 1;
    const bins = value < 0 ? negative : positive;
    const bin = Math.floor(Math.abs(value) / width);
    if (value !== 0) bins[bin] = (bins[bin] ?? 0) + 1;
  }
  const sorted = values.toSorted();
  const [min = 0, max = 0] = [sorted[0], sorted.at(-1)];
  return { width, negative, positive, zeros, min, max };
}

const join = (...lists: readonly Float32Array[]) =>
  Float32Array.from(lists.flatMap((list) => [...list]));

describe('a histogram', () => {
  const random = new Random(3);
  const small = random.floats(70_000).map((one, i) => (i % 11 === 0 ? 0 : one * 1e-3));
  const large = random.floats(3001).map((one) => one * 700);

  it('counts every number once, however often its bins are widened', async () => {
    const histogram = made();
    for (const values of [small, new Float32Array(), large, small])
      await histogram.add(values, null);
    const counts = await histogram.counts();
    expect(counts).toEqual(plainCounts(join(small, large, small), counts));
    expect(Number.isInteger(Math.log2(counts.width))).toBe(true);
    const largest = Math.max(-counts.min, counts.max);
    expect(largest / counts.width).toBeLessThan(4096);
    expect(largest / counts.width).toBeGreaterThanOrEqual(2048);
  });

  it('does not depend on the order of the numbers or the pieces', async () => {
    const [one, other] = [made(), made()];
    await one.add(join(small, large), null);
    await other.add(large.toReversed(), null);
    for (let i = 0; i < small.length; i += 997) await other.add(small.slice(i, i + 997), null);
    expect(await other.counts()).toEqual(await one.counts());
  });

  it('multiplies columns by factors', async () => {
    const factors = Float32Array.of(2, 0, -0.5);
    const values = random.floats(3 * 400);
    const histogram = made();
    await histogram.add(values, factors);
    const counts = await histogram.counts();
    const wanted = values.map((one, i) => one * (factors[i % 3] ?? 0));
    expect(counts).toEqual(plainCounts(wanted, counts));
  });

  it('refuses a number that is not finite, and keeps what it had', async () => {
    const histogram = made();
    await histogram.add(large, null);
    const before = await histogram.counts();
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const call = histogram.add(Float32Array.of(1e9, bad), null);
      await expect(call).rejects.toMatchObject({ code: 'INVALID_DATA' });
    }
    expect(await histogram.counts()).toEqual(before);
  });

  it('holds zeros alone, denormal numbers and the largest', async () => {
    const histogram = made();
    await histogram.add(new Float32Array(5), null);
    expect(await histogram.counts()).toMatchObject({ width: 0, zeros: 5, min: 0, max: 0 });
    const values = Float32Array.of(1e-45, -1e-40, 0, 3.4e38);
    await histogram.add(values, null);
    const counts = await histogram.counts();
    expect(counts).toEqual(plainCounts(join(new Float32Array(5), values), counts));
  });
});

describe('sharedBins', () => {
  const countsOf = async (values: Float32Array) => {
    const histogram = made();
    await histogram.add(values, null);
    return histogram.counts();
  };
  const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);

  it('has few bins around multiples of one width, and all numbers in both', async () => {
    const random = new Random(8);
    const before = random.floats(5000).map((one) => one * 3 + 1);
    const after = random.floats(300).map((one) => Math.round(one * 10) / 100);
    const bins = sharedBins(await countsOf(before), await countsOf(after));
    if (bins === null) throw new Error('no bins');
    expect([sum(bins.before), sum(bins.after)]).toEqual([5000, 300]);
    expect(bins.before.length).toBeLessThanOrEqual(96);
    expect(bins.before.length).toBeGreaterThan(32);
    const width = (bins.high - bins.low) / bins.before.length;
    expect(bins.low / width + 0.5).toBe(Math.round(bins.low / width + 0.5));
    const inBin = (values: Float32Array, i: number) =>
      values.filter((one) => Math.floor((one - bins.low) / width) === i).length;
    bins.before.forEach((count, i) => {
      expect(count, `bin ${i}`).toBe(inBin(before, i));
    });
    bins.after.forEach((count, i) => {
      expect(count, `bin ${i}`).toBe(inBin(after, i));
    });
  });

  it('is of one bin for zeros alone, and nothing for nothing', async () => {
    const zeros = await countsOf(new Float32Array(4));
    expect(sharedBins(zeros, zeros)).toEqual({ low: -0.5, high: 0.5, before: [4], after: [4] });
    const nothing = await countsOf(new Float32Array());
    expect(sharedBins(nothing, nothing)).toBeNull();
    expect(sharedBins(zeros, nothing)).toMatchObject({ before: [4], after: [0] });
  });
});

describe('layerProducts', () => {
  it('has the products of each layer, in every family', async () => {
    for (const name of ['bert', 'modernbert', 'albert', 'deberta-v2-seqcls', 'mpnet']) {
      const { graph, program } = await fixtureModel(name);
      const layers = layerProducts(graph);
      expect(layers, name).toHaveLength(graph.nodes.filter(({ op }) => op === 'attention').length);
      const ends = unitsOf(graph).neurons.map(({ value }) => value);
      expect(layers.map((nodes) => nodes.at(-1)?.input)).toEqual(ends);
      for (const nodes of layers) {
        expect(nodes.length, name).toBeGreaterThanOrEqual(4);
        expect(nodes.length, name).toBe(layers[0]?.length);
      }
      await program.retire();
    }
  });
});

describe('layerHistograms of MiniLM', { timeout: 60_000 }, () => {
  it('in f32 and int8 count the same numbers, spread alike', async () => {
    const model = await embedded();
    const small = await using(model, (program) => quantizeModel(model, program, {}));
    const found = await using(model, (own) =>
      using(small, (program) =>
        layerHistograms(
          'test',
          { parts: model, program: own },
          { parts: small, program },
          {
            ...{ layers: [0, 1, 2, 3, 4, 5], texts: ['a red car', 'the weather of a long day'] },
          },
        ),
      ),
    );
    expect(found.map(({ layer, kind }) => `${kind} ${layer}`)).toEqual([
      'weight null',
      ...[0, 1, 2, 3, 4, 5].map((layer) => `weight ${layer}`),
      ...[0, 1, 2, 3, 4, 5].map((layer) => `activation ${layer}`),
    ]);
    const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);
    // Query, key, value and the output of attention, then both products of the feed-forward part.
    const each = 4 * 384 * 384 + 2 * 384 * 1536;
    const tokens = 5 + 8;
    for (const { layer, kind, before, after } of found) {
      const wanted =
        kind === 'activation' ? tokens * (3 * 384 + 1536) : layer === null ? 30522 * 384 : each;
      expect([sum(before), sum(after)], `${kind} ${layer}`).toEqual([wanted, wanted]);
      const total = before.reduce((all, one, i) => all + Math.abs(one - (after[i] ?? 0)), 0);
      // int8 moves numbers to a neighbouring bin at most, but rarely.
      expect(total / wanted, `${kind} ${layer}`).toBeLessThan(0.1);
      expect(total, `${kind} ${layer}`).toBeGreaterThan(0);
    }
    await small.program.retire();
    await model.program.retire();
  });

  it('of a layer are those of its weights', async () => {
    const model = await fixtureModel('bert');
    await using(model, async (program) => {
      const own = { parts: model, program };
      const [tokens, first, second] = await layerHistograms('test', own, own, {
        ...{ layers: [0, 2], texts: ['the people'] },
      });
      expect(tokens?.layer).toBeNull();
      expect([first?.layer, second?.layer]).toEqual([0, 2]);
      const names = layerProducts(model.graph)[0]?.flatMap(({ weights }) => weights) ?? [];
      const values: number[] = [];
      for (const weight of model.graph.weights.filter(({ name }) => names.includes(name))) {
        const [bytes] = await readWhole('test', program.store, weight, 'f32');
        values.push(...new Float32Array(bytes?.buffer ?? new ArrayBuffer(0)));
      }
      const { low = 0, high = 0, before = [] } = first ?? {};
      const width = (high - low) / before.length;
      before.forEach((count, i) => {
        const inside = values.filter((one) => Math.floor((one - low) / width) === i).length;
        expect(count, `bin ${i}`).toBe(inside);
      });
    });
    await model.program.retire();
  });

  it('is cancelled', async () => {
    const model = await fixtureModel('bert');
    await using(model, async (program) => {
      const own = { parts: model, program };
      const call = layerHistograms('test', own, own, {
        ...{ layers: [0], texts: ['the people'], signal: AbortSignal.abort() },
      });
      await expect(call).rejects.toMatchObject({ code: 'CANCELLED' });
    });
    await model.program.retire();
  });
});
