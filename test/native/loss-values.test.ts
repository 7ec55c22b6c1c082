/** Losses against the values and gradients of torch and sentence-transformers, in the fixture; coupled ones in large batches. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../lib/graph/builder.js';
import type { EncoderGraph } from '../../lib/graph/types.js';
import type { LossTerm } from '../../lib/native/native.js';
import { expectSameBits, Random } from '../kernels/native-test.js';
import { entropyProblem, gradientsOf } from './gradients.js';
import { ADAMW, at, batchOf, engine, randomWeights, sealed, step, term, toyGraph } from './toy.js';

type Rows = readonly (readonly number[])[];

interface LossCase {
  readonly name: string;
  readonly formula: string;
  readonly settings: { readonly scale?: number };
  readonly inputs: Readonly<Record<string, Rows>>;
  readonly constants: {
    readonly labels?: readonly number[];
    readonly targets?: Rows;
    readonly target?: Rows;
    readonly teacher?: Rows;
  };
  readonly float64: { readonly value: number; readonly grad: Readonly<Record<string, Rows>> };
}

const path = new URL('../fixtures/losses/losses.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { cases: LossCase[] };

/** Texts of one token each, whose row of the table is the output. */
function tableGraph(rows: number, width: number): EncoderGraph {
  const g = new GraphBuilder();
  const table = { weight: 'table', rows, index: 'token' } as const;
  g.output('embedding', g.pool('mean', g.embedding([table], width, 'x'), 'pooled'));
  return g.finish({ architecture: 'toy', maxTokens: 1, vocabulary: rows, segments: 1 });
}

function termFor({ formula, settings, constants, inputs }: LossCase): LossTerm {
  const { labels = [], targets, target, teacher } = constants;
  const classes = () => Int32Array.from(labels, (label) => Math.max(label, -1));
  const values = () => Float32Array.from((targets ?? target ?? teacher ?? []).flat());
  const scale = settings.scale ?? 20;
  const on = 'embedding';
  switch (formula) {
    case 'ce':
      return term('cross_entropy', classes(), on);
    case 'bce':
      return term('bce', values(), on);
    case 'mse':
      return term('mse', values(), on);
    case 'CoSENTLoss':
      return { ...term('cosent', Float32Array.from(labels), on), scale };
    case 'MultipleNegativesRankingLoss': {
      const anchors = Int32Array.from(inputs.a ?? [], (_, i) => i);
      return { ...term('in_batch_negatives', anchors, on), scale };
    }
    default:
      throw new Error(`no term for ${formula}`);
  }
}

describe('values and gradients of the fixture', () => {
  it.each(cases.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    const rows = Object.values(one.inputs).flat();
    const gradients = Object.keys(one.inputs).flatMap((key) => one.float64.grad[key] ?? []);
    const graph = tableGraph(rows.length, rows[0]?.length ?? 0);
    const program = await sealed(graph, new Map([['table', Float32Array.from(rows.flat())]]), true);
    const trainer = new (engine().Trainer)(program, ADAMW);
    const ids = Int32Array.from(rows.keys());
    const offsets = Int32Array.from({ length: rows.length + 1 }, (_row, i) => i);
    const batch = { ids, offsets, segments: null };
    const { loss } = await step(trainer, batch, termFor(one));
    const { value } = one.float64;
    expect(Math.abs(loss - value)).toBeLessThan(2e-6 * (1 + Math.abs(value)));
    const ours = trainer.readGradient('table');
    const largest = Math.max(...gradients.flat().map(Math.abs));
    for (const [i, theirs] of gradients.flat().entries())
      expect(Math.abs(at(ours, i) - theirs)).toBeLessThan(1e-5 * largest + 1e-9);
  });
});

describe('a coupled loss of 512 pairs', () => {
  const PAIRS = 512;
  const graph = toyGraph({ hidden: 16, heads: 2, layers: 1, dropout: 0.2 });
  const weights = randomWeights(graph, 3);
  const random = new Random(6);
  const batch = batchOf(
    Array.from({ length: 2 * PAIRS }, () => random.integer(2, 6)),
    4,
  );
  const positives = Int32Array.from({ length: PAIRS }, (_, i) => i);
  const scores = Float32Array.from({ length: PAIRS }, () => random.integer(0, 5));

  it.each([
    ['in_batch_negatives', positives],
    ['cosent', scores],
  ] as const)(
    '%s has the same gradient in slices of 64 pairs, bit for bit',
    async (kind, targets) => {
      const problem = entropyProblem(graph, weights, batch, term(kind, targets, 'embedding'), 17);
      const whole = await gradientsOf({ ...problem, sliceTokens: 1 << 20 });
      const cut = await gradientsOf({ ...problem, sliceTokens: 64 * 4 });
      for (const [name, gradient] of whole)
        expectSameBits(cut.get(name) ?? new Float32Array(), gradient, name);
      expect(whole.get('tokens')?.some((g) => g !== 0)).toBe(true);
    },
  );
});
