/**
 * Exports run in ONNX Runtime against PyTorch's numbers for the same checkpoints, padding included.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { OnnxOptions } from '../../lib/formats/onnx/onnx-options.js';
import { writeOnnx } from '../../lib/formats/onnx/write-onnx.js';
import { openSafetensors } from '../../lib/formats/safetensors.js';
import type { Task } from '../../lib/graph/checkpoint.js';
import type { OutputName, PoolKind } from '../../lib/graph/types.js';
import { S8_NOTE, S8_SATURATES } from './saturation.js';
import {
  type Batch,
  loadModel,
  maxDifference,
  quantizedGraph,
  type Result,
  rowCosines,
  runOnnx,
  singleRow,
  withFolder,
} from './support.js';
import { tinyGraph, tinySource } from './tiny.js';

const FIXTURES = 'test/fixtures/encoders';
const WIDTH = 20;
const PRODUCER = { producerVersion: '0' };

interface Golden {
  readonly batch: Batch;
  readonly floats: (name: string) => Promise<Float32Array>;
}

async function golden(name: string): Promise<Golden> {
  const text = await readFile(join(FIXTURES, name, 'golden.json'), 'utf8');
  const { batch } = JSON.parse(text) as { batch: Batch };
  const floats = async (tensor: string): Promise<Float32Array> => {
    const file = await openSafetensors(join(FIXTURES, name, 'golden.safetensors'));
    try {
      return await file.readFloats(tensor);
    } finally {
      await file.close();
    }
  };
  return { batch, floats };
}

async function runFixture(
  name: string,
  task: Task,
  batches: readonly Batch[],
  options: Omit<OnnxOptions, 'producerVersion'>,
  pooling?: PoolKind,
): Promise<readonly Readonly<Record<string, Result>>[]> {
  const request = { task, ...(pooling && { pooling: [pooling], normalize: true }) };
  const { graph, source } = await loadModel(join(FIXTURES, name), request);
  const exported = options.precision === 'int8' ? quantizedGraph(graph, true) : graph;
  return withFolder(async (folder) => {
    const path = join(folder, 'model.onnx');
    await writeOnnx(path, exported, source, { ...options, ...PRODUCER });
    return Promise.all(batches.map((batch) => runOnnx(path, batch)));
  });
}

/** Whether row r of a [batch * sequence, width] result is a real token. */
function realRows(batch: Batch): (row: number) => boolean {
  const bits = batch.attention_mask.flat();
  return (row) => bits[row] === 1;
}

/** Mean over real tokens, then length 1, in double precision. */
function meanPooled(hidden: Float32Array, batch: Batch): Float32Array {
  const sequence = batch.attention_mask[0]?.length ?? 0;
  const out = batch.attention_mask.flatMap((bits, row) => {
    const sum = new Array<number>(WIDTH).fill(0);
    for (const [at, bit] of bits.entries()) {
      if (bit === 0) continue;
      for (let i = 0; i < WIDTH; i++) {
        sum[i] = (sum[i] ?? 0) + (hidden[(row * sequence + at) * WIDTH + i] ?? 0);
      }
    }
    const length = Math.hypot(...sum);
    return sum.map((x) => x / length);
  });
  return Float32Array.from(out);
}

describe.each([17, 20] as const)('f32, opset %i, agrees with PyTorch', (opset) => {
  it('bert: every hidden state', async () => {
    const { batch, floats } = await golden('bert');
    const outputs: OutputName[] = ['hidden', 'hidden.0', 'hidden.1', 'hidden.2', 'hidden.3'];
    const [result] = await runFixture('bert', 'embedding', [batch], {
      opset,
      precision: 'f32',
      outputs,
    });
    const names = ['last_hidden_state', ...[0, 1, 2, 3].map((i) => `hidden_states.${i}`)];
    expect(Object.keys(result ?? {})).toEqual(names);
    for (const name of names) {
      const got = result?.[name];
      expect(got?.dims).toEqual([4, 30, WIDTH]);
      const expected = await floats(name);
      const data = got?.data ?? new Float32Array(0);
      expect(maxDifference(data, expected, WIDTH, realRows(batch)), name).toBeLessThan(1e-5);
    }
  });

  it.each(['bert-seqcls', 'bert-gelu-new', 'bert-relu'])('%s: logits', async (name) => {
    const { batch, floats } = await golden(name);
    const outputs: OutputName[] = ['logits', 'pooled', 'hidden'];
    const [result] = await runFixture(name, 'classification', [batch], {
      opset,
      precision: 'f32',
      outputs,
    });
    for (const output of ['logits', 'pooler_output', 'last_hidden_state']) {
      const { dims = [], data = new Float32Array(0) } = result?.[output] ?? {};
      const keep = dims.length === 3 ? realRows(batch) : () => true;
      const difference = maxDifference(data, await floats(output), dims.at(-1) ?? 1, keep);
      expect(difference, output).toBeLessThan(1e-5);
    }
  });
});

describe('padding', () => {
  it('a row alone, without padding, equals its row in a batch', async () => {
    const { batch } = await golden('bert-seqcls');
    const singles = [0, 1, 2, 3].map((row) => singleRow(batch, row));
    const options = { precision: 'f32', outputs: ['logits'] } as const;
    const results = await runFixture('bert-seqcls', 'classification', [batch, ...singles], options);
    const [together, ...alone] = results.map((result) => result.logits?.data ?? new Float32Array());
    const joined = Float32Array.from(alone.flatMap((logits) => [...logits]));
    expect(maxDifference(joined, together ?? new Float32Array(), 3)).toBeLessThan(1e-5);
  });

  it('mean pooling counts real tokens only and gives length 1', async () => {
    const { batch, floats } = await golden('bert');
    const options = { precision: 'f32', outputs: ['embedding'] } as const;
    const [result] = await runFixture('bert', 'embedding', [batch], options, 'mean');
    const got = result?.sentence_embedding;
    expect(got?.dims).toEqual([4, WIDTH]);
    const expected = meanPooled(await floats('last_hidden_state'), batch);
    expect(maxDifference(got?.data ?? new Float32Array(), expected, WIDTH)).toBeLessThan(1e-5);
  });

  it.each(['mean', 'cls', 'max'] as const)(
    'a row without any token gives numbers (%s)',
    async (pool) => {
      const { batch } = await golden('bert');
      const empty = batch.attention_mask.map((bits, row) => (row === 1 ? bits.map(() => 0) : bits));
      const options = { precision: 'f32', outputs: ['hidden', 'embedding'] } as const;
      const batches = [batch, { ...batch, attention_mask: empty }];
      const [whole, holed] = await runFixture('bert', 'embedding', batches, options, pool);
      const after = holed?.sentence_embedding?.data ?? new Float32Array();
      expect(after.every(Number.isFinite)).toBe(true);
      expect(holed?.last_hidden_state?.data.every(Number.isFinite)).toBe(true);
      const before = whole?.sentence_embedding?.data ?? new Float32Array();
      const others = (row: number): boolean => row !== 1;
      expect(maxDifference(after, before, WIDTH, others)).toBeLessThan(1e-6);
    },
  );

  it.each([
    ['mean', [2.5, 0.5]],
    ['cls', [2, -1]],
    ['max', [3, 2]],
  ] as const)('%s pooling of a small batch, on paper', async (pool, expected) => {
    const graph = tinyGraph({ vocabulary: 3, width: 2, outputs: 2, pool });
    // Token 2 is the padding; it would win every maximum and shift every mean.
    const source = tinySource(graph, [2, -1, 3, 2, 90, 90], [1, 0, 0, 1]);
    const data = await withFolder(async (folder) => {
      const path = join(folder, 'model.onnx');
      const options = { precision: 'f32', outputs: ['embedding'] } as const;
      await writeOnnx(path, graph, source, { ...options, ...PRODUCER });
      const batch = { input_ids: [[0, 1, 2, 2]], attention_mask: [[1, 1, 0, 0]] };
      return (await runOnnx(path, batch)).sentence_embedding?.data;
    });
    expect([...(data ?? [])]).toEqual(expected);
  });
});

describe('int8', () => {
  const forms = (['uint8', 'int8'] as const).flatMap((weights) =>
    (['token', 'tensor'] as const).map((activations) => ({ weights, activations })),
  );

  it.for(forms)(
    '$weights weights, range per $activations: close to f32',
    async (form, { skip }) => {
      skip(S8_SATURATES && form.weights === 'int8', S8_NOTE);
      const { batch, floats } = await golden('bert');
      const options = { precision: 'int8', ...form, outputs: ['embedding'] } as const;
      const [result] = await runFixture('bert', 'embedding', [batch], options, 'mean');
      const expected = meanPooled(await floats('last_hidden_state'), batch);
      const data = result?.sentence_embedding?.data ?? new Float32Array();
      expect(Math.min(...rowCosines(data, expected, WIDTH))).toBeGreaterThan(0.999);
    },
  );

  it('a range per token makes rows independent of padding and batch mates', async () => {
    const { batch } = await golden('bert-seqcls');
    const singles = [0, 1, 2, 3].map((row) => singleRow(batch, row));
    const options = { precision: 'int8', outputs: ['logits'] } as const;
    const batches = [batch, ...singles];
    const results = await runFixture('bert-seqcls', 'classification', batches, options);
    const [together, ...alone] = results.map((result) => result.logits?.data ?? new Float32Array());
    const joined = Float32Array.from(alone.flatMap((logits) => [...logits]));
    expect(maxDifference(joined, together ?? new Float32Array(), 3)).toBeLessThan(1e-5);
  });

  it('a quantized graph exported as f32 has the widened weights', async () => {
    const { batch } = await golden('bert');
    const { graph, source } = await loadModel(join(FIXTURES, 'bert'), { task: 'embedding' });
    const quantized = quantizedGraph(graph, true);
    const shapes = new Map(quantized.weights.map((spec) => [spec.name, spec]));
    const widened = {
      ...source,
      f32: async (name: string): Promise<Float32Array> => {
        const spec = shapes.get(name);
        if (spec?.dtype !== 's8') return source.f32(name);
        const { data, scales } = await source.s8(name);
        const width = spec.shape[1] ?? 1;
        return Float32Array.from(data, (q, i) => q * (scales[Math.floor(i / width)] ?? 0));
      },
    };
    const options = { precision: 'f32', outputs: ['hidden'], ...PRODUCER } as const;
    await withFolder(async (folder) => {
      const [a, b] = [join(folder, 'a.onnx'), join(folder, 'b.onnx')];
      await writeOnnx(a, quantized, source, options);
      await writeOnnx(b, graph, widened, options);
      const [x, y] = [await runOnnx(a, batch), await runOnnx(b, batch)];
      expect(x.last_hidden_state?.data).toEqual(y.last_hidden_state?.data);
    });
  });

  /** hidden for every token of one text, from a table and a matrix of 64 columns and two rows. */
  async function tinyHidden(
    table: readonly number[],
    matrix: readonly number[],
    activations: 'token' | 'tensor',
    more: { readonly activationBits?: 8 | 7; readonly weights?: 'uint8' | 'int8' } = {},
  ): Promise<readonly number[]> {
    const width = 64;
    const vocabulary = table.length / width;
    const { activationBits = 8, weights = 'uint8' } = more;
    const graph = tinyGraph({ vocabulary, width, outputs: 2, dtype: 's8', activationBits });
    const source = tinySource(graph, table, matrix);
    const ids = [...new Array(vocabulary).keys()];
    return withFolder(async (folder) => {
      const path = join(folder, 'model.onnx');
      const options = { precision: 'int8', activations, weights, outputs: ['hidden'] } as const;
      await writeOnnx(path, graph, source, { ...options, ...PRODUCER });
      const batch = { input_ids: [ids], attention_mask: [ids.map(() => 1)] };
      return [...((await runOnnx(path, batch)).last_hidden_state?.data ?? [])];
    });
  }

  const ones = new Array<number>(64).fill(1);
  const opposite = [...ones, ...ones.map((x) => -x)];

  it.each(['token', 'tensor'] as const)(
    'uint8 weights sum exactly where u8 x s8 would saturate 16 bits (range per %s)',
    async (range) => {
      // Activations of 255 against weights of +-127: two products are 64770, twice what 16 bits hold.
      const [up = 0, down = 0] = await tinyHidden([0, ...ones.slice(1)], opposite, range);
      expect(up).toBeCloseTo(63, 3);
      expect(down).toBeCloseTo(-63, 3);
    },
  );

  it.each(['uint8', 'int8'] as const)(
    'codes of 7 bits are 0 ... 127 and sum exactly with %s weights',
    async (weights) => {
      const first = ones.map((_, i) => (i === 0 ? 1 : 0));
      const second = ones.map((_, i) => (i === 1 ? 1 : 0));
      const table = [0.6, 0.25, 1, 0, ...ones.slice(4).map(() => 0.1)];
      // 76.2 and 31.75 steps of 1 / 127; with 255 steps the first is 153 exactly.
      const narrow = { activationBits: 7, weights } as const;
      const [most = 0, quarter = 0] = await tinyHidden(
        table,
        [...first, ...second],
        'token',
        narrow,
      );
      expect(most).toBeCloseTo(76 / 127, 6);
      expect(quarter).toBeCloseTo(32 / 127, 6);
      const [wide = 0] = await tinyHidden(table, [...first, ...second], 'token', { weights });
      expect(wide).toBeCloseTo(153 / 255, 6);
      // Two products are at most 2 * 127 * 127, which 16 bits hold: right on every CPU.
      const [up = 0, down = 0] = await tinyHidden([0, ...ones.slice(1)], opposite, 'token', narrow);
      expect(up).toBeCloseTo(63, 3);
      expect(down).toBeCloseTo(-63, 3);
    },
  );

  it('codes of 7 bits have no range per tensor', async () => {
    const refused = tinyHidden(ones, opposite, 'tensor', { activationBits: 7 });
    const message =
      'activations must be "token" for a model with 7-bit activations (a range per tensor has 8 bits), got "tensor"';
    await expect(refused).rejects.toThrow(new RangeError(message));
  });

  it('a token whose numbers are all equal has no range and is still right', async () => {
    const constant = ones.map(() => -2.5);
    const alone = await tinyHidden(constant, opposite, 'token');
    expect(alone.map((x) => Math.round(x * 1e3) / 1e3)).toEqual([-160, 160]);
    const mixed = await tinyHidden([...constant, 0, ...ones.slice(1)], opposite, 'token');
    expect(mixed.map((x) => Math.round(x * 1e3) / 1e3)).toEqual([-160, 160, 63, -63]);
  });
});
