/**
 * Older exporters and optimizers (2020, optimum's own tests, ONNX Runtime's levels) through the whole import, against what ONNX
 * Runtime 1.30 recorded without its optimizations.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Tensor } from '../../../lib/formats/onnx/import/model.js';
import { type Imported, importProgram, runRecorded } from './imported.js';
import { SHARED_ONNX } from './zoo.js';

interface Recorded {
  readonly dtype: Tensor['dtype'];
  readonly dims: readonly number[];
  readonly data: readonly number[];
  readonly truncated?: boolean;
}

const GOLDEN = join(SHARED_ONNX, 'golden_ort130');
/** ort2020/bert_toy_optimized.onnx: two heads; the second output (next sentence) has no place beside the first. */
const RECORDED = [
  'optimum/model.onnx',
  'ort2020/bert_toy_optimized.onnx',
  'ort130_optimized/bert_toy.extended.onnx',
  'ort130_optimized/distilbert_sst2_tiny.extended.onnx',
];
/** Files without recorded outputs, which are only verified. */
const VERIFIED = [
  'ort130_optimized/bert_toy.all.onnx',
  'ort130_optimized/bert_toy.basic.onnx',
  'ort130_optimized/distilbert_sst2_tiny.all.onnx',
  'ort130_optimized/distilbert_sst2_tiny.basic.onnx',
];

describe.skipIf(!existsSync(SHARED_ONNX))('older files (needs ../shared/fixtures/onnx)', () => {
  test.each(VERIFIED)('%s is imported and verified', async (name) => {
    const imported = await importVerified(name);
    imported.program.dispose();
  });

  test.each(RECORDED)('%s is imported, verified and agrees with what is recorded', async (name) => {
    const imported = await importVerified(name);
    try {
      await expectRecorded(imported, name);
    } finally {
      imported.program.dispose();
    }
  });
});

async function importVerified(name: string): Promise<Imported> {
  const imported = await importProgram(join(SHARED_ONNX, name), true);
  const { config } = imported.folder.named;
  expect(config.model_type).toBe(name.includes('bert_toy') ? 'bert' : 'distilbert');
  expect(imported.verification.difference).toBeLessThan(1e-4);
  return imported;
}

async function expectRecorded(imported: Imported, name: string): Promise<void> {
  const record = join(GOLDEN, `${name.replace('/', '__').replace(/\.onnx$/, '')}.json`);
  const { inputs, outputs } = JSON.parse(readFileSync(record, 'utf8')) as {
    readonly inputs: Readonly<Record<string, Recorded>>;
    readonly outputs: Readonly<Record<string, Recorded>>;
  };
  const feeds = new Map(
    Object.entries(inputs).map(([input, { dtype, dims, data }]): [string, Tensor] => [
      input,
      { dtype, dims, data: Float64Array.from(data) },
    ]),
  );
  const got = await runRecorded(imported, feeds);
  expect(got.size).toBeGreaterThan(0);
  const mask = Object.entries(inputs).find(([input]) => input.includes('mask'))?.[1];
  for (const [output, data] of got) {
    const wanted = outputs[output];
    if (wanted === undefined) throw new Error(`${output} is not recorded`);
    const perToken = wanted.dims.length === 3 || wanted.dims[1] === mask?.dims[1];
    const inner = wanted.dims.slice(2).reduce((product, dim) => product * dim, 1);
    for (const [e, value] of wanted.data.entries()) {
      if (perToken && mask?.data[Math.floor(e / inner)] === 0) continue;
      expect(Math.abs((data[e] ?? Number.NaN) - value)).toBeLessThanOrEqual(
        1e-4 + 1e-4 * Math.abs(value),
      );
    }
  }
}
