/**
 * `sinter bench`: what it advises from which figures, and a real run on a tiny model.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { advise, adviseBatches, type Fidelity } from '../../lib/cli/advice.js';
import { fidelityOf } from '../../lib/cli/fidelity.js';
import { type BatchSpeed, type LaneSpeed, laneCounts } from '../../lib/cli/settings.js';
import { jsonOf, Scratch, sinter, TINY } from './support.js';

const scratch = new Scratch();

const speed = (precision: 'f32' | 'int8', lanes: number, tokensPerSecond: number): LaneSpeed => ({
  ...{ precision, lanes, tokensPerSecond, oneTextMs: 1, rounds: [10, 10, 11] },
});
const good: Fidelity = { meanCosine: 0.9986, lowestCosine: 0.992, sameTop: 0.998 };

describe('advise', () => {
  const speeds = [speed('f32', 1, 100), speed('f32', 2, 195), speed('int8', 1, 190)];
  const both = [...speeds, speed('int8', 2, 370)];

  it('takes int8 where it is faster and agrees, and says how much', () => {
    const { precision, lanes, reasons } = advise('encoder', both, good);
    expect({ precision, lanes }).toEqual({ precision: 'int8', lanes: 2 });
    expect(reasons[0]).toBe('int8: 1.90x as fast as f32, cosine 0.9986 to f32 (lowest 0.9920)');
    expect(reasons[1]).toContain('1.95x as fast as one');
  });

  it('keeps f32 where vectors or labels differ', () => {
    expect(advise('encoder', both, { ...good, lowestCosine: 0.9 }).precision).toBe('f32');
    expect(advise('encoder', both, { ...good, meanCosine: Number.NaN }).precision).toBe('f32');
    expect(advise('classifier', both, { ...good, lowestCosine: 0.9 }).precision).toBe('int8');
    expect(advise('classifier', both, { ...good, sameTop: 0.97 }).precision).toBe('f32');
  });

  it('keeps f32 where int8 is no faster', () => {
    const slow = [speed('f32', 1, 100), speed('int8', 1, 105)];
    expect(advise('encoder', slow, good).precision).toBe('f32');
  });

  it('takes fewer lanes where more gain nothing', () => {
    const flat = [speed('f32', 1, 100), speed('f32', 2, 104)];
    expect(advise('encoder', flat, null)).toMatchObject({ precision: 'f32', lanes: 1 });
  });

  it('a quantized model stays as it is', () => {
    expect(advise('encoder', [speed('int8', 1, 100)], null).precision).toBe('int8');
  });
});

describe('adviseBatches', () => {
  const advice = advise('encoder', [speed('f32', 1, 100)], null);
  const batch = (
    maxBatchTokens: number,
    tokensPerSecond: number,
    rounds: number[],
  ): BatchSpeed => ({
    ...{ maxBatchTokens, tokensPerSecond, batchMs: maxBatchTokens / tokensPerSecond, rounds },
  });

  it('takes the smallest batch that is nearly the fastest', () => {
    const sizes = [batch(128, 80, [5]), batch(256, 97, [5]), batch(512, 100, [5])];
    expect(adviseBatches(advice, sizes)).toMatchObject({ maxBatchTokens: 256 });
  });

  it('keeps the largest spread of all tables', () => {
    expect(adviseBatches(advice, [batch(128, 80, [10, 20, 20])]).spread).toBeCloseTo(0.5, 12);
    expect(advice.spread).toBeCloseTo(0.1, 12);
  });
});

describe('fidelityOf', () => {
  it('takes the mean and the lowest cosine, and counts equal places of the largest', () => {
    const a = [Float32Array.of(1, 0), Float32Array.of(0, 1)];
    const b = [Float32Array.of(2, 0), Float32Array.of(1, 0)];
    expect(fidelityOf(a, b)).toEqual({ meanCosine: 0.5, lowestCosine: 0, sameTop: 0.5 });
  });

  it('NaN does not pass as agreement', () => {
    const found = fidelityOf([Float32Array.of(1)], [Float32Array.of(Number.NaN)]);
    expect(found.lowestCosine).toBeNaN();
  });
});

describe('laneCounts', () => {
  it('is one, half and all, none twice', () => {
    expect([1, 2, 3, 8].map(laneCounts)).toEqual([[1], [1, 2], [1, 3], [1, 4, 8]]);
  });
});

describe('sinter bench', () => {
  interface Result {
    readonly fidelity: Fidelity;
    readonly settings: {
      readonly lanes: readonly LaneSpeed[];
      readonly batches: readonly BatchSpeed[];
      readonly advice: {
        readonly precision: string;
        readonly lanes: number;
        readonly maxBatchTokens: number;
        readonly reasons: readonly string[];
      };
    } | null;
  }

  it('tries lanes, precisions and batches, and names one of each that it tried', async () => {
    const line = 'the film was good and long\n';
    const texts = await scratch.file('texts.txt', line.repeat(60));
    const args = ['bench', '--model', TINY, '--texts', texts, '--rounds', '1', '--threads', '2'];
    const outcome = await sinter([...args, '--no-onnxruntime', '--json']);
    expect(outcome.stderr).not.toContain('error');
    const { fidelity, settings } = jsonOf<Result>(outcome);
    expect(fidelity.lowestCosine).toBeGreaterThan(0.9);
    const tried = settings?.lanes.map(({ lanes, precision }) => `${lanes} ${precision}`);
    expect(tried).toEqual(['1 f32', '1 int8', '2 f32', '2 int8']);
    for (const one of settings?.lanes ?? []) {
      expect(one.tokensPerSecond).toBeGreaterThan(0);
      expect(one.oneTextMs).toBeGreaterThan(0);
      expect(one.rounds).toHaveLength(1);
    }
    const sizes = settings?.batches.map(({ maxBatchTokens }) => maxBatchTokens) ?? [];
    expect(sizes.length).toBeGreaterThan(0);
    const advice = settings?.advice;
    expect(['f32', 'int8']).toContain(advice?.precision);
    expect([1, 2]).toContain(advice?.lanes);
    expect(sizes).toContain(advice?.maxBatchTokens);
    expect(advice?.reasons).toHaveLength(3);
  });

  it('compares a model with activations of 7 bits, whose files are per token', async () => {
    const model = scratch.path('seven');
    const made = await sinter(['quantize', '-m', TINY, '--activation-bits', '7', '--out', model]);
    expect(made.stderr).not.toContain('error');
    const texts = await scratch.file('seven.txt', 'a story\n');
    const args = ['bench', '--model', model, '--texts', texts, '--rounds', '1', '--no-settings'];
    const { speeds } = jsonOf<{ speeds: readonly object[] }>(await sinter([...args, '--json']));
    expect(speeds[0]).toMatchObject({ engine: 'sinter', precision: 'int8' });
  });

  it('--no-settings leaves them out', async () => {
    const texts = await scratch.file('one.txt', 'a story\n');
    const args = ['bench', '--model', TINY, '--texts', texts, '--rounds', '1', '--no-settings'];
    const outcome = await sinter([...args, '--no-onnxruntime', '--json']);
    expect(jsonOf<Result>(outcome).settings).toBeNull();
  });

  it('runs transformers.js on a lone ONNX file with its tokenizer.json', async () => {
    const folder = scratch.path('lone');
    await mkdir(folder);
    const file = join(folder, 'model.onnx');
    const bert = join(TINY, '..', 'bert');
    const convert = ['convert', '--model', bert, '--pooling', 'mean', '--out', file];
    expect((await sinter(convert)).code).toBe(0);
    for (const name of await readdir(folder)) {
      if (name.endsWith('.json') && name !== 'tokenizer.json') await rm(join(folder, name));
    }
    const texts = await scratch.file('few.txt', 'a red car\nHow do I get my money back?\n');
    const flags = ['--no-onnxruntime', '--no-settings', '--rounds', '1', '--json'];
    const done = await sinter(['bench', '--model', file, '--texts', texts, ...flags]);
    expect(done.stderr).not.toContain('onnxruntime-node is not installed');
    const { transformersJs } = jsonOf<{
      transformersJs: { lowestCosine: Record<string, number> } | null;
    }>(done);
    expect(transformersJs?.lowestCosine.f32).toBeGreaterThan(0.999999);
    expect(transformersJs?.lowestCosine.int8).toBeGreaterThan(0.99);
  });
});
