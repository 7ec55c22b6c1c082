/**
 * The losses of a cross-encoder against the values and gradients of sentence-transformers in the fixture, and against central
 * differences of their formulas in float64.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../lib/core/random.js';
import { GraphBuilder } from '../../lib/graph/builder.js';
import type { EncoderGraph } from '../../lib/graph/types.js';
import type { LossTerm } from '../../lib/native/losses.js';
import type { TokenBatch } from '../../lib/native/program.js';
import type { RerankingOptions } from '../../lib/tasks/reranking/loss-options.js';
import {
  CROSS_ENCODER_LOSSES,
  type CrossEncoderLoss,
  rerankingObjective,
  settingsOf,
} from '../../lib/tasks/reranking/reranking-losses.js';
import { Random } from '../kernels/native-test.js';
import { LIST_EXACT } from './exact-lists.js';
import { ADAMW, at, engine, sealed, step, term } from './toy.js';

interface LossCase {
  readonly name: CrossEncoderLoss;
  readonly settings: RerankingOptions;
  readonly lengths: readonly number[];
  readonly logits: readonly number[];
  readonly labels: readonly number[];
  readonly value: number;
  readonly grad: readonly number[];
}

const path = new URL('../fixtures/losses/reranking.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { cases: LossCase[] };

/** Texts of one token each, whose number in the table is the logit. */
function tableGraph(rows: number): EncoderGraph {
  const g = new GraphBuilder();
  const table = { weight: 'table', rows, index: 'token' } as const;
  g.output('logits', g.pool('mean', g.embedding([table], 1, 'x'), 'pooled'));
  return g.finish({ architecture: 'toy', maxTokens: 1, vocabulary: rows, segments: 1 });
}

function batchOf(rows: number): TokenBatch {
  const ids = Int32Array.from({ length: rows }, (_, i) => i);
  const offsets = Int32Array.from({ length: rows + 1 }, (_, i) => i);
  return { ids, offsets, segments: null };
}

/** Value and gradient of a term by the logits. */
async function measured(logits: readonly number[], terms: LossTerm | LossTerm[]) {
  const weights = new Map([['table', Float32Array.from(logits)]]);
  const program = await sealed(tableGraph(logits.length), weights, true);
  const trainer = new (engine().Trainer)(program, ADAMW);
  const { loss } = await step(trainer, batchOf(logits.length), terms);
  return { loss, gradient: trainer.readGradient('table') };
}

async function termsOf(one: LossCase): Promise<LossTerm[]> {
  const settings = settingsOf('test', one.name, one.settings);
  // The lists of the file have their in-batch negatives already.
  const objective = rerankingObjective(one.name, settings, async (batch) => batch);
  const values = Float32Array.from(one.labels);
  const { terms } = await objective(
    {
      tokens: batchOf(values.length),
      targets: { unit: 'text', width: 1, values },
      lists: { lengths: Int32Array.from(one.lengths), indices: [...one.lengths.keys()] },
    },
    new SeededRandom(1),
  );
  return [...terms];
}

describe('values and gradients of sentence-transformers', () => {
  const named = cases.map((one) => [one.name, one.settings, one] as const);
  it.each(named)('%s %o', async (_name, _settings, one) => {
    const { loss, gradient } = await measured(one.logits, await termsOf(one));
    // The library computes in float32.
    expect(Math.abs(loss - one.value)).toBeLessThan(2e-6 * (1 + Math.abs(one.value)));
    const largest = Math.max(...one.grad.map(Math.abs));
    for (const [i, theirs] of one.grad.entries()) {
      expect(Math.abs(at(gradient, i) - theirs)).toBeLessThan(2e-6 * largest + 1e-7);
    }
  });

  it('the fixture has every loss', () => {
    const found = new Set(cases.map(({ name }) => name));
    expect([...found].sort()).toEqual(Object.keys(CROSS_ENCODER_LOSSES).sort());
  });
});

const LENGTHS = Int32Array.of(5, 1, 9, 2);
const RELEVANCES = Float32Array.of(0, 3, 1, -1, 1, 2, 0, 0, 1, 2, 0, 4, 0, 1, 0, 0.5, 0);
const SETTINGS = [
  ['lambda', {}],
  ['lambda', { weighting: 'none', sigma: 0.5 }],
  ['lambda', { weighting: 'ndcg_loss1', k: 3 }],
  ['lambda', { weighting: 'ndcg_loss2' }],
  ['lambda', { weighting: 'lambda_rank', k: 2, sigmoid: true }],
  ['list_net', {}],
  ['list_mle', {}],
  ['list_mle', { byPosition: true, sigmoid: true }],
  ['first_of_list', { sigmoid: true }],
  ['list_margin_mse', {}],
  ['list_mse', { sigmoid: true }],
] as const;

describe('central differences of the formulas in float64', () => {
  it.each(SETTINGS)('%s %o', async (kind, settings) => {
    const logits = [...new Random(3).floats(RELEVANCES.length, 3)];
    const own = { ...term(kind, RELEVANCES), lists: LENGTHS, scale: 4, settings, weight: 1.5 };
    const { loss, gradient } = await measured(logits, own);
    const exact = (x: readonly number[]) => LIST_EXACT[kind](own, x, null, 1);
    expect(loss).toBeCloseTo(1.5 * exact(logits), 6);
    for (const i of logits.keys()) {
      const moved = (by: number) => exact(logits.map((x, j) => (i === j ? x + by : x)));
      const slope = (1.5 * (moved(1e-5) - moved(-1e-5))) / 2e-5;
      expect(Math.abs(at(gradient, i) - slope)).toBeLessThan(1e-6 * (1 + Math.abs(slope)));
    }
  });

  it('a list of two thousand texts stays finite', async () => {
    const logits = [...new Random(4).floats(2000, 20)];
    const relevances = Float32Array.from(logits, (_, i) => i % 7);
    for (const settings of [{}, { byPosition: true }]) {
      const own = { ...term('list_mle', relevances), lists: Int32Array.of(2000), settings };
      const { loss, gradient } = await measured(logits, own);
      expect(Number.isFinite(loss)).toBe(true);
      expect(gradient.every(Number.isFinite)).toBe(true);
    }
  });
});

describe('bad lists are refused', () => {
  const lists = Int32Array.of(2, 1);
  const targets = Float32Array.of(1, 0, 1);
  it.each([
    [{ ...term('lambda', targets) }, 'lists'],
    [{ ...term('lambda', targets), lists: Int32Array.of(2, 2) }, 'must have all texts'],
    [{ ...term('lambda', targets), lists: Int32Array.of(3, 0) }, 'must have a text'],
    [{ ...term('list_net', Float32Array.of(1, 0)), lists }, 'needs 3 targets'],
    [{ ...term('list_net', Float32Array.of(1, Number.NaN, 1)), lists }, 'finite'],
    [
      { ...term('lambda', targets), lists, settings: { weighting: 'x' as never } },
      'unknown weighting',
    ],
    [{ ...term('lambda', targets), lists, settings: { sigma: 0 } }, 'sigma is out of range'],
  ])('%o', async (loss, message) => {
    await expect(async () => measured([1, 2, 3], loss)).rejects.toThrow(message);
  });
});
