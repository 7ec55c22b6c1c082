/** Weights that several nodes read: one weight to read, to update and to take gradients of, in every form that is needed. */

import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../lib/graph/builder.js';
import type { EncoderGraph } from '../../lib/graph/types.js';
import { deriveProgram } from '../../lib/runtime/program.js';
import { expectSameBits } from '../kernels/native-test.js';
import { FAMILY_VOCABULARY, familyGraph, lossFor, rowsOf, selectSome } from './family-toy.js';
import {
  ADAMW,
  adamw,
  at,
  batchOf,
  engine,
  randomWeights,
  readCodes,
  run,
  sealed,
  sealedS8,
  step,
  unsealed,
} from './toy.js';

const options = { vocabulary: FAMILY_VOCABULARY, segments: false };
const batch = selectSome(batchOf([5, 1, 13, 2], 3, options), 4);
const graph = familyGraph('vocabulary');
const weights = randomWeights(graph, 2);
const logitsOf = (program: Parameters<typeof run>[0]) =>
  run(program, batch, 'logits', rowsOf('vocabulary', batch) * FAMILY_VOCABULARY);

/** The graph with a decoder of its own, and the weights with a copy of the table for it. */
function untied(): [EncoderGraph, Map<string, Float32Array>] {
  const nodes = graph.nodes.map((node) =>
    node.op === 'linear' && node.weights[0] === 'tokens' ? { ...node, weights: ['copy'] } : node,
  );
  const shape = [FAMILY_VOCABULARY, 16];
  const specs = [...graph.weights, { name: 'copy', shape, dtype: 'f32' } as const];
  const copied = new Map(weights).set('copy', weights.get('tokens') ?? new Float32Array());
  return [{ ...graph, nodes, weights: specs }, copied];
}

describe('a table that is a decoder too', () => {
  it.each(['f32', 's8'])('gives the logits of a copy, in %s', async (dtype) => {
    const [apart, copied] = untied();
    const make = (g: EncoderGraph, w: Map<string, Float32Array>) =>
      dtype === 'f32' ? sealed(g, w) : sealedS8(g, w);
    // In s8 the table of `apart` stays f32, so the texts are embedded alike only in f32.
    const tied = await make(graph, weights);
    const pair = await make(apart, copied);
    if (dtype === 'f32') {
      expectSameBits(await logitsOf(tied), await logitsOf(pair), 'logits');
      expectSameBits(
        tied.store.readWeight('tokens'),
        weights.get('tokens') ?? new Float32Array(),
        'w',
      );
    } else {
      const { data, scales } = await readCodes(tied, 'tokens', 0, FAMILY_VOCABULARY);
      const copy = await readCodes(pair, 'copy', 0, FAMILY_VOCABULARY);
      expect(data).toEqual(copy.data);
      expectSameBits(scales, copy.scales, 'scales');
      const widened = new Map(copied);
      for (const name of ['tokens', 'copy'])
        widened.set(
          name,
          Float32Array.from(data, (q, i) => q * at(scales, Math.floor(i / 16))),
        );
      const same = await make(apart, widened);
      expectSameBits(await logitsOf(tied), await logitsOf(same), 'logits');
    }
  });

  it('is held in both forms, and by rows of any range', async () => {
    const program = await sealed(graph, weights);
    const [apart, copied] = untied();
    const pair = await sealed(apart, copied);
    expect(program.residentBytes()).toBeLessThanOrEqual(pair.residentBytes());
    const all = weights.get('tokens') ?? new Float32Array();
    expectSameBits(
      program.store.readWeight('tokens', 3, 18),
      all.subarray(48, 288),
      'rows 3 to 18',
    );
  });

  it('is held once in f16, for both uses', async () => {
    const halves = graph.weights.map((spec) =>
      spec.name === 'tokens' ? ({ ...spec, dtype: 'f16' } as const) : spec,
    );
    const source = await sealed(graph, weights);
    const held = { ...graph, weights: halves };
    const narrow = await deriveProgram(held, source.store, { trainable: false });
    const rounded = new Map(weights).set('tokens', narrow.store.readWeight('tokens'));
    const wide = await sealed(graph, rounded);
    expectSameBits(await logitsOf(narrow), await logitsOf(wide), 'logits');
    const [bytes] = await narrow.store.readRows('tokens', 0, FAMILY_VOCABULARY, 'f16');
    const packed = wide.residentBytes() - narrow.residentBytes();
    // The decoder's panels of 16 outputs, and half of the table.
    expect(packed).toBeGreaterThanOrEqual((bytes?.length ?? 0) * 3);
  });
});

describe('training of tied weights', () => {
  it('adds the gradients of both uses', async () => {
    const [apart, copied] = untied();
    const loss = lossFor('vocabulary', 'cross_entropy', batch);
    const gradientsOf = async (g: EncoderGraph, w: Map<string, Float32Array>) => {
      const trainer = new (engine().Trainer)(await sealed(g, w, true), ADAMW);
      await step(trainer, batch, loss);
      return trainer;
    };
    const tied = (await gradientsOf(graph, weights)).readGradient('tokens');
    const pair = await gradientsOf(apart, copied);
    const [table, copy] = [pair.readGradient('tokens'), pair.readGradient('copy')];
    expect(table.some((g) => g !== 0) && copy.some((g) => g !== 0)).toBe(true);
    for (const [i, g] of tied.entries())
      expect(Math.abs(g - at(table, i) - at(copy, i))).toBeLessThan(1e-6);
  });

  it('updates every row once, those of tokens that do not occur too', async () => {
    const program = await sealed(graph, weights, true);
    const trainer = new (engine().Trainer)(program, ADAMW);
    const loss = lossFor('vocabulary', 'cross_entropy', batch);
    const before = program.store.readWeight('tokens');
    await step(trainer, batch, loss, { update: true, learningRate: 1e-2 });
    const gradient = trainer.readGradient('tokens');
    const after = program.store.readWeight('tokens');
    const absent = [...Array(FAMILY_VOCABULARY).keys()].filter((id) => !batch.ids.includes(id));
    expect(absent.length).toBeGreaterThan(3);
    for (const [i, g] of gradient.entries()) {
      // The first step of Adam is the sign of the gradient, but for epsilon.
      const want = at(before, i) - (1e-2 * g) / (Math.abs(g) + 1e-8);
      expect(Math.abs(at(after, i) - want), `element ${i}`).toBeLessThan(1e-6);
    }
    for (const id of absent) expect(at(gradient, id * 16)).not.toBe(0);
  });

  it('changes all forms of a weight: a run sees what a new program of the same weights gives', async () => {
    const program = await sealed(graph, weights, true);
    const trainer = new (engine().Trainer)(program, adamw([...weights.keys()], 0.01));
    const loss = lossFor('vocabulary', 'cross_entropy', batch);
    for (const dropoutSeed of [1, 2, 3])
      await step(trainer, batch, loss, { update: true, dropoutSeed });
    const changed = new Map(
      [...weights.keys()].map((name) => [name, program.store.readWeight(name)]),
    );
    const fresh = await sealed(graph, changed);
    expectSameBits(await logitsOf(program), await logitsOf(fresh), 'logits');
    expectSameBits(
      fresh.store.readWeight('tokens'),
      changed.get('tokens') ?? new Float32Array(),
      'w',
    );
  });
});

describe('weights that cannot be shared', () => {
  const build = (add: (g: GraphBuilder, x: string) => string) => {
    const g = new GraphBuilder();
    const x = g.embedding([{ weight: 'tokens', rows: 8, index: 'token' }], 8, 'x');
    g.output('hidden', add(g, x));
    const made = g.finish({ architecture: 'toy', maxTokens: 8, vocabulary: 8, segments: 1 });
    return () => unsealed(made, true);
  };
  const [a, b] = ['a', 'b'].map((name) => ({ name, inputs: 8, outputs: 8, bias: false }));
  if (a === undefined || b === undefined) throw new Error('there are two modules');

  it('are those stacked in one node and alone, or stacked otherwise, in another', () => {
    const stacked =
      'is stacked with some weights in one node and alone, or with others, in another';
    const then = (first: (typeof a)[], second: (typeof a)[]) =>
      build((g, x) => {
        const y = g.linear(first, 'none', x, 'y');
        return g.concat([y, g.linear(second, 'none', x, 'z')], 'both');
      });
    expect(then([a, b], [a])).toThrow(`weight a.weight ${stacked}`);
    expect(then([a, b], [b])).toThrow(`weight b.weight ${stacked}`);
    expect(then([b], [a, b])).toThrow(`weight b.weight ${stacked}`);
    expect(then([a, b], [b, a])).toThrow(`weight b.weight ${stacked}`);
    expect(then([a, b], [a, b])).not.toThrow();
  });

  it('are a table that is stacked with another matrix', () => {
    const tokens = { name: 'tokens', inputs: 8, outputs: 8 };
    const other = { name: 'a.weight', inputs: 8, outputs: 8 };
    const tied = (modules: (typeof other)[]) =>
      build((g, x) => g.product(modules, [], 'none', x, 'y'));
    expect(tied([tokens, other])).toThrow('is stacked');
    expect(tied([tokens])).not.toThrow();
  });
});
