/** Stores: several programs over one, derived ones, and what is in memory then. */

import { afterEach, describe, expect, it } from 'vitest';
import type { EncoderGraph } from '../../lib/graph/types.js';
import type { NativeProgram, StoreWeight } from '../../lib/native/program.js';
import * as library from '../../lib/runtime/program.js';
import { expectSameBits } from '../kernels/native-test.js';
import { lossFor } from './family-toy.js';
import {
  ADAMW,
  batchOf,
  engine,
  quantizedGraph,
  quantizedRows,
  randomWeights,
  readCodes,
  run,
  sealed as sealedProgram,
  step,
  toyGraph,
} from './toy.js';

const made: NativeProgram[] = [];
/** A program that is disposed after the test. Left to the collector, it would be freed while another test counts bytes. */
async function kept(making: Promise<NativeProgram>): Promise<NativeProgram> {
  const program = await making;
  made.push(program);
  return program;
}
afterEach(() => made.splice(0).forEach(library.disposeProgram));
const sealed = (...args: Parameters<typeof sealedProgram>) => kept(sealedProgram(...args));
const deriveProgram = (...args: Parameters<typeof library.deriveProgram>) =>
  kept(library.deriveProgram(...args));
const programOver = (...args: Parameters<typeof library.programOver>) =>
  kept(library.programOver(...args));

const graph = toyGraph();
const batch = batchOf([5, 1, 13, 2], 3);
const HIDDEN = graph.weights.find(({ name }) => name.endsWith('norm.weight'))?.shape[0] ?? 0;
const hidden = (program: NativeProgram) => run(program, batch, 'hidden', batch.ids.length * HIDDEN);
const INFERENCE = { trainable: false } as const;
const firstMatrix = () => {
  const node = graph.nodes.find(({ op }) => op === 'linear');
  return node?.op === 'linear' ? (node.weights[1] ?? '') : '';
};

/** Bytes of weights by which the process grows during `work`. */
async function bytesOf<T>(work: () => Promise<T>): Promise<[number, T]> {
  const before = engine().weightBytes();
  const made = await work();
  return [engine().weightBytes() - before, made];
}

describe('programs over one store', () => {
  it('share its weights: another output takes no memory of weights', async () => {
    const first = await sealed(graph, randomWeights(graph, 401));
    const more: EncoderGraph = {
      ...graph,
      outputs: { ...graph.outputs, 'hidden.1': 'layer.0.x2' },
    };
    const [bytes, second] = await bytesOf(() => programOver(more, first.store, INFERENCE));
    expect(bytes).toBe(0);
    expectSameBits(await hidden(second), await hidden(first), 'hidden');
    first.dispose();
    expectSameBits(await hidden(second), await hidden(second), 'hidden');
    second.dispose();
  });

  it('may stack weights otherwise: only those are held twice, as long as the program lives', async () => {
    const first = await sealed(graph, randomWeights(graph, 402));
    const index = graph.nodes.findIndex(({ op }) => op === 'linear');
    const node = graph.nodes[index];
    if (node?.op !== 'linear') throw new Error('there is a product');
    // Values and keys change places in the stack, and in the graph, which only has to run.
    const turned = {
      ...node,
      weights: [...node.weights].reverse(),
      biases: [...node.biases].reverse(),
    };
    const other = { ...graph, nodes: graph.nodes.map((n, i) => (i === index ? turned : n)) };
    const [bytes, second] = await bytesOf(() => programOver(other, first.store, INFERENCE));
    const stacked = graph.weights.filter(({ name }) =>
      [...node.weights, ...node.biases].includes(name),
    );
    const elements = stacked.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    expect(bytes).toBeGreaterThanOrEqual(4 * elements);
    expect(bytes).toBeLessThan(4 * elements * 1.5 + 256);
    const again = await programOver(other, first.store, INFERENCE);
    expectSameBits(await hidden(second), await hidden(again), 'hidden');
    const held = engine().weightBytes();
    again.dispose();
    second.dispose();
    // Handles are freed with the last job's end, which is on this thread.
    expect(held - engine().weightBytes()).toBe(bytes);
    first.dispose();
  });

  it('that fails or is cancelled leaves the store as it was', async () => {
    const first = await sealed(graph, randomWeights(graph, 403));
    const controller = new AbortController();
    controller.abort();
    const options = { ...INFERENCE, signal: controller.signal };
    await expect(programOver(graph, first.store, options)).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    const { Program, nextJobId, cancel } = engine();
    for (let attempt = 0; attempt < 20; attempt++) {
      const other = new Program(graph, first.store, INFERENCE);
      const id = nextJobId();
      const sealing = other.seal(id).catch(() => {});
      cancel(id);
      await sealing;
      other.dispose();
    }
    expect(first.store.readWeight(firstMatrix()).length).toBeGreaterThan(0);
    expectSameBits(
      await hidden(first),
      await hidden(await programOver(graph, first.store, INFERENCE)),
      'hidden',
    );
  });
});

describe('a derived store', () => {
  it('has the same memory where nothing differs, under other names too', async () => {
    const first = await sealed(graph, randomWeights(graph, 404));
    const text = JSON.stringify(graph).replaceAll('"layer.', '"other.layer.');
    const renamed = JSON.parse(text) as EncoderGraph;
    const nameOf = (name: string) => name.replace(/^other\./, '');
    const [bytes, second] = await bytesOf(() =>
      deriveProgram(renamed, first.store, INFERENCE, { nameOf }),
    );
    expect(bytes).toBe(0);
    const wanted = await hidden(first);
    library.disposeProgram(first);
    expectSameBits(await hidden(second), wanted, 'hidden');
    library.disposeProgram(second);
  });

  it('of s8 has the codes of the divided weight, and widened again their products', async () => {
    const weights = randomWeights(graph, 405);
    const first = await sealed(graph, weights);
    const quantized = quantizedGraph(graph);
    const name = firstMatrix();
    const width = graph.weights.find((w) => w.name === name)?.shape[1] ?? 1;
    const divisor = Float32Array.from({ length: width }, (_, i) => 0.5 + i / 7);
    const divisors = new Map([[name, divisor]]);
    const small = await deriveProgram(quantized, first.store, INFERENCE, { divisors });
    const divided = Float32Array.from(
      weights.get(name) ?? [],
      (w, i) => w / (divisor[i % width] ?? 1),
    );
    const want = quantizedRows(divided, width);
    const got = await readCodes(small, name, 0, want.scales.length);
    expect(got.data).toEqual(want.data);
    expect(got.scales).toEqual(want.scales);
    const wide = await deriveProgram(graph, small.store, INFERENCE);
    const products = Float32Array.from(
      want.data,
      (q, i) => q * (want.scales[Math.floor(i / width)] ?? 0),
    );
    expectSameBits(wide.store.readWeight(name), products, name);
  });

  it('that is trained leaves the source alone, and what is derived from it has the new numbers', async () => {
    const first = await sealed(graph, randomWeights(graph, 406));
    const before = first.store.readWeight(firstMatrix());
    const wanted = await hidden(first);
    const trained = await deriveProgram(graph, first.store, { trainable: true });
    const trainer = new (engine().Trainer)(trained, ADAMW);
    const loss = lossFor('texts', 'cross_entropy', batch);
    await step(trainer, batch, loss, { update: true, learningRate: 1e-2 });
    const after = trained.store.readWeight(firstMatrix());
    expect(after).not.toEqual(before);
    expect(first.store.readWeight(firstMatrix())).toEqual(before);
    expectSameBits(await hidden(first), wanted, 'hidden');
    const next = await deriveProgram(graph, trained.store, INFERENCE);
    const ended = await hidden(trained);
    trainer.dispose();
    library.disposeProgram(trained);
    expectSameBits(next.store.readWeight(firstMatrix()), after, 'weight');
    expectSameBits(await hidden(next), ended, 'hidden');
  });

  it('waits for what is written, and names what is missing', async () => {
    const first = await sealed(graph, randomWeights(graph, 407));
    const [missing, ...others] = graph.weights;
    if (missing === undefined) throw new Error('there are weights');
    const weights: StoreWeight[] = others.map((weight) => ({
      ...weight,
      from: { store: first.store, name: weight.name },
    }));
    const { Program, Store } = engine();
    const program = new Program(graph, new Store([missing, ...weights]), INFERENCE);
    await expect(program.seal()).rejects.toThrow(`weight ${missing.name} was not written whole`);
  });
});
