// Drift: indices by hand, how often chance is taken for drift, what is found when texts do change, files of baselines.
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../lib/core/random.js';
import { type Baseline, BaselineBuilder } from '../../lib/monitor/drift/baseline.js';
import { readBaselineFile, writeBaseline } from '../../lib/monitor/drift/baseline-file.js';
import { DriftMonitor } from '../../lib/monitor/drift/drift.js';
import { binNames, binNumbers, numberBin } from '../../lib/monitor/drift/quantities.js';
import { SCRIPT_NAMES, scriptOf } from '../../lib/monitor/drift/scripts.js';
import {
  chiSquaredQuantile,
  psiByChance,
  rowsNeeded,
  stabilityIndex,
} from '../../lib/monitor/drift/stability.js';

const random = new SeededRandom(7);
const uniform = () => random.next() / 2 ** 32;
const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());

describe('the stability index', () => {
  it('is the sum over the bins of (a - e) ln(a / e)', () => {
    // 30 and 70 of 100 against 50 and 50: with half a row added to each bin.
    const [a, e] = [30.5 / 101, 0.5];
    const byHand = (a - e) * Math.log(a / e) + (e - a) * Math.log((1 - a) / (1 - e));
    expect(stabilityIndex([30, 70], [50, 50])).toBeCloseTo(byHand, 12);
    expect(stabilityIndex([5, 5, 10], [50, 50, 100])).toBeLessThan(0.01);
    expect(Number.isFinite(stabilityIndex([0, 10], [10, 0]))).toBe(true);
  });

  it('knows the quantiles of chi-squared', () => {
    // From tables: 9 degrees, 5 % and 0.1 %; 20 degrees, 0.1 %.
    const isNear = (value: number, table: number) => Math.abs(value / table - 1) < 0.01;
    expect(isNear(chiSquaredQuantile(9, 0.05), 16.919)).toBe(true);
    expect(isNear(chiSquaredQuantile(9, 0.001), 27.877)).toBe(true);
    expect(isNear(chiSquaredQuantile(20, 0.001), 45.315)).toBe(true);
  });

  it('exceeds what chance gives about once in a thousand times', () => {
    const expected = new Array(10).fill(200);
    let over = 0;
    const draws = 4000;
    const bound = psiByChance(10, 500, 1e9);
    for (let draw = 0; draw < draws; draw++) {
      const counts = new Array<number>(10).fill(0);
      for (let i = 0; i < 500; i++) {
        const bin = Math.floor(uniform() * 10);
        counts[bin] = (counts[bin] ?? 0) + 1;
      }
      if (stabilityIndex(counts, expected) > bound) over++;
    }
    expect(over).toBeLessThan(16);
  });

  it('says from how many rows on there can be a verdict', () => {
    const rows = rowsNeeded(10, 1000) ?? 0;
    expect(psiByChance(10, rows, 1000)).toBeLessThanOrEqual(0.1);
    expect(psiByChance(10, rows - 1, 1000)).toBeGreaterThan(0.1);
    expect(rowsNeeded(10, 200)).toBeNull();
  });
});

describe('bins', () => {
  it('are deciles that differ, and hold every row', () => {
    const bins = binNumbers(Float64Array.from({ length: 1000 }, (_, i) => i));
    expect(bins.counts).toEqual(new Array(10).fill(100));
    expect(binNumbers(Float64Array.from([5, 5, 5])).edges).toEqual([]);
    const ties = binNumbers(Float64Array.from([0, 0, 0, 0, 0, 0, 1, 2, 3, 4]));
    expect(ties.edges).toEqual([0, 1, 2, 3]);
    expect(ties.counts).toEqual([6, 1, 1, 1, 1]);
    expect([numberBin([1, 2], 1), numberBin([1, 2], 1.5), numberBin([1, 2], 9)]).toEqual([0, 1, 2]);
  });

  it('join what is rare', () => {
    const counts = new Map(Array.from({ length: 30 }, (_, i) => [`c${i}`, 100 - i]));
    const { names, counts: kept } = binNames(counts);
    expect(names).toHaveLength(21);
    expect([names[0], names.at(-1), kept.at(-1)]).toEqual(['c0', '(other)', 10 * 75.5]);
  });
});

it('tells scripts apart', () => {
  const of = (text: string) => SCRIPT_NAMES[scriptOf(text)];
  expect(of('Hello, 世界 world')).toBe('Latin');
  expect(of('Привет')).toBe('Cyrillic');
  expect(of('你好 abc')).toBe('Latin');
  expect(of('今天天气')).toBe('Han');
  expect(of('ありがとう')).toBe('Hiragana');
  expect(of('مرحبا')).toBe('Arabic');
  expect(of('𐎀𐎁𐎂')).toBe('Other');
  expect(of('𠀀𠀁')).toBe('Han');
  expect(of('123 -- 😀 \ud800')).toBe('None');
  expect(of('')).toBe('None');
});

const LABELS = ['a', 'b', 'c'];

interface Kind {
  readonly words: number;
  readonly shift: number;
  readonly weights: readonly number[];
}

/** A made-up text and what a classifier and an encoder would say of it. */
function draw({ words, shift, weights }: Kind) {
  const length = Math.max(1, Math.round(words + 3 * normal()));
  const at = uniform() * weights.reduce((sum, one) => sum + one, 0);
  let label = 0;
  for (let sum = weights[0] ?? 0; at > sum && label < 2; sum += weights[++label] ?? 0);
  const vector = Float32Array.from({ length: 16 }, (_, i) => 1 + normal() + (i < 4 ? shift : 0));
  return {
    ...{ input: 'word '.repeat(length), tokens: length + 2, unknown: uniform() < 0.1 ? 0.02 : 0 },
    ...{ class: LABELS[label] ?? 'a', confidence: 0.5 + uniform() / 2, vector },
  };
}

const TRAINED: Kind = { words: 12, shift: 0, weights: [5, 3, 2] };

function baselineOf(rows: number): Baseline {
  const builder = new BaselineBuilder();
  for (let i = 0; i < rows; i++) builder.add(draw(TRAINED));
  return builder.build({ task: 'classify', version: 'v' }, new Date(0));
}

function watch(baseline: Baseline, kind: Kind, rows: number) {
  const monitor = new DriftMonitor('m', baseline, 2000);
  for (let i = 0; i < rows; i++) monitor.add(draw(kind), i);
  const status = monitor.status();
  const level = (name: string) => status.quantities.find((one) => one.quantity === name)?.level;
  return { status, level };
}

describe('a drift monitor', () => {
  const baseline = baselineOf(3000);

  it('is calm about texts of the same kind', () => {
    for (let round = 0; round < 20; round++) {
      const { status } = watch(baseline, TRAINED, 2000);
      expect(status.level).toBe('ok');
      expect(status.quantities.map(({ level }) => level)).not.toContain('unknown');
    }
  });

  it('finds longer texts, other labels and other vectors, and only these', () => {
    const longer = watch(baseline, { ...TRAINED, words: 18 }, 2000);
    expect([longer.level('length'), longer.level('tokens')]).toEqual(['alert', 'alert']);
    expect([longer.level('class'), longer.level('centroid')]).toEqual(['ok', 'ok']);
    const labels = watch(baseline, { ...TRAINED, weights: [2, 3, 5] }, 2000);
    expect([labels.level('class'), labels.level('length')]).toEqual(['alert', 'ok']);
    const moved = watch(baseline, { ...TRAINED, shift: 1 }, 2000);
    expect([moved.level('centroid'), moved.level('class')]).toEqual(['alert', 'ok']);
  });

  it('gives no verdict on few rows, and says how many it needs', () => {
    const { status } = watch(baseline, { words: 40, shift: 3, weights: [0, 0, 1] }, 50);
    expect(status.level).toBe('unknown');
    const length = status.quantities.find(({ quantity }) => quantity === 'length');
    expect(length?.value).toBeGreaterThan(1);
    expect(length?.neededRows).toBeGreaterThan(250);
    const small = watch(baselineOf(100), TRAINED, 2000);
    expect(
      small.status.quantities.find(({ quantity }) => quantity === 'length')?.neededRows,
    ).toBeNull();
    expect(new DriftMonitor('m', baseline).status()).toMatchObject({ level: 'unknown', rows: 0 });
  });

  it('forgets: its window holds the latest rows', () => {
    const monitor = new DriftMonitor('m', baseline, 1000);
    for (let i = 0; i < 5000; i++) monitor.add(draw({ ...TRAINED, words: 30 }), i);
    expect(monitor.status().level).toBe('alert');
    for (let i = 0; i < 1000; i++) monitor.add(draw(TRAINED), 5000 + i);
    const { level, rows, since } = monitor.status();
    expect(level).toBe('ok');
    expect(rows).toBeLessThanOrEqual(1000);
    expect(rows).toBeGreaterThan(890);
    expect(Date.parse(since ?? '')).toBeGreaterThanOrEqual(5000);
  });
});

describe('the file of a baseline', () => {
  it('comes back as it was, and holds no text', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'sinter-monitor-')), 'baseline.json');
    const baseline = baselineOf(500);
    await writeBaseline(baseline, path);
    expect(await readBaselineFile(path)).toEqual(baseline);
    expect(await readFile(path, 'utf8')).not.toContain('word');
  });

  it('is checked field by field', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'sinter-monitor-')), 'baseline.json');
    await writeBaseline(baselineOf(50), path);
    const good = await readFile(path, 'utf8');
    const changed = async (change: (document: Record<string, never>) => void) => {
      const document = JSON.parse(good);
      change(document);
      await writeFile(path, JSON.stringify(document));
      const error = await readBaselineFile(path).catch((one: Error) => one);
      expect(error).toMatchObject({ code: 'INVALID_DATA' });
      return (error as Error).message.replace(`${path}: `, '');
    };
    const set =
      (value: unknown, ...keys: string[]) =>
      (document: object) => {
        const last = keys.pop() ?? '';
        const inner = keys.reduce((one: object, key) => (one as never)[key], document);
        (inner as Record<string, unknown>)[last] = value;
      };
    expect(await changed(set('x', 'format'))).toMatch(/^this is no baseline/);
    expect(await changed(set(2, 'formatVersion'))).toBe('formatVersion must be 1, got 2');
    expect(await changed(set({ kind: 'x' }, 'quantities', 'color'))).toMatch(
      /unknown quantity "color"/,
    );
    expect(await changed(set([1], 'quantities', 'length', 'edges'))).toMatch(/edges must ascend/);
    expect(await changed(set('no', 'embedding', 'trace'))).toMatch(
      /embedding.trace must be a number/,
    );
    expect(await changed(set(Array(16).fill(0), 'embedding', 'centroid'))).toMatch(/a direction/);
    await writeFile(path, '{');
    expect(await readBaselineFile(path).catch((one: Error) => one.message)).toMatch(/no JSON$/);
    await expect(readBaselineFile(`${path}.gone`)).rejects.toMatchObject({ code: 'FILE_SYSTEM' });
  });
});
