/**
 * The reference evaluator on real files: every recorded output of every case, as the runtime computed it.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../../../lib/formats/onnx/import/model.js';
import { readOnnxModel } from '../../../lib/formats/onnx/import/read-model.js';
import { evaluate } from '../../../lib/formats/onnx/import/reference/evaluate.js';
import { counts, difference, golden, SHARED_ONNX, zooCases } from './zoo.js';

describe('outputs as recorded', () => {
  const cases = zooCases();

  it('are there for at least the committed cases', () => {
    expect(cases.length).toBeGreaterThanOrEqual(20);
  });

  it.each(cases.map((item) => [item.name, item] as const))('%s', async (_, zooCase) => {
    const model = await readOnnxModel(zooCase.model);
    const tolerance = zooCase.tolerances.float ?? zooCase.tolerances.as_quantized;
    if (!tolerance) throw new Error('case.json has no tolerance');
    for (const group of zooCase.golden.groups) {
      const inputs = await golden(zooCase, group, 'input');
      const outputs = await evaluate(model, inputs);
      const recorded = await golden(zooCase, group, 'output');
      expect([...recorded.keys()].sort()).toEqual([...outputs.keys()].sort());
      for (const [name, expected] of recorded) {
        const actual = outputs.get(name) as Tensor;
        const counted = counts(zooCase, inputs, name);
        const apart = difference(actual, expected, tolerance, counted);
        expect(apart.compared, `${group} ${name}`).toBeGreaterThan(0);
        expect(apart, `${group} ${name}`).toMatchObject({ beyond: 0 });
      }
    }
  });
});

interface OlderGolden {
  readonly model: string;
  readonly inputs: Readonly<Record<string, OlderTensor>>;
  readonly outputs: Readonly<Record<string, OlderTensor & { readonly truncated: boolean }>>;
}

interface OlderTensor {
  readonly dtype: 'int64' | 'float32';
  readonly dims: readonly number[];
  readonly data: readonly number[];
}

const OLDER = [
  'optimum__model',
  'ort130_optimized__bert_toy.extended',
  'ort130_optimized__distilbert_sst2_tiny.extended',
  'ort2020__bert_toy_optimized',
];

describe.skipIf(!existsSync(join(SHARED_ONNX, 'golden_ort130')))(
  'older files (needs ../shared/fixtures/onnx)',
  () => {
    it.each(OLDER)('%s', async (name) => {
      const path = join(SHARED_ONNX, 'golden_ort130', `${name}.json`);
      const recorded = JSON.parse(readFileSync(path, 'utf8')) as OlderGolden;
      const model = await readOnnxModel(join(SHARED_ONNX, recorded.model));
      const feeds = new Map(
        Object.entries(recorded.inputs).map(([key, { dtype, dims, data }]) => [
          key,
          { dtype, dims, data: Float64Array.from(data) },
        ]),
      );
      const outputs = await evaluate(model, feeds);
      for (const [key, expected] of Object.entries(recorded.outputs)) {
        const actual = outputs.get(key) as Tensor;
        expect(actual.dims).toEqual(expected.dims);
        for (const [i, value] of expected.data.entries()) {
          expect(Math.abs((actual.data[i] as number) - value)).toBeLessThanOrEqual(
            2e-4 + 1e-4 * Math.abs(value),
          );
        }
      }
    });
  },
);
