// int8 of weights that several operations read: layers of ALBERT, projections of DeBERTa, a decoder tied to its table.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadModel } from '../../lib/checkpoint/load-model.js';
import { saveModel } from '../../lib/checkpoint/save-model.js';
import { quantizeModel } from '../../lib/compress/quantize-model.js';
import type { Task } from '../../lib/graph/checkpoint.js';
import { equalizableNodes } from '../../lib/graph/rewrite/equalize.js';
import type { OutputName } from '../../lib/graph/types.js';
import { outputWidth, runBatch } from '../../lib/runtime/forward.js';
import type { ModelParts } from '../../lib/runtime/model-parts.js';

const BATCH = {
  ids: Int32Array.from([2, 17, 80, 141, 9, 33, 250, 3, 2, 99, 3]),
  segments: null,
  offsets: Int32Array.from([0, 8, 11]),
};
const SETTINGS = { lanes: 2, signal: undefined, seed: 0 };

async function outputs(parts: ModelParts, name: OutputName): Promise<Float32Array> {
  const data = new Float32Array(BATCH.ids.length * outputWidth(parts.graph, name));
  const program = await parts.program.use('test', async (found) => found);
  await runBatch(program, BATCH, name, data, { where: 'test', signal: undefined });
  return data;
}

/** The smallest cosine between the rows (of `width` numbers) of `a` and `b`. */
function lowestCosine(a: Float32Array, b: Float32Array, width: number): number {
  let lowest = 1;
  for (let row = 0; row < a.length; row += width) {
    const [x, y] = [a.subarray(row, row + width), b.subarray(row, row + width)];
    const dot = (p: Float32Array, q: Float32Array) => p.reduce((s, v, i) => s + v * (q[i] ?? 0), 0);
    lowest = Math.min(lowest, dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y)));
  }
  return lowest;
}

describe.each([
  ['albert', 'embedding', 'hidden', 1],
  ['deberta-v2-seqcls', 'embedding', 'hidden', 4],
  ['bert-mlm', 'masked-lm', 'logits', 4],
  ['modernbert', 'embedding', 'hidden', 6],
] satisfies [string, Task, OutputName, number][])('%s for %s', (name, task, output, equalized) => {
  it('stays close in int8, and is the same when it is loaded again', async () => {
    const path = fileURLToPath(new URL(`../fixtures/encoders/${name}`, import.meta.url));
    const parts = await loadModel('test', path, { task }, SETTINGS);
    expect(equalizableNodes(parts.graph)).toHaveLength(equalized);
    const plain = await outputs(parts, output);
    const small = await parts.program.use('test', (program) => quantizeModel(parts, program, {}));
    const quantized = await outputs(small, output);
    expect(quantized).not.toEqual(plain);
    const width = outputWidth(parts.graph, output);
    expect(lowestCosine(plain, quantized, width)).toBeGreaterThan(0.998);
    const folder = join(await mkdtemp(join(tmpdir(), 'sinter-shared-')), 'model');
    try {
      await small.program.use('test', (program) => saveModel(small, program, folder, {}));
      const again = await loadModel('test', folder, { task }, SETTINGS);
      expect(await outputs(again, output)).toEqual(quantized);
      await again.program.retire();
    } finally {
      await rm(join(folder, '..'), { recursive: true });
    }
    await small.program.retire();
    await parts.program.retire();
  });
});
