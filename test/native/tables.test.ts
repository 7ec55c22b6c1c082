/** Tables: values that do not depend on the texts. A sealed program has them; a trainable one computes them again. */

import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../lib/graph/builder.js';
import type { EncoderGraph } from '../../lib/graph/types.js';
import { disposeProgram } from '../../lib/runtime/program.js';
import { expectSameBits } from '../kernels/native-test.js';
import { FAMILY_VOCABULARY, familyGraph, lossFor, selectSome } from './family-toy.js';
import {
  ADAMW,
  batchOf,
  engine,
  randomWeights,
  run,
  sealed,
  sealedS8,
  step,
  unsealed,
} from './toy.js';

const options = { vocabulary: FAMILY_VOCABULARY, segments: false };
const batch = batchOf([5, 1, 13, 2], 3, options);
const graph = familyGraph('tokens');
const weights = randomWeights(graph, 2);
const SIZE = batch.ids.length * 16;

/** Bytes of the two tables that attention reads, [8, 16] each, and of what they are made from. */
const TABLES = 4 * 8 * 16 * 4;

describe('tables', () => {
  it('of a sealed program are those that a trainable one computes in every run', async () => {
    const fixed = await sealed(graph, weights);
    const changing = await sealed(graph, weights, true);
    const hidden = await run(fixed, batch, 'hidden', SIZE);
    expectSameBits(await run(changing, batch, 'hidden', SIZE), hidden, 'hidden');
    expectSameBits(await run(changing, batch, 'hidden', SIZE, 6), hidden, 'hidden, cut');
  });

  it('are counted, shared between equal programs, and given back', async () => {
    const { weightBytes } = engine();
    const own = randomWeights(graph, 77); // that no program of another test holds
    const before = weightBytes();
    const one = await sealed(graph, own);
    const held = weightBytes() - before;
    // Blocks are whole steps of 64 bytes.
    const padding = held - one.residentBytes();
    expect(padding).toBeGreaterThanOrEqual(0);
    expect(padding).toBeLessThan(64 * graph.weights.length);
    const plain = [...own.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(held).toBeGreaterThan(plain + TABLES / 2);
    const two = await sealed(graph, own);
    expect(weightBytes() - before).toBe(held);
    expectSameBits(
      await run(two, batch, 'hidden', SIZE),
      await run(one, batch, 'hidden', SIZE),
      'hidden',
    );
    disposeProgram(one);
    expect(weightBytes() - before).toBe(held);
    disposeProgram(two);
    expect(weightBytes()).toBe(before);
  });

  it('follow the weights in training', async () => {
    const program = await sealed(graph, weights, true);
    const trainer = new (engine().Trainer)(program, ADAMW);
    const loss = lossFor('tokens', 'cross_entropy', batch);
    const before = await run(program, batch, 'hidden', SIZE);
    await step(trainer, batch, loss, { update: true, learningRate: 1e-2 });
    expect(trainer.readGradient('distances').some((g) => g !== 0)).toBe(true);
    const changed = new Map(
      [...weights.keys()].map((name) => [name, program.store.readWeight(name)]),
    );
    const after = await run(program, batch, 'hidden', SIZE);
    expect(after).not.toEqual(before);
    const fresh = await sealed(graph, changed);
    expectSameBits(await run(fresh, batch, 'hidden', SIZE), after, 'hidden');
    // The distances alone change the result.
    const moved = new Map(weights).set('distances', changed.get('distances') ?? new Float32Array());
    expect(await run(await sealed(graph, moved), batch, 'hidden', SIZE)).not.toEqual(before);
  });

  it('may come from int8 products', async () => {
    const f32 = await run(await sealed(graph, weights), batch, 'hidden', SIZE);
    const s8 = await run(await sealedS8(graph, weights), batch, 'hidden', SIZE);
    const scale = Math.hypot(...f32);
    const apart = Math.hypot(...f32.map((v, i) => v - (s8[i] ?? NaN)));
    expect(apart / scale).toBeGreaterThan(0);
    expect(apart / scale).toBeLessThan(0.05);
  });

  it('are computed for an empty batch, and by a program that is sealed beside another one at work', async () => {
    const busy = await sealed(graph, weights);
    const many = selectSome(batchOf(Array(300).fill(40), 3, options), 1);
    const long = run(busy, many, 'hidden', many.ids.length * 16);
    const program = await sealed(graph, weights);
    const none = { ids: new Int32Array(), offsets: Int32Array.of(0), segments: null };
    expect(await run(program, none, 'hidden', 0)).toEqual(new Float32Array());
    await long;
    expectSameBits(
      await run(program, batch, 'hidden', SIZE),
      await run(busy, batch, 'hidden', SIZE),
      'hidden',
    );
  });
});

describe('a graph with tables', () => {
  const build = (add: (g: GraphBuilder) => void): EncoderGraph => {
    const g = new GraphBuilder();
    g.output('hidden', g.embedding([{ weight: 'tokens', rows: 8, index: 'token' }], 8, 'x'));
    g.parameter('distances', 4, 8, 'table');
    add(g);
    return g.finish({ architecture: 'toy', maxTokens: 8, vocabulary: 8, segments: 1 });
  };
  const program = (add: (g: GraphBuilder) => void) => () => unsealed(build(add));

  it.each([
    [
      'an output',
      (g: GraphBuilder) => g.output('embedding', 'table'),
      'a table cannot be an output',
    ],
    ['pooled', (g: GraphBuilder) => void g.pool('mean', 'table', 'y'), 'one row per token'],
    ['selected', (g: GraphBuilder) => void g.select('table', 'y'), 'one row per token'],
    ['added to tokens', (g: GraphBuilder) => void g.sum('x', 'table', 'y'), 'one row per token'],
    ['beside tokens', (g: GraphBuilder) => void g.concat(['x', 'table'], 'y'), 'the same rows'],
    [
      'added to a table of other rows',
      (g: GraphBuilder) => void g.sum('table', g.parameter('more', 5, 8, 'other'), 'y'),
      'must have the shape of the other input',
    ],
  ])('is refused where a table is %s', (_, add, message) => {
    expect(program(add)).toThrow(message);
  });

  it('may add, gate, join and normalize tables', () => {
    const add = (g: GraphBuilder) => {
      const wide = g.concat(['table', g.sum('table', 'table', 'twice')], 'wide');
      g.normalize(g.add({ op: 'gate', activation: 'silu', input: wide, output: 'gated' }), 'unit');
    };
    expect(program(add)).not.toThrow();
  });

  it('refuses an int8 parameter', () => {
    const made = build(() => {});
    const s8 = made.weights.map((w) =>
      w.name === 'distances' ? ({ ...w, dtype: 's8' } as const) : w,
    );
    expect(() => unsealed({ ...made, weights: s8 })).toThrow('must be f32');
  });
});
