/**
 * Every storage of weights, from the table: sizes, the way there and back, lookups and products.
 *
 * What a storage computes is compared with an f32 program of the numbers that it gives back, bit for bit.
 */

import { afterEach, describe, expect, it } from 'vitest';
import { f32ToBf16, f32ToF16 } from '../../lib/formats/float16.js';
import {
  bytesOfWeight,
  holdsCodes,
  STORAGE_NAMES,
  STORAGES,
  storageOf,
} from '../../lib/graph/storages.js';
import type { EncoderGraph, WeightDtype } from '../../lib/graph/types.js';
import { validateGraph } from '../../lib/graph/validate.js';
import type { NativeProgram } from '../../lib/native/program.js';
import { deriveProgram, disposeProgram, readWhole } from '../../lib/runtime/program.js';
import { expectSameBits } from '../kernels/native-test.js';
import { batchOf, engine, randomWeights, run, sealed, toyGraph, unsealed } from './toy.js';

const NARROW = STORAGE_NAMES.filter((dtype) => !STORAGES[dtype].isPlain);
const INFERENCE = { trainable: false } as const;

// Widths 24, 48 and 40: whole and partial blocks, and panels of products that are not full.
const graph = toyGraph({ hidden: 40, heads: 5 });
const weights = randomWeights(graph, 71);
const batch = batchOf([5, 1, 13, 2, 30], 3);
const embed = (program: NativeProgram) =>
  run(program, batch, 'embedding', 40 * (batch.offsets.length - 1));

const made: NativeProgram[] = [];
async function kept(making: Promise<NativeProgram>): Promise<NativeProgram> {
  const program = await making;
  made.push(program);
  return program;
}
afterEach(() => made.splice(0).forEach(disposeProgram));

const TABLES = ['tokens', 'positions', 'segments'];
const MATRICES = graph.nodes.flatMap((node) => (node.op === 'linear' ? node.weights : []));

/** The graph with these weights in `dtype`. */
function heldIn(dtype: WeightDtype, names: readonly string[]): EncoderGraph {
  const held = graph.weights.map((spec) => (names.includes(spec.name) ? { ...spec, dtype } : spec));
  return { ...graph, weights: held };
}

/** An f32 program of the numbers that `program` holds. */
function widened(program: NativeProgram): Promise<NativeProgram> {
  const numbers = graph.weights.map(({ name }) => [name, program.store.readWeight(name)] as const);
  return kept(sealed(graph, new Map(numbers)));
}

const derived = async (dtype: WeightDtype, names: readonly string[]) =>
  kept(deriveProgram(heldIn(dtype, names), (await kept(sealed(graph, weights))).store, INFERENCE));

describe.each(STORAGE_NAMES)('weights held in %s', (dtype) => {
  const { parts } = STORAGES[dtype];

  it('have the sizes of the table', async () => {
    const program = await kept(sealed(graph, weights));
    for (const { name, shape } of graph.weights.filter(({ name }) => MATRICES.includes(name))) {
      const rows = await program.store.readRows(name, 0, shape[0] ?? 0, dtype);
      const sizes = parts.map((part) => part.shapeOf(shape).reduce((a, b) => a * b, part.bytes));
      expect(rows.map(({ length }) => length)).toEqual(sizes);
      expect(sizes.reduce((a, b) => a + b)).toBe(bytesOfWeight({ dtype, shape }));
      expect(storageOf({ dtype }).weightShape(parts[0].shapeOf(shape))).toEqual(shape);
    }
  });

  it('have the same parts when they are read, written and read again', async () => {
    const names = [...TABLES, ...MATRICES];
    const program = await derived(dtype, names);
    const held = heldIn(dtype, names);
    const again = unsealed(held);
    made.push(again);
    for (const weight of held.weights) {
      const read = await readWhole('test', program.store, weight, weight.dtype);
      for (const [i, part] of storageOf(weight).parts.entries()) {
        const bytes = read[i] as Uint8Array;
        const half = Math.floor(bytes.length / part.bytes / 2);
        const write = (from: number, to?: number) =>
          again.store.writeWeight(
            weight.name,
            from,
            part.dtype,
            bytes.subarray(from * part.bytes, to === undefined ? to : to * part.bytes),
            part.name,
          );
        write(0, half);
        write(half);
      }
    }
    await again.seal();
    for (const weight of held.weights) {
      const { name } = weight;
      expect(await readWhole('test', again.store, weight, weight.dtype), name).toEqual(
        await readWhole('test', program.store, weight, weight.dtype),
      );
      expectSameBits(again.store.readWeight(name), program.store.readWeight(name), name);
    }
    expectSameBits(await embed(again), await embed(program), 'embedding');
  });

  it('are looked up as what they widen to', async () => {
    const program = await derived(dtype, TABLES);
    expectSameBits(await embed(program), await embed(await widened(program)), 'embedding');
  });

  it.skipIf(STORAGES[dtype].quantizesInput)('multiply as what they widen to', async () => {
    const program = await derived(dtype, MATRICES);
    expectSameBits(await embed(program), await embed(await widened(program)), 'embedding');
  });

  it('are near the numbers that they were made of', async () => {
    const program = await derived(dtype, MATRICES);
    // A unit of the last place of a float, or half a step of a code, of the largest of a row.
    const bits = STORAGES[dtype].codeBits;
    const step = bits === null ? 2 ** -8 : 1.01 / (2 ** bits - 2);
    for (const name of MATRICES) {
      const want = weights.get(name) ?? new Float32Array();
      const largest = want.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
      for (const [i, w] of program.store.readWeight(name).entries()) {
        expect(Math.abs(w - (want[i] as number))).toBeLessThanOrEqual(step * largest);
      }
    }
  });
});

describe.each(NARROW)('a program with weights in %s', (dtype) => {
  it('takes the memory of the table for what is looked up', async () => {
    const program = await derived(dtype, TABLES);
    const plain = await kept(sealed(graph, weights));
    const sum = (held: EncoderGraph) =>
      held.weights.reduce((bytes, weight) => bytes + bytesOfWeight(weight), 0);
    const saved = sum(graph) - sum(heldIn(dtype, TABLES));
    expect(plain.residentBytes() - program.residentBytes()).toBe(saved);
  });

  it('is not trained', () => {
    expect(() => unsealed(heldIn(dtype, ['tokens']), true)).toThrow(
      `weight tokens held in ${dtype} cannot be trained`,
    );
  });

  it('refuses vectors', () => {
    expect(() => unsealed(heldIn(dtype, ['norm.bias']))).toThrow('norm.bias');
  });

  it.skipIf(STORAGES[dtype].parts.length < 2)('refuses parts that are not finite', async () => {
    const held = heldIn(dtype, ['tokens']);
    const program = unsealed(held);
    made.push(program);
    for (const weight of held.weights) {
      for (const { name, shapeOf, bytes, dtype } of storageOf(weight).parts) {
        const zeros = new Uint8Array(shapeOf(weight.shape).reduce((a, b) => a * b, bytes));
        if (weight.name === 'tokens' && name === 'scale') zeros.set([0, 0, 0x80, 0x7f], 8);
        program.store.writeWeight(weight.name, 0, dtype, zeros, name);
      }
    }
    await expect(program.seal()).rejects.toMatchObject({
      code: 'CORRUPT_MODEL',
      message: 'weight tokens: scale 2 must be finite, got inf',
    });
  });
});

it.each([
  ['f16', f32ToF16],
  ['bf16', f32ToBf16],
] as const)('rounds to %s as the formats do', async (dtype, narrow) => {
  const values = weights.get('tokens')?.slice() ?? new Float32Array();
  // Ties, subnormal numbers, and the largest that is not yet infinite.
  values.set([1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -8, 2 ** -24, 2 ** -25, 3 * 2 ** -25]);
  values.set([-1e-7, 2 ** -14, 2 ** -14 - 2 ** -25, 65519.99, -65504, 0, -0, 6e-5], 6);
  const program = await kept(sealed(graph, new Map(weights).set('tokens', values)));
  const [bits] = await program.store.readRows('tokens', 0, 50, dtype);
  expect(new Uint16Array((bits as Uint8Array).buffer)).toEqual(narrow(values));
});

it('holds a table once that another program multiplies by too', async () => {
  const name = 'tokens';
  const first = await kept(sealed(graph, weights));
  const nodes = [
    ...graph.nodes,
    {
      op: 'linear',
      input: 'layer.1.x2',
      weights: [name],
      biases: [],
      activation: 'none',
      activationBits: 8,
      output: 'words',
    } as const,
  ];
  const tied: EncoderGraph = { ...graph, nodes, outputs: { ...graph.outputs, logits: 'words' } };
  const used = new Set(tied.nodes.flatMap((node) => (node.op === 'linear' ? node.weights : [])));
  expect(used.has(name)).toBe(true);
  const before = engine().weightBytes();
  const second = await kept(deriveProgram(tied, first.store, INFERENCE));
  // Only the packed panels are held: 50 outputs are 4 panels of 16.
  expect(engine().weightBytes() - before).toBe(4 * 16 * 40 * 4);
  expect(holdsCodes({ dtype: 'f32' })).toBe(false);
  expectSameBits(await embed(second), await embed(first), 'embedding');
});

it('holds only even widths in s4', async () => {
  const odd = { ...graph, weights: [{ name: 'tokens', shape: [50, 39], dtype: 's4' } as const] };
  expect(() => validateGraph(odd)).toThrow('weight tokens cannot be held in s4: [50, 39]');
  const { Store } = engine();
  const store = new Store([{ name: 'w', shape: [3, 5], dtype: 'f32' }]);
  store.writeWeight('w', 0, 'f32', new Uint8Array(60));
  await store.pack();
  expect(() => store.readRows('w', 0, 3, 's4')).toThrow('it needs an even width');
  store.dispose();
});

it('rounds to s4 by blocks of 32, the last one shorter', async () => {
  const { Store } = engine();
  const store = new Store([{ name: 'w', shape: [1, 36], dtype: 'f32' }]);
  const values = Float32Array.from({ length: 32 }, (_, i) => (i % 16) - 5);
  const row = Float32Array.of(...values, 3, 1.4, 0, 0.05);
  store.writeWeight('w', 0, 'f32', new Uint8Array(row.buffer));
  await store.pack();
  const [codes, scales, zeros] = (await store.readRows('w', 0, 1, 's4')) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  expect([...new Float32Array(scales.buffer)]).toEqual([1, Math.fround(0.2)]);
  expect([...zeros]).toEqual([5, 0]);
  const half = [0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe];
  expect([...codes]).toEqual([...half, ...half, 0x7f, 0x00]);
  store.dispose();
});
