/**
 * Several terms in one step: their gradients are the weighted sum, whatever outputs they are on and whoever else reads these.
 */

import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../lib/graph/builder.js';
import type { EncoderGraph } from '../../lib/graph/types.js';
import type { LossTerm } from '../../lib/native/losses.js';
import { expectSameBits, Random } from '../kernels/native-test.js';
import { FAMILY_VOCABULARY, familyGraph } from './family-toy.js';
import { entropyProblem, expectGradients, gradientsOf, type Weights } from './gradients.js';
import {
  ADAMW,
  at,
  batchOf,
  engine,
  labelsFor,
  randomWeights,
  sealed,
  step,
  term,
  toyGraph,
} from './toy.js';

const LENGTHS = [5, 1, 13, 2];
const TOKENS = 21;
const batch = batchOf(LENGTHS, 3);
const random = new Random(12);

/** sum of weight * gradient of each term alone. */
async function weightedSum(problem: (term: LossTerm) => Promise<Weights>, terms: LossTerm[]) {
  const sums: Weights = new Map();
  for (const one of terms) {
    for (const [name, gradient] of await problem({ ...one, weight: 1 })) {
      const sum = sums.get(name) ?? new Float32Array(gradient.length);
      sums.set(
        name,
        sum.map((value, i) => value + one.weight * at(gradient, i)),
      );
    }
  }
  return sums;
}

function expectClose(got: Weights, want: Weights): void {
  const total = Math.hypot(...[...want.values()].map((g) => Math.hypot(...g)));
  for (const [name, gradient] of want) {
    const ours = got.get(name) ?? new Float32Array();
    const apart = Math.hypot(...gradient.map((g, i) => g - at(ours, i)));
    expect(apart, name).toBeLessThan(1e-5 * Math.hypot(...gradient) + 1e-7 * total);
  }
}

const toyTerms: Record<string, LossTerm[]> = {
  'logits and hidden': [
    { ...labelsFor(batch, 2), weight: 0.7 },
    { ...term('mse', random.floats(TOKENS * 24, 2), 'hidden'), weight: 1.5 },
  ],
  'a value in the middle, the last one and the pooled one': [
    { ...term('mse', random.floats(TOKENS * 24), 'hidden.0'), weight: 2 },
    { ...labelsFor(batch, 2), weight: -0.5 },
    { ...term('in_batch_negatives', Int32Array.of(1, 0), 'embedding'), weight: 0.3 },
  ],
  'one output twice': [
    { ...labelsFor(batch, 2), weight: 0.4 },
    { ...term('bce', random.floats(12).map(Math.abs)), weight: 3 },
  ],
};

describe.each(Object.keys(toyTerms))('terms on %s', (name) => {
  const terms = toyTerms[name] as LossTerm[];
  const graph = toyGraph({ layers: 1, dropout: 0.1 });
  const weights = randomWeights(graph, 8);
  const alone = (one: LossTerm) => gradientsOf(entropyProblem(graph, weights, batch, one, 7));

  it('have the gradients of finite differences', async () => {
    await expectGradients(entropyProblem(graph, weights, batch, terms, 7));
  });

  it('have the weighted sum of the gradients of steps of one term', async () => {
    const together = await gradientsOf(entropyProblem(graph, weights, batch, terms, 7));
    expectClose(together, await weightedSum(alone, terms));
  });

  it('have that sum in slices too', async () => {
    const problem = { ...entropyProblem(graph, weights, batch, terms, 7), sliceTokens: 6 };
    expectClose(await gradientsOf(problem), await weightedSum(alone, terms));
  });

  it('report their own losses and the weighted sum', async () => {
    const program = await sealed(graph, weights, true);
    const trainer = new (engine().Trainer)(program, ADAMW);
    const jobId = () => engine().nextJobId();
    const options = { jobId: jobId(), dropoutSeed: 7 };
    const { loss, losses } = await trainer.accumulate(batch, terms, options);
    const sum = losses.reduce((all, one, i) => all + one * (terms[i]?.weight ?? 0), 0);
    expect(losses).toHaveLength(terms.length);
    expect(loss).toBeCloseTo(sum, 12);
  });
});

/** An encoder whose query, key and value are an output, and are read by a second attention, a pooling and a sum. */
function crowded(positions: 'plain' | 'rotary'): EncoderGraph {
  const g = new GraphBuilder();
  const x = g.embedding([{ weight: 'tokens', rows: 50, index: 'token' }], 12, 'x');
  const modules = ['q', 'k', 'v'].map((name) => ({ name, inputs: 12, outputs: 12 }));
  const qkv = g.linear(modules, 'none', x, 'qkv');
  const rotary = { theta: 100, dimensions: 4 };
  const extra = positions === 'rotary' ? { rotary, window: 4 } : {};
  const a = g.attention(3, 4, 0.1, qkv, 'a', extra);
  const b = g.attention(2, 6, 0.1, qkv, 'b', extra);
  g.output('hidden', g.sum(a, b, 'sum'));
  g.output('hidden.0', qkv);
  g.output('embedding', g.pool('mean', qkv, 'pooled'));
  return g.finish({ architecture: 'toy', maxTokens: 20, vocabulary: 50, segments: 1 });
}

describe.each(['plain', 'rotary'] as const)(
  'attention (%s) that reads what others read',
  (kind) => {
    const graph = crowded(kind);
    const weights = randomWeights(graph, 4);
    const plain = { ...batch, segments: null };

    it.each([['hidden'], ['hidden', 'hidden.0'], ['embedding', 'hidden', 'hidden.0']])(
      'adds to the gradient: %s %s %s',
      async (...outputs) => {
        const draw = new Random(3);
        const rows = {
          hidden: TOKENS * 12,
          'hidden.0': TOKENS * 36,
          embedding: LENGTHS.length * 36,
        };
        const terms = outputs
          .filter((output) => output !== undefined)
          .map((output) => term('mse', draw.floats(rows[output as 'hidden'], 2), output));
        await expectGradients(entropyProblem(graph, weights, plain, terms, 5));
      },
    );
  },
);

describe('accumulate', () => {
  const graph = familyGraph('tokens', 0.1);
  const weights = randomWeights(graph, 8);
  const texts = [batchOf([5, 9], 1), batchOf([3, 3, 3], 2)].map((one) => ({
    ...one,
    ids: one.ids.map((id) => id % FAMILY_VOCABULARY),
    segments: null,
  }));
  const losses = texts.map((one, i) => {
    const labels = Int32Array.from(one.ids, (_, token) => (token + i) % 3);
    return term('cross_entropy', labels);
  });
  const options = () => ({ jobId: engine().nextJobId(), dropoutSeed: 3 });

  async function prepared() {
    const program = await sealed(graph, weights, true);
    return { program, trainer: new (engine().Trainer)(program, ADAMW) };
  }

  it('adds the gradients of batches, until apply or clear', async () => {
    const alone: Weights[] = [];
    for (const [i, one] of texts.entries()) {
      const { trainer } = await prepared();
      await trainer.accumulate(one, [losses[i] as LossTerm], options());
      alone.push(new Map(graph.weights.map(({ name }) => [name, trainer.readGradient(name)])));
    }
    const { trainer } = await prepared();
    const pass = (i: number) =>
      trainer.accumulate(texts[i] ?? batch, [losses[i] as LossTerm], options());
    const read = () => new Map(graph.weights.map(({ name }) => [name, trainer.readGradient(name)]));
    await pass(0);
    await pass(1);
    const sum = new Map(
      graph.weights.map(({ name }) => [
        name,
        (alone[0]?.get(name) ?? new Float32Array()).map(
          (g, i) => g + at(alone[1]?.get(name) ?? [], i),
        ),
      ]),
    );
    expectClose(read(), sum);
    const squares = [...sum.values()].reduce((all, g) => all + Math.hypot(...g) ** 2, 0);
    expect(await trainer.clip(0, engine().nextJobId())).toBeCloseTo(Math.sqrt(squares), 5);
    await trainer.clear(engine().nextJobId());
    await pass(1);
    for (const [name, gradient] of read())
      expectSameBits(gradient, alone[1]?.get(name) ?? gradient, name);
  });

  it('that fails leaves no gradients to clip or to apply', async () => {
    const { program, trainer } = await prepared();
    await trainer.accumulate(texts[0] ?? batch, [losses[0] as LossTerm], options());
    const long = { ...batchOf(Array(200).fill(20), 3), segments: null };
    const ids = long.ids.map((id) => id % FAMILY_VOCABULARY);
    const labels = term('cross_entropy', new Int32Array(ids.length));
    const { jobId } = options();
    const { cancel, nextJobId } = engine();
    // The first job is running when it is cancelled, the other one is waiting.
    const running = trainer.accumulate({ ...long, ids }, [labels], { jobId, dropoutSeed: null });
    const waiting = nextJobId();
    const second = { jobId: waiting, dropoutSeed: null };
    const queued = trainer.accumulate({ ...long, ids }, [labels], second);
    const clipped = trainer.clip(1, nextJobId());
    const applied = trainer.apply(1, nextJobId());
    cancel(waiting);
    await expect(queued).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(running).resolves.toBeDefined();
    await expect(clipped).rejects.toMatchObject({ code: 'INTERNAL' });
    await expect(applied).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(() => trainer.accumulate(texts[0] ?? batch, [], options())).toThrow('terms');
    await expect(trainer.apply(1, nextJobId())).rejects.toMatchObject({ code: 'INTERNAL' });
    const { name } = graph.weights[0] as { name: string };
    expectSameBits(program.store.readWeight(name), weights.get(name) ?? new Float32Array(), name);
  });

  it('twice with half the weight takes the same step as once', async () => {
    const results: Float32Array[] = [];
    for (const times of [1, 2]) {
      const { program, trainer } = await prepared();
      const one = { ...(losses[0] as LossTerm), weight: 1 / times };
      for (let i = 0; i < times; i++) await trainer.accumulate(texts[0] ?? batch, [one], options());
      await trainer.clip(0.5, engine().nextJobId());
      await trainer.apply(1e-2, engine().nextJobId());
      results.push(program.store.readWeight('query.weight'));
    }
    const [once, twice] = results as [Float32Array, Float32Array];
    expect(Math.max(...once.map((value, i) => Math.abs(value - at(twice, i))))).toBeLessThan(1e-6);
  });
});

describe('parameter groups', () => {
  it('multiply the learning rate and set the decay of their weights alone', async () => {
    const graph = toyGraph({ layers: 1 });
    const weights = randomWeights(graph, 8);
    const weightsAfter = async (groups: (typeof ADAMW)['groups']) => {
      const program = await sealed(graph, weights, true);
      const trainer = new (engine().Trainer)(program, { ...ADAMW, groups });
      await step(trainer, batch, labelsFor(batch, 2), { update: true, learningRate: 1e-2 });
      return (name: string) => program.store.readWeight(name);
    };
    const plain = await weightsAfter([]);
    // One of three weights that one product stacks, and a table.
    const names = ['layer.0.key.weight', 'tokens'];
    const grouped = await weightsAfter([
      { weights: names, learningRateFactor: 0.5, weightDecay: 0.1 },
    ]);
    for (const { name } of graph.weights) {
      const start = weights.get(name) ?? new Float32Array();
      const [ours, theirs] = [grouped(name), plain(name)];
      if (!names.includes(name)) {
        expectSameBits(ours, theirs, name);
        continue;
      }
      for (const [i, value] of ours.entries()) {
        const moved = at(theirs, i) - at(start, i);
        const want = at(start, i) * (1 - 0.005 * 0.1) + 0.5 * moved;
        expect(Math.abs(value - want), name).toBeLessThan(1e-6);
      }
    }
  });
});
