/** Every operation's backward pass against finite differences, through programs of one or a few nodes. */

import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../lib/graph/builder.js';
import { withLora } from '../../lib/graph/rewrite/lora.js';
import { withScales } from '../../lib/graph/rewrite/scales.js';
import {
  ACTIVATION_KINDS,
  type EncoderGraph,
  type GraphNode,
  type WeightSpec,
} from '../../lib/graph/types.js';
import { expectSameBits } from '../kernels/native-test.js';
import { FEATURE_WIDTH, mixedGraph, withFeatures } from './featured-toy.js';
import { entropyProblem, expectGradients, gradientsOf, linearProblem } from './gradients.js';
import {
  ADAMW,
  adamw,
  batchOf,
  engine,
  labelsFor,
  randomWeights,
  sealed,
  step,
  term,
  toyGraph,
} from './toy.js';

const VOCABULARY = 12;
const LENGTHS = [5, 1, 17, 2];
const TOKENS = 25;
const batch = batchOf(LENGTHS, 3, { vocabulary: VOCABULARY });
const HEAD = { architecture: 'toy', maxTokens: 20, vocabulary: VOCABULARY, segments: 2 };

/** The nodes that `add` appends to an embedding `width` wide; what it returns is the output `hidden`. */
function graphOf(width: number, add: (g: GraphBuilder, x: string) => string): EncoderGraph {
  const g = new GraphBuilder();
  const x = g.embedding([{ weight: 'tokens', rows: VOCABULARY, index: 'token' }], width, 'x');
  g.output('hidden', add(g, x));
  return g.finish(HEAD);
}

/** The graph with one more node and its weights. */
function extended(
  graph: EncoderGraph,
  node: GraphNode,
  weights: readonly WeightSpec[],
): EncoderGraph {
  return {
    ...graph,
    nodes: [...graph.nodes, node],
    weights: [...graph.weights, ...weights],
    outputs: { hidden: node.output },
  };
}

/** `kinked`: the loss is linear in pieces, so steps are small enough to stay inside one. */
function check(graph: EncoderGraph, rows: number, width: number, kinked = false): Promise<void> {
  const problem = linearProblem(graph, randomWeights(graph, 7), batch, 'hidden', rows * width);
  return expectGradients(kinked ? { ...problem, relative: 1e-2, step: 1e-4 } : problem);
}

describe('gradients', () => {
  it('of embedding: token, shifted position and segment', async () => {
    const g = new GraphBuilder();
    const tables = [
      { weight: 'tokens', rows: VOCABULARY, index: 'token' },
      { weight: 'positions', rows: 24, index: 'position', offset: 4 },
      { weight: 'segments', rows: 2, index: 'segment' },
    ] as const;
    g.output('hidden', g.embedding(tables, 7, 'x'));
    await check(g.finish(HEAD), TOKENS, 7);
  });

  it('of a table that is read by token and by position', async () => {
    const weight = 'shared';
    const node: GraphNode = {
      op: 'embedding',
      tables: [
        { weight, index: 'token', offset: 0 },
        { weight, index: 'position', offset: 0 },
      ],
      output: 'x',
    };
    const empty = { format: 1, ...HEAD, weights: [], nodes: [], outputs: {} } as const;
    const graph = extended(empty, node, [{ name: weight, shape: [20, 5], dtype: 'f32' }]);
    await check(graph, TOKENS, 5);
  });

  it.each([16, 19, 1])('of norm, %i wide', async (width) => {
    const graph = graphOf(width, (g, x) => g.norm('norm', width, 1e-5, x, null, 'y'));
    await check(graph, TOKENS, width);
  });

  it('of norm with a residual', async () => {
    const graph = graphOf(11, (g, x) => {
      const y = g.linear([{ name: 'a', inputs: 11, outputs: 11 }], 'none', x, 'y');
      return g.norm('norm', 11, 1e-5, y, x, 'z');
    });
    await check(graph, TOKENS, 11);
  });

  it('of norm whose residual is its input', async () => {
    const graph = graphOf(9, (g, x) => g.norm('norm', 9, 1e-5, x, x, 'y'));
    await check(graph, TOKENS, 9);
  });

  it.each([
    ['layer', false],
    ['rms', false],
    ['rms', true],
  ] as const)('of norm: %s, bias %s, with a residual', async (kind, bias) => {
    const graph = graphOf(19, (g, x) => {
      const y = g.linear([{ name: 'a', inputs: 19, outputs: 19 }], 'none', x, 'y');
      return g.norm('norm', 19, 1e-5, y, x, 'z', { kind, bias });
    });
    await check(graph, TOKENS, 19);
  });

  it('of add: pre-norm layers, and a value added to itself', async () => {
    const graph = graphOf(9, (g, x) => {
      const y = g.norm('norm', 9, 1e-5, x, null, 'n', { bias: false });
      const z = g.linear([{ name: 'a', inputs: 9, outputs: 9 }], 'gelu', y, 'z');
      return g.sum(g.sum(z, x, 's'), 's', 'twice');
    });
    await check(graph, TOKENS, 9);
  });

  it.each(ACTIVATION_KINDS)('of gate %s', async (activation) => {
    const graph = graphOf(7, (g, x) => {
      const wide = g.linear([{ name: 'a', inputs: 7, outputs: 38 }], 'none', x, 'wide');
      return g.add({ op: 'gate', activation, input: wide, output: 'y' });
    });
    await check(graph, TOKENS, 19, activation === 'relu');
  });

  it.each(ACTIVATION_KINDS.filter((kind) => kind !== 'none'))(
    'of activation %s, whose input others read too',
    async (kind) => {
      const graph = graphOf(11, (g, x) => {
        const y = g.linear([{ name: 'a', inputs: 11, outputs: 11 }], 'none', x, 'y');
        const z = g.add({ op: 'activation', kind, input: y, output: 'z' });
        return g.sum(g.sum(z, y, 's'), x, 't');
      });
      await check(graph, TOKENS, 11, kind === 'relu');
    },
  );

  it('of activation: of tokens and of texts', async () => {
    const graph = graphOf(8, (g, x) => {
      const rows = g.add({ op: 'activation', kind: 'tanh', input: x, output: 'rows' });
      const pooled = g.pool('mean', rows, 'm');
      return g.add({ op: 'activation', kind: 'gelu', input: pooled, output: 'y' });
    });
    await check(graph, LENGTHS.length, 8);
  });

  it.each(['none', 'gelu'] as const)(
    'of linear with low-rank adapters beside two of three weights, then %s',
    async (activation) => {
      const graph = graphOf(7, (g, x) => {
        const modules = ['a', 'b', 'c'].map((name) => ({ name, inputs: 7, outputs: 9 }));
        const y = g.linear(modules, activation, x, 'y');
        return g.linear([{ name: 'd', inputs: 27, outputs: 5 }], 'none', y, 'z');
      });
      const adapters = ['a', 'c', 'd'].map((name, i) => {
        const rank = 2 + 3 * i;
        return { weight: `${name}.weight`, a: `${name}.A`, b: `${name}.B`, rank, scale: 1.5 - i };
      });
      await check(withLora(graph, adapters, 0), TOKENS, 5);
    },
  );

  it('of scale: some columns, all columns, and before an activation', async () => {
    const graph = graphOf(7, (g, x) => {
      const modules = ['a', 'b', 'c'].map((name) => ({ name, inputs: 7, outputs: 9 }));
      const y = g.linear(modules, 'none', x, 'y');
      return g.linear([{ name: 'd', inputs: 27, outputs: 5 }], 'tanh', y, 'z');
    });
    const scales = [
      { weight: 'b.weight', vector: 'b.l', side: 'output', size: 9 },
      { weight: 'c.weight', vector: 'c.l', side: 'output', size: 9 },
      { weight: 'd.weight', vector: 'd.l', side: 'output', size: 5 },
    ] as const;
    await check(withScales(graph, scales), TOKENS, 5);
    const input = { weight: 'd.weight', vector: 'd.l', side: 'input', size: 27 } as const;
    await check(withScales(graph, [input]), TOKENS, 5);
  });

  it('of features: into what reads them, beside tokens and twice', async () => {
    const graph = mixedGraph();
    const texts = withFeatures({ ...batch, segments: null }, FEATURE_WIDTH, 6);
    await expectGradients(
      linearProblem(graph, randomWeights(graph, 7), texts, 'logits', LENGTHS.length * 3),
    );
  });

  it('of concat: values of tokens, one of them twice, and poolings', async () => {
    const graph = graphOf(6, (g, x) => {
      const y = g.linear([{ name: 'a', inputs: 6, outputs: 11 }], 'tanh', x, 'y');
      return g.concat([x, y, x], 'z');
    });
    await check(graph, TOKENS, 23);
    const pooled = graphOf(6, (g, x) =>
      g.concat([g.pool('cls', x, 'a'), g.pool('lasttoken', x, 'b'), g.pool('mean', x, 'c')], 'd'),
    );
    await check(pooled, LENGTHS.length, 18);
  });

  it.each([
    ['some', Int32Array.of(0, 3, 4, 6, 22, 24)],
    ['all, unsaid', null],
    ['none', new Int32Array()],
  ])('of select: %s', async (_, selected) => {
    const graph = graphOf(8, (g, x) => {
      const y = g.linear([{ name: 'a', inputs: 8, outputs: 13 }], 'gelu', g.select(x, 's'), 'y');
      return g.norm('norm', 13, 1e-5, y, null, 'z');
    });
    const rows = selected === null ? TOKENS : selected.length;
    const asked = { ...batch, selected };
    await expectGradients(
      linearProblem(graph, randomWeights(graph, 7), asked, 'hidden', rows * 13),
    );
  });

  it.each(ACTIVATION_KINDS)(
    'of linear with activation %s and stacked weights',
    async (activation) => {
      const modules = [5, 17, 1].map((outputs, i) => ({ name: `m${i}`, inputs: 13, outputs }));
      const graph = graphOf(13, (g, x) => g.linear(modules, activation, x, 'y'));
      await check(graph, TOKENS, 23, activation === 'relu');
    },
  );

  it('of linear without bias', async () => {
    const node: GraphNode = {
      op: 'linear',
      input: 'x',
      weights: ['w'],
      biases: [],
      activation: 'tanh',
      activationBits: 8,
      output: 'y',
    };
    const graph = extended(
      graphOf(6, (_, x) => x),
      node,
      [{ name: 'w', shape: [33, 6], dtype: 'f32' }],
    );
    await check(graph, TOKENS, 33);
  });

  it.each([
    [3, 5],
    [1, 7],
    [2, 16],
    [4, 1],
  ])('of attention with %i heads of %i, texts of length 1 among them', async (heads, headDim) => {
    const width = heads * headDim;
    const graph = graphOf(10, (g, x) => {
      const modules = ['q', 'k', 'v'].map((name) => ({ name, inputs: 10, outputs: width }));
      return g.attention(heads, headDim, 0, g.linear(modules, 'none', x, 'qkv'), 'y');
    });
    await check(graph, TOKENS, width);
  });

  it.each(['mean', 'cls', 'max', 'mean_sqrt_len_tokens', 'weightedmean', 'lasttoken'] as const)(
    'of pool %s',
    async (kind) => {
      await check(
        graphOf(18, (g, x) => g.pool(kind, x, 'y')),
        LENGTHS.length,
        18,
        kind === 'max',
      );
    },
  );

  it('of normalize per token and per text', async () => {
    const perToken = graphOf(9, (g, x) => g.normalize(x, 'y'));
    await check(perToken, TOKENS, 9);
    const perText = graphOf(9, (g, x) => g.normalize(g.pool('mean', x, 'm'), 'y'));
    await check(perText, LENGTHS.length, 9);
  });

  it('of a value that several operations read, through dropout that is off', async () => {
    const graph = graphOf(12, (g, x) => {
      const same = g.dropout(0, x, 'same');
      const y = g.linear([{ name: 'a', inputs: 12, outputs: 12 }], 'gelu', same, 'y');
      const z = g.norm('norm', 12, 1e-5, y, same, 'z');
      return g.norm('norm2', 12, 1e-5, z, x, 'w');
    });
    await check(graph, TOKENS, 12);
  });

  it('of a whole encoder under cross entropy, some texts without a label', async () => {
    const graph = toyGraph({ hidden: 12, heads: 2, layers: 1, vocabulary: VOCABULARY });
    const loss = labelsFor(batch, 2);
    loss.targets[1] = -1;
    await expectGradients(entropyProblem(graph, randomWeights(graph, 8), batch, loss, null));
  });

  it('of a whole encoder with dropout everywhere, the seed held', async () => {
    const options = { hidden: 12, heads: 2, layers: 1, vocabulary: VOCABULARY, dropout: 0.3 };
    const graph = toyGraph(options);
    const weights = randomWeights(graph, 9);
    const loss = labelsFor(batch, 2);
    for (const seed of [1, 2 ** 40 + 5]) {
      await expectGradients(entropyProblem(graph, weights, batch, loss, seed));
    }
  });
});

describe('gradients of successive steps', () => {
  it('keep nothing of the step before, also when that one was cancelled', async () => {
    const graph = toyGraph();
    const weights = randomWeights(graph, 1);
    const [first, second] = [batchOf([9, 30, 2], 1), batchOf([4, 4], 2)];
    const fresh = await gradientsOf(
      entropyProblem(graph, weights, second, labelsFor(second, 1), null),
    );
    const { Trainer, nextJobId, cancel } = engine();
    const program = await sealed(graph, weights, true);
    const trainer = new Trainer(program, ADAMW);
    await step(trainer, first, labelsFor(first, 1));
    const jobId = nextJobId();
    const long = batchOf(Array(120).fill(64), 3);
    const cancelled = step(trainer, long, labelsFor(long, 1), { jobId, update: true });
    cancel(jobId);
    await expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED' });
    await step(trainer, second, labelsFor(second, 1));
    const unchanged = program.store
      .readWeight('tokens')
      .every((w, i) => w === weights.get('tokens')?.[i]);
    expect(unchanged).toBe(true);
    for (const [name, gradient] of fresh) {
      expectSameBits(trainer.readGradient(name), gradient, name);
    }
  });

  it('of a loss that does not reach a weight are zero, and the weight keeps its value', async () => {
    const graph = toyGraph({ layers: 1 });
    const weights = randomWeights(graph, 1);
    const program = await sealed(graph, weights, true);
    const trainer = new (engine().Trainer)(program, adamw([...weights.keys()], 0.01));
    const own = batchOf([3, 5], 4);
    const gradient = new Float32Array(8 * 24).fill(1);
    const loss = term('external', gradient, 'hidden.0');
    await step(trainer, own, loss, { update: true });
    expect(trainer.readGradient('classifier.weight').every((g) => g === 0)).toBe(true);
    const kept = weights.get('layer.0.up.weight') ?? new Float32Array();
    expectSameBits(program.store.readWeight('layer.0.up.weight'), kept, 'up');
    expect(trainer.readGradient('tokens').some((g) => g !== 0)).toBe(true);
  });
});
