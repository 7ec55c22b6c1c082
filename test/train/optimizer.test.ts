/**
 * AdamW, Adam, SGD, clipping and schedules against PyTorch's values for a vector of five numbers.
 *
 * The vector is once the only row of an embedding table, once the bias of a linear layer: the two ways in which the
 * trainer keeps weights. Its gradient is handed in from outside.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { EncoderGraph } from '../../lib/graph/types.js';
import { ensureLanes } from '../../lib/native/lanes.js';
import { native } from '../../lib/native/native.js';
import type { OptimizerSettings } from '../../lib/native/training.js';
import { buildProgram, bytesOf } from '../../lib/runtime/program.js';
import {
  learningRateAt,
  SCHEDULE_KINDS,
  type ScheduleKind,
  warmupSteps,
} from '../../lib/train/schedule.js';
import { trainStep } from '../../lib/train/step.js';

interface Run {
  readonly values: readonly (readonly number[])[];
  readonly grad_norms?: readonly number[];
  readonly lrs?: readonly number[];
}

interface OptimizerCase {
  readonly name: string;
  readonly optimizer: string;
  readonly problem: 'given' | 'quadratic';
  readonly settings: {
    readonly lr: number;
    readonly betas?: readonly [number, number];
    readonly eps?: number;
    readonly weight_decay?: number;
    readonly amsgrad?: boolean;
    readonly momentum?: number;
    readonly dampening?: number;
    readonly nesterov?: boolean;
  };
  readonly max_grad_norm?: number;
  readonly float32: Run;
}

interface Fixture {
  readonly problems: {
    readonly given: { readonly start: number[]; readonly gradients: number[][] };
    readonly quadratic: {
      readonly start: number[];
      readonly target: number[];
      readonly curvature: number[];
    };
  };
  readonly optimizers: readonly OptimizerCase[];
  readonly schedules: readonly {
    readonly name: string;
    readonly base_lr: number;
    readonly settings: Readonly<Record<string, number | undefined>>;
    readonly lrs: readonly number[];
  }[];
}

const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/optim/optim.json', import.meta.url), 'utf8'),
) as Fixture;

const cases = fixture.optimizers.filter(
  ({ settings }) => settings.amsgrad !== true && settings.dampening === undefined,
);

const SIZE = 5;
const VECTOR = 'vector';

/** A graph for one token whose hidden value is the vector (`table`), or the vector plus a product (`bias`). */
function graphWith(kind: 'table' | 'bias'): EncoderGraph {
  const head = {
    format: 1,
    architecture: 'test',
    maxTokens: 1,
    vocabulary: 1,
    segments: 1,
    outputs: { hidden: 'out' },
  } as const;
  const table = { index: 'token', offset: 0 } as const;
  if (kind === 'table') {
    return {
      ...head,
      weights: [{ name: VECTOR, shape: [1, SIZE], dtype: 'f32' }],
      nodes: [{ op: 'embedding', output: 'out', tables: [{ ...table, weight: VECTOR }] }],
    };
  }
  return {
    ...head,
    weights: [
      { name: 'table', shape: [1, 1], dtype: 'f32' },
      { name: 'matrix', shape: [SIZE, 1], dtype: 'f32' },
      { name: VECTOR, shape: [SIZE], dtype: 'f32' },
    ],
    nodes: [
      { op: 'embedding', output: 'in', tables: [{ ...table, weight: 'table' }] },
      {
        op: 'linear',
        input: 'in',
        weights: ['matrix'],
        biases: [VECTOR],
        activation: 'none',
        activationBits: 8,
        output: 'out',
      },
    ],
  };
}

function optimizerOf({ optimizer, settings }: OptimizerCase): OptimizerSettings {
  const { momentum = 0, nesterov = false } = settings;
  if (optimizer === 'SGD') return { kind: 'sgd', momentum, nesterov };
  const [beta1, beta2] = settings.betas ?? [0.9, 0.999];
  const kind = optimizer === 'Adam' ? 'adam' : 'adamw';
  return { kind, beta1, beta2, epsilon: settings.eps ?? 1e-8 };
}

/** The vector after each step, and the gradient norms. */
async function run(one: OptimizerCase, kind: 'table' | 'bias') {
  const { problem, settings, max_grad_norm, float32 } = one;
  const weightDecay = settings.weight_decay ?? (one.optimizer === 'AdamW' ? 0.01 : 0);
  ensureLanes('test', undefined);
  const { given, quadratic } = fixture.problems;
  const { start } = fixture.problems[problem];
  const graph = graphWith(kind);
  const program = await buildProgram(graph, { trainable: true }, (target, { name, shape }) => {
    const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
    if (name === VECTOR) values.set(start);
    target.writeWeight(name, 0, 'f32', bytesOf(values));
  });
  const { Trainer } = native();
  const trainer = new Trainer(program, {
    optimizer: optimizerOf(one),
    groups: [{ weights: [VECTOR], learningRateFactor: 1, weightDecay }],
  });
  const batch = { ids: Int32Array.of(0), offsets: Int32Array.of(0, 1), segments: null };
  const values: Float32Array[] = [];
  const gradNorms: number[] = [];
  for (const [step] of float32.values.entries()) {
    const now = program.store.readWeight(VECTOR);
    const gradient =
      problem === 'given'
        ? Float32Array.from(given.gradients[step] ?? [])
        : now.map((p, i) => (quadratic.curvature[i] ?? 0) * (p - (quadratic.target[i] ?? 0)));
    const loss = { kind: 'external', output: 'hidden', weight: 1, targets: gradient } as const;
    const { gradNorm } = await trainStep(trainer, batch, [loss], {
      learningRate: float32.lrs?.[step] ?? settings.lr,
      maxGradNorm: max_grad_norm ?? 0,
      dropoutSeed: null,
    });
    values.push(program.store.readWeight(VECTOR));
    gradNorms.push(gradNorm);
  }
  trainer.dispose();
  program.dispose();
  return { values, gradNorms };
}

/** A few units in the last place of values around 1, after six steps. */
const TOLERANCE = 1e-6;

function expectValues(values: readonly Float32Array[], { float32 }: OptimizerCase): void {
  for (const [step, theirs] of float32.values.entries()) {
    const worst = Math.max(
      ...theirs.map((value, i) => Math.abs(value - (values[step]?.[i] ?? NaN))),
    );
    expect(worst, `step ${step}`).toBeLessThan(TOLERANCE);
  }
}

describe('AdamW, Adam and SGD', () => {
  it.each(cases.map((one) => [one.name, one] as const))('%s, as a table', async (_, one) => {
    const { values, gradNorms } = await run(one, 'table');
    expectValues(values, one);
    for (const [step, norm] of (one.float32.grad_norms ?? []).entries()) {
      expect(gradNorms[step]).toBeCloseTo(norm, 6);
    }
  });

  // The other weights of this graph have gradients too, so a global norm would not be the fixture's.
  const unclipped = cases.filter(({ max_grad_norm }) => max_grad_norm === undefined);
  it.each(unclipped.map((one) => [one.name, one] as const))('%s, as a bias', async (_, one) => {
    const { values } = await run(one, 'bias');
    expectValues(values, one);
  });
});

/** Our numbers of a schedule, by the names of transformers and PyTorch. */
const NUMBERS: Readonly<Record<string, string>> = {
  num_cycles: 'numCycles',
  power: 'power',
  lr_end: 'endLearningRate',
  timescale: 'timescale',
  div_factor: 'divFactor',
  final_div_factor: 'finalDivFactor',
};

/** Schedules in both fixtures. */
const ALL_SCHEDULES = [
  ...fixture.schedules,
  ...(
    JSON.parse(
      readFileSync(new URL('../fixtures/training/schedules.json', import.meta.url), 'utf8'),
    ) as Pick<Fixture, 'schedules'>
  ).schedules,
];

describe('schedules', () => {
  it('are all in the fixtures', () => {
    const names = new Set(ALL_SCHEDULES.map(({ name }) => name));
    expect(SCHEDULE_KINDS.filter((kind) => !names.has(kind))).toEqual([]);
  });

  it.each(ALL_SCHEDULES.map((one) => [one.name, JSON.stringify(one.settings), one] as const))(
    '%s with %s',
    (name, _, { settings, lrs, base_lr }) => {
      const kind = name.replace('_with_warmup', '') as ScheduleKind;
      const totalSteps = settings.num_training_steps ?? settings.total_steps ?? lrs.length;
      const warmup = settings.num_warmup_steps ?? (settings.pct_start ?? 0) * totalSteps;
      const named = Object.entries(settings).map(([key, value]) => [NUMBERS[key], value]);
      const numbers = Object.fromEntries(named.filter(([key]) => key !== undefined));
      const learningRate = settings.max_lr ?? base_lr;
      const schedule = { kind, learningRate, warmupSteps: warmup, totalSteps, numbers };
      // A training ends there; transformers goes on with a new wave.
      const used = kind === 'cosine' ? lrs.slice(0, totalSteps + 1) : lrs;
      for (const [step, rate] of used.entries()) {
        expect(learningRateAt(schedule, step), `step ${step}`).toBeCloseTo(rate, 12);
      }
    },
  );

  it('takes warm-up as a share of the steps, rounded up, or as a number of steps', () => {
    expect(warmupSteps(0, 100)).toBe(0);
    expect(warmupSteps(0.1, 95)).toBe(10);
    expect(warmupSteps(1, 95)).toBe(1);
    expect(warmupSteps(30, 95)).toBe(30);
  });
});
