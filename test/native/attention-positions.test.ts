// Attention that knows positions, through programs: gradients against finite differences, and the same bits in every
// batch, order and cut, on any number of lanes and every instruction set level, also through training.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AttentionExtras, GraphBuilder } from '../../lib/graph/builder.js';
import type { EncoderGraph } from '../../lib/graph/types.js';
import { native } from '../../lib/native/native.js';
import { hostLevels } from '../isa-levels.js';
import { expectSameBits } from '../kernels/native-test.js';
import { child } from './child.js';
import { entropyProblem, expectGradients, linearProblem } from './gradients.js';
import {
  at,
  batchOf,
  bytesOf,
  labelsFor,
  pick,
  quantizedGraph,
  randomWeights,
  run,
  sealed,
  unsealed,
} from './toy.js';

const VOCABULARY = 12;
const HEADS = 2;
const HEAD_DIM = 6;
const WIDTH = HEADS * HEAD_DIM;

type Kind = 'rotary' | 'window' | 'bias' | 'keys' | 'queries';

/** Normed table -> a projection of it for attention. */
function table(g: GraphBuilder, name: string, rows: number): string {
  const raw = g.parameter('relative', rows, WIDTH, `${name}.raw`);
  return g.linear([{ name, inputs: WIDTH, outputs: WIDTH }], 'none', raw, name);
}

function layer(
  g: GraphBuilder,
  x: string,
  name: string,
  kinds: readonly Kind[],
  dropout: number,
): string {
  const buckets = 8;
  const has = (kind: Kind) => kinds.includes(kind);
  const terms = has('keys') || has('queries');
  const extras: AttentionExtras = {
    ...(has('rotary') ? { rotary: { theta: 100, dimensions: 4 } } : {}),
    ...(has('window') ? { window: 3 } : {}),
    ...(has('bias') ? { relativeBias: { weight: 'bias', buckets, maxDistance: 12 } } : {}),
    ...(terms
      ? {
          disentangled: {
            keys: has('keys') ? table(g, `${name}.keys`, 2 * buckets) : null,
            queries: has('queries') ? table(g, `${name}.queries`, 2 * buckets) : null,
            buckets,
            maxDistance: 16,
          },
        }
      : {}),
  };
  const modules = ['q', 'k', 'v'].map((part) => ({
    name: `${name}.${part}`,
    inputs: WIDTH,
    outputs: WIDTH,
  }));
  const qkv = g.linear(modules, 'none', x, `${name}.qkv`);
  const mixed = g.attention(HEADS, HEAD_DIM, dropout, qkv, `${name}.mixed`, extras);
  return g.sum(x, mixed, `${name}.sum`);
}

/** One layer for each entry, then a pooled classifier of three labels. */
function graphOf(layers: readonly (readonly Kind[])[], maxTokens = 20, dropout = 0): EncoderGraph {
  const g = new GraphBuilder();
  let x = g.embedding([{ weight: 'tokens', rows: VOCABULARY, index: 'token' }], WIDTH, 'x');
  layers.forEach((kinds, i) => {
    x = layer(g, x, `layer${i}`, kinds, dropout);
  });
  g.output('hidden', x);
  const pooled = g.pool('mean', x, 'mean');
  const head = { name: 'head', inputs: WIDTH, outputs: 3 };
  g.output('logits', g.linear([head], 'none', pooled, 'scores'));
  return g.finish({ architecture: 'toy', maxTokens, vocabulary: VOCABULARY, segments: 0 });
}

const batchLike = (lengths: readonly number[], seed: number) =>
  batchOf(lengths, seed, { vocabulary: VOCABULARY, segments: false });

const CASES: readonly (readonly (readonly Kind[])[])[] = [
  [['rotary']],
  [['window']],
  [['rotary', 'window']],
  [['bias'], ['bias']],
  [['keys']],
  [['queries']],
  [
    ['keys', 'queries'],
    ['keys', 'queries'],
  ],
  [['rotary', 'window', 'bias', 'keys', 'queries']],
];

describe('gradients of attention with', { timeout: 300_000 }, () => {
  const lengths = [5, 1, 17, 2];
  const small = batchLike(lengths, 3);

  it.each(CASES.map((layers) => [layers.map((kinds) => kinds.join('+')).join(', then '), layers]))(
    '%s',
    async (_, layers) => {
      const graph = graphOf(layers as (typeof CASES)[number]);
      const weights = randomWeights(graph, 7);
      await expectGradients(linearProblem(graph, weights, small, 'hidden', 25 * WIDTH));
    },
  );

  it('everything, and dropout', async () => {
    const graph = graphOf(
      [
        ['rotary', 'window', 'bias'],
        ['keys', 'queries'],
      ],
      20,
      0.3,
    );
    const weights = randomWeights(graph, 8);
    await expectGradients(entropyProblem(graph, weights, small, labelsFor(small, 2), 5));
  });

  it('terms of texts that are cut into several pieces', async () => {
    const long = batchLike([600, 7, 500, 30, 410], 4);
    const graph = graphOf([['bias', 'keys', 'queries']], 600);
    const weights = randomWeights(graph, 9);
    await expectGradients(entropyProblem(graph, weights, long, labelsFor(long, 3), null));
  });

  it('nothing, in a text that is too long for the plain kernel', async () => {
    const long = batchLike([513, 4, 512], 5);
    const graph = graphOf([[]], 513);
    const weights = randomWeights(graph, 10);
    await expectGradients(entropyProblem(graph, weights, long, labelsFor(long, 3), null));
  });
});

describe('attention refuses', () => {
  /** The graph of all kinds with one field of its attention spoiled, as no validation would pass it. */
  const spoiled = (spoil: object) => {
    const graph = graphOf([['rotary', 'window', 'bias', 'keys', 'queries']]);
    const nodes = graph.nodes.map((node) =>
      node.op === 'attention' ? { ...node, ...spoil } : node,
    );
    return () => unsealed({ ...graph, nodes } as EncoderGraph);
  };
  const terms = { keys: 'layer0.keys', queries: null, buckets: 8, maxDistance: 16 };

  it.each([
    ['rotary', { theta: 0.5, dimensions: 4 }],
    ['rotary', { theta: Number.NaN, dimensions: 4 }],
    ['rotary', { theta: 100, dimensions: 3 }],
    ['rotary', { theta: 100, dimensions: 8 }],
    ['window', -1],
    ['window', 0.5],
    ['relativeBias', { weight: 'tokens', maxDistance: 12 }],
    ['relativeBias', { weight: 'bias', maxDistance: 2 }],
    ['relativeBias', { weight: 'missing', maxDistance: 12 }],
    ['disentangled', { ...terms, keys: 'x' }],
    ['disentangled', { ...terms, keys: 'missing' }],
    ['disentangled', { ...terms, buckets: 7 }],
    ['disentangled', { ...terms, buckets: 0, maxDistance: 9 }],
    ['disentangled', { ...terms, maxDistance: 5 }],
    ['disentangled', { ...terms, maxDistance: -1 }],
  ])('%s %j', (field, value) => {
    expect(spoiled({ [field]: value })).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });

  it('nothing when the fields are right', () => {
    expect(spoiled({ disentangled: terms })).not.toThrow();
    expect(spoiled({ window: 2 ** 40 })).not.toThrow();
  });
});

describe('the bits of attention that knows positions', { timeout: 300_000 }, () => {
  const LENGTHS = [7, 1, 300, 3, 220, 2, 450, 64];
  const layers: readonly (readonly Kind[])[] = [
    ['rotary', 'window'],
    ['rotary'],
    ['bias'],
    ['keys', 'queries'],
    ['window', 'bias', 'queries'],
  ];
  const graph = graphOf(layers, 450, 0.1);
  const weights = randomWeights(graph, 5);
  const batch = batchLike(LENGTHS, 6);
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sinter-positions-'));
    const lists = { ids: [...batch.ids], offsets: [...batch.offsets], segments: null };
    const labels = LENGTHS.map((length) => length % 3);
    writeFileSync(
      join(folder, 'model.json'),
      JSON.stringify({
        graph,
        s8: quantizedGraph(graph),
        batch: { ...lists, segments: [...batch.ids.map(() => 0)] },
        width: WIDTH,
        labels,
      }),
    );
    const all = graph.weights.flatMap(({ name }) => [...(weights.get(name) ?? [])]);
    writeFileSync(join(folder, 'weights.bin'), bytesOf(Float32Array.from(all)));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('do not depend on the other texts, their order or the cut', async () => {
    const program = await sealed(graph, weights);
    const rows = (values: Float32Array, offsets: Int32Array, i: number) =>
      values.subarray(at(offsets, i) * WIDTH, at(offsets, i + 1) * WIDTH);
    const hidden = (of: typeof batch, budget: number) =>
      run(program, of, 'hidden', of.ids.length * WIDTH, budget);
    const together = await hidden(batch, 512);
    for (const budget of [1, 64, 4096]) {
      expectSameBits(await hidden(batch, budget), together, `budget ${budget}`);
    }
    const order = [4, 0, 7, 2, 1, 6, 3, 5];
    const permuted = pick(batch, order);
    const values = await hidden(permuted, 512);
    for (const [row, i] of order.entries()) {
      const want = rows(together, batch.offsets, i);
      expectSameBits(rows(values, permuted.offsets, row), want, `text ${i} in another order`);
      expectSameBits(await hidden(pick(batch, [i]), 512), want, `text ${i} alone`);
    }
    program.dispose();
  });

  const hashes = async (lanes: number, level: string): Promise<unknown> => {
    const env = { SINTER_ISA: level };
    const { stdout, stderr, end } = await child('bits', [folder, `${lanes}`], env);
    expect({ end, stderr }).toEqual({ end: 0, stderr: '' });
    return (JSON.parse(stdout) as { hashes: unknown }).hashes;
  };

  it('are the same on one lane and several, at every level of this host', async () => {
    const { host } = native().isa();
    const reference = await hashes(1, 'scalar');
    for (const lanes of [2, 3]) expect(await hashes(lanes, host)).toEqual(reference);
    for (const level of hostLevels().slice(1)) {
      expect(await hashes(2, level), level).toEqual(reference);
    }
  });
});
