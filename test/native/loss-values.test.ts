/** Losses against the values and gradients of torch and sentence-transformers, in the fixture; coupled ones in large batches. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../lib/graph/builder.js';
import type { EncoderGraph } from '../../lib/graph/types.js';
import type { LossSettings, LossTerm } from '../../lib/native/losses.js';
import { expectSameBits, Random } from '../kernels/native-test.js';
import { entropyProblem, gradientsOf } from './gradients.js';
import { ADAMW, at, batchOf, engine, randomWeights, sealed, step, term, toyGraph } from './toy.js';

type Rows = readonly (readonly number[])[];

interface LossCase {
  readonly name: string;
  readonly formula: string;
  readonly settings: {
    readonly scale?: number;
    readonly label_smoothing?: number;
    readonly gamma?: number;
    readonly alpha?: number;
    readonly delta?: number;
    readonly beta?: number;
    readonly temperature?: number;
  };
  readonly inputs: Readonly<Record<string, Rows>>;
  readonly constants: {
    readonly labels?: readonly number[];
    readonly targets?: Rows;
    readonly target?: Rows;
    readonly teacher?: Rows;
    readonly teacher_logits?: Rows;
    readonly target_probabilities?: Rows;
    readonly weight?: readonly number[];
    readonly alpha?: readonly number[];
    readonly pos_weight?: readonly number[];
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

/** The settings of a case by the names of the border. */
function settingsOf({ settings, constants }: LossCase): LossSettings {
  const { gamma, alpha, delta, beta, temperature, label_smoothing: labelSmoothing } = settings;
  const { weight, alpha: perClass, pos_weight: posWeight } = constants;
  const own = weight ?? perClass;
  return {
    ...(labelSmoothing !== undefined && { labelSmoothing }),
    ...(gamma !== undefined && { gamma }),
    ...(alpha !== undefined && { alpha }),
    ...(delta !== undefined && { delta }),
    ...(beta !== undefined && { beta }),
    ...(temperature !== undefined && { temperature }),
    ...(own !== undefined && { classWeights: Float32Array.from(own) }),
    ...(posWeight !== undefined && { posWeights: Float32Array.from(posWeight) }),
  };
}

function termsFor(one: LossCase): LossTerm[] {
  const settings = settingsOf(one);
  if (one.formula !== 'kd_plus_ce') return [{ ...termFor(one), settings }];
  const { alpha = 0 } = one.settings;
  const { alpha: _, ...rest } = settings;
  return (['kd', 'ce'] as const).map((formula) => ({
    ...termFor({ ...one, formula }),
    weight: formula === 'kd' ? alpha : 1 - alpha,
    settings: rest,
  }));
}

function termFor({ formula, settings, constants, inputs }: LossCase): LossTerm {
  const { labels = [], targets, target, teacher } = constants;
  const { teacher_logits: logits, target_probabilities: probabilities } = constants;
  const classes = () => Int32Array.from(labels, (label) => Math.max(label, -1));
  const numbers = targets ?? target ?? teacher ?? logits ?? probabilities ?? [];
  const values = () => Float32Array.from(numbers.flat());
  const scale = settings.scale ?? 20;
  const on = 'embedding';
  switch (formula) {
    case 'ce':
      return term('cross_entropy', classes(), on);
    case 'focal_softmax':
      return term('focal', classes(), on);
    case 'soft_ce':
      return term('soft_cross_entropy', values(), on);
    case 'kd':
      return term('kl_divergence', values(), on);
    case 'focal_sigmoid':
      return term('sigmoid_focal', values(), on);
    case 'mae':
    case 'huber':
    case 'smooth_l1':
      return term(formula, values(), on);
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

/** The loss of a case over a table whose rows are the outputs, and the trainer with its gradients. */
async function lossOf(one: LossCase, rows: Rows) {
  const graph = tableGraph(rows.length, rows[0]?.length ?? 0);
  const program = await sealed(graph, new Map([['table', Float32Array.from(rows.flat())]]), true);
  const trainer = new (engine().Trainer)(program, ADAMW);
  const ids = Int32Array.from(rows.keys());
  const offsets = Int32Array.from({ length: rows.length + 1 }, (_row, i) => i);
  const batch = { ids, offsets, segments: null };
  const { loss } = await step(trainer, batch, termsFor(one));
  return { loss, trainer };
}

describe('values and gradients of the fixture', () => {
  it.each(cases.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    const rows = Object.values(one.inputs).flat();
    const gradients = Object.keys(one.inputs).flatMap((key) => one.float64.grad[key] ?? []);
    const { loss, trainer } = await lossOf(one, rows);
    const { value } = one.float64;
    expect(Math.abs(loss - value)).toBeLessThan(2e-6 * (1 + Math.abs(value)));
    const ours = trainer.readGradient('table');
    const largest = Math.max(...gradients.flat().map(Math.abs));
    for (const [i, theirs] of gradients.flat().entries())
      expect(Math.abs(at(ours, i) - theirs)).toBeLessThan(1e-5 * largest + 1e-9);
  });
});

it('weights of 1 do not change a loss, and large logits do not overflow', async () => {
  const plain = cases.filter(({ formula, constants }) => {
    return ['ce', 'bce'].includes(formula) && !constants.weight && !constants.pos_weight;
  });
  expect(plain.map(({ name }) => name)).toContain('cross_entropy/large_logits');
  for (const one of plain) {
    const rows = Object.values(one.inputs).flat();
    const width = rows[0]?.length ?? 0;
    const weight = new Array<number>(width).fill(1);
    const weighted = { ...one, constants: { ...one.constants, weight } };
    const { loss } = await lossOf(weighted, rows);
    const { value } = one.float64;
    expect(Math.abs(loss - value), one.name).toBeLessThan(2e-6 * (1 + Math.abs(value)));
  }
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
