/**
 * A folder keeps the storages that a model's weights are held in: loaded again they have the same bits.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { saveModel } from '../../lib/checkpoint/save-model.js';
import { openSafetensors } from '../../lib/formats/safetensors.js';
import { writeSafetensors } from '../../lib/formats/safetensors-writer.js';
import { quantizableWeights, storeCodes } from '../../lib/graph/rewrite/quantize.js';
import { withTablesIn } from '../../lib/graph/rewrite/tables.js';
import { holdsCodes, ownTensor, STORAGE_NAMES } from '../../lib/graph/storages.js';
import type { EncoderGraph, WeightDtype } from '../../lib/graph/types.js';
import { Encoder } from '../../lib/models/encoder.js';
import { insideOf } from '../../lib/models/text-model.js';
import { deriveProgram } from '../../lib/runtime/program.js';
import { SharedProgram } from '../../lib/runtime/shared-program.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { expectSameBits } from '../kernels/native-test.js';
import { batchOf, run } from '../native/toy.js';

const BERT = fileURLToPath(new URL('../fixtures/encoders/bert', import.meta.url));
const LENGTHS = [5, 1, 9];
const load = (path: string) => Encoder.load(path, { pooling: 'mean' });

function heldIn(graph: EncoderGraph, dtype: WeightDtype): EncoderGraph {
  if (!holdsCodes({ dtype })) return withTablesIn(graph, () => dtype);
  const names = quantizableWeights(graph, { embeddings: true });
  return storeCodes(graph, new Map([...names].map((name) => [name, dtype])), 8);
}

/** The fixture with its weights in `dtype`, saved to a folder; and what its program computes. */
async function saved(dtype: WeightDtype) {
  const path = join(await temporaryFolder(), dtype);
  await using encoder = await load(BERT);
  const { parts, use } = insideOf(encoder);
  const graph = heldIn(parts.graph, dtype);
  const program = await use('test', ({ store }) =>
    deriveProgram(graph, store, { trainable: false }),
  );
  const numbers = new Map(graph.weights.map(({ name }) => [name, program.store.readWeight(name)]));
  const batch = batchOf(LENGTHS, 9, { vocabulary: graph.vocabulary });
  const size = LENGTHS.length * (graph.weights[0]?.shape[1] ?? 0);
  const vectors = await run(program, batch, 'embedding', size);
  const shared = new SharedProgram(program);
  await saveModel({ ...parts, graph, program: shared }, program, path, { dtype: 'held' });
  await shared.retire();
  return { path, graph, numbers, vectors, batch, size };
}

describe.each(STORAGE_NAMES)('a folder with weights in %s', (dtype) => {
  it('comes back with equal bits, in the same storage', async () => {
    const { path, graph, numbers, vectors, batch, size } = await saved(dtype);
    await using loaded = await load(path);
    const inside = insideOf(loaded);
    const dtypes = ({ weights }: EncoderGraph) => weights.map(({ name, dtype }) => [name, dtype]);
    expect(dtypes(inside.parts.graph)).toEqual(dtypes(graph));
    await inside.use('test', async (program) => {
      for (const [name, values] of numbers) {
        expectSameBits(program.store.readWeight(name), values, name);
      }
      expectSameBits(await run(program, batch, 'embedding', size), vectors, 'embedding');
    });
    const file = await openSafetensors(join(path, 'model.safetensors'));
    const first = graph.weights.find(({ dtype: held }) => held === dtype)?.name ?? '';
    expect(file.tensors.get(first)?.dtype).toBe(ownTensor(dtype));
    await file.close();
  });
});

describe('a folder with 4-bit codes', () => {
  it('says so in config.json, and names its parts', async () => {
    const { path } = await saved('s4');
    const config = JSON.parse(await readFile(join(path, 'config.json'), 'utf8'));
    expect(config.quantization_config).toMatchObject({ quant_method: 'sinter', bits: 4 });
    const file = await openSafetensors(join(path, 'model.safetensors'));
    const parts = [...file.tensors.keys()].filter((name) => name.includes('word_embeddings'));
    const [own = ''] = parts.filter((name) => name.endsWith('.weight'));
    expect(parts.sort()).toEqual([own, `${own}_scale`, `${own}_zero`]);
    await file.close();
  });

  it.each([
    ['zero', 'nothing', null],
    ['scale', 'F32 [1, 1]', [1, 1]],
  ] as const)('whose %s tensor is %s is refused', async (part, found, shape) => {
    const { path } = await saved('s4');
    const weights = join(path, 'model.safetensors');
    const file = await openSafetensors(weights);
    const entries = await Promise.all(
      [...file.tensors].map(async ([name, { dtype, shape }]) => ({
        name,
        dtype,
        shape,
        data: await file.readBytes(name),
      })),
    );
    await file.close();
    const broken = entries.find(({ name }) => name.endsWith(`.weight_${part}`))?.name ?? '';
    await writeSafetensors(
      weights,
      entries.flatMap((entry) => {
        if (entry.name !== broken) return [entry];
        return shape === null ? [] : [{ ...entry, shape, data: new Uint8Array(4) }];
      }),
    );
    await expect(load(path)).rejects.toMatchObject({
      code: 'CORRUPT_MODEL',
      message: expect.stringMatching(
        new RegExp(`tensor ${broken} must be \\w+ \\[.*, got ${found.replace(/[[\]]/g, '\\$&')}`),
      ),
    });
  });
});
