/**
 * LAMB and Lion against float64 values for a matrix and a vector: as weight and bias of a product, and the matrix as a table,
 * of which each step touches only the rows that have a gradient.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { EncoderGraph } from '../../lib/graph/types.js';
import { ensureLanes } from '../../lib/native/lanes.js';
import { native } from '../../lib/native/native.js';
import type { OptimizerSettings } from '../../lib/native/training.js';
import { buildProgram, bytesOf } from '../../lib/runtime/program.js';
import { trainStep } from '../../lib/train/step.js';

type Matrix = readonly (readonly number[])[];
interface Values {
  readonly matrix: Matrix;
  readonly vector: readonly number[];
}
interface Settings {
  readonly lr: number;
  readonly weight_decay: number;
  readonly betas: readonly [number, number];
  readonly eps?: number;
  readonly adapt?: boolean;
}
interface Case {
  readonly name: string;
  readonly optimizer: 'LAMB' | 'Lion';
  readonly problem: 'given' | 'quadratic';
  readonly settings: Settings;
  readonly per_parameter_settings: Readonly<Record<string, Partial<Settings>>>;
  readonly float64: { readonly values: readonly Values[] };
}
interface Fixture {
  readonly problems: {
    readonly given: { readonly start: Values; readonly gradients: readonly Values[] };
    readonly quadratic: {
      readonly start: Values;
      readonly target: Values;
      readonly curvature: Values;
    };
  };
  readonly optimizers: readonly Case[];
}

const { problems, optimizers } = JSON.parse(
  readFileSync(new URL('../fixtures/training/optimizers.json', import.meta.url), 'utf8'),
) as Fixture;

const [ROWS, COLUMNS] = [4, 3];
const TOLERANCE = 2e-6;

const head = {
  format: 1,
  architecture: 'test',
  maxTokens: ROWS,
  vocabulary: ROWS,
  segments: 1,
  outputs: { hidden: 'out' },
} as const;
const table = (weight: string, output: string) =>
  ({ op: 'embedding', output, tables: [{ index: 'token', offset: 0, weight }] }) as const;

/** out = table row * matrix^T + vector; the table is the identity and a row of zeros. */
const PRODUCT: EncoderGraph = {
  ...head,
  weights: [
    { name: 'inputs', shape: [ROWS, COLUMNS], dtype: 'f32' },
    { name: 'matrix', shape: [ROWS, COLUMNS], dtype: 'f32' },
    { name: 'vector', shape: [ROWS], dtype: 'f32' },
  ],
  nodes: [
    table('inputs', 'in'),
    {
      op: 'linear',
      input: 'in',
      weights: ['matrix'],
      biases: ['vector'],
      activation: 'none',
      activationBits: 8,
      output: 'out',
    },
  ],
};
const TABLE: EncoderGraph = {
  ...head,
  weights: [{ name: 'matrix', shape: [ROWS, COLUMNS], dtype: 'f32' }],
  nodes: [table('matrix', 'out')],
};

const at = (values: Matrix, row: number, column: number) => values[row]?.[column] ?? Number.NaN;

function matrixOf(flat: Float32Array): Matrix {
  return Array.from({ length: ROWS }, (_, i) => [...flat.subarray(i * COLUMNS, (i + 1) * COLUMNS)]);
}

/** Tokens and the gradient of each one's output, which give these gradients of the weights. */
function batchFor(graph: EncoderGraph, { matrix, vector }: Values) {
  if (graph === TABLE) {
    const touched = matrix.flatMap((row, i) => (row.every((g) => g === 0) ? [] : [i]));
    const ids = touched.length === 0 ? [0] : touched;
    return { ids, targets: ids.flatMap((id) => matrix[id] ?? []) };
  }
  const ids = [0, 1, 2, 3];
  const columns = ids.slice(0, COLUMNS).map((c) => matrix.map((_, r) => at(matrix, r, c)));
  const rest = vector.map((g, r) => g - columns.reduce((sum, column) => sum + (column[r] ?? 0), 0));
  return { ids, targets: [...columns, rest].flat() };
}

function optimizerOf({ optimizer, settings }: Case): OptimizerSettings {
  const [beta1, beta2] = settings.betas;
  if (optimizer === 'Lion') return { kind: 'lion', beta1, beta2 };
  return { kind: 'lamb', beta1, beta2, epsilon: settings.eps ?? Number.NaN };
}

function gradientsAt(one: Case, step: number, now: Values): Values {
  const { given, quadratic } = problems;
  if (one.problem === 'given') return given.gradients[step] as Values;
  const { curvature, target } = quadratic;
  const of = (p: number, c = Number.NaN, t = Number.NaN) => c * (p - t);
  return {
    matrix: now.matrix.map((row, r) =>
      row.map((p, c) => of(p, at(curvature.matrix, r, c), at(target.matrix, r, c))),
    ),
    vector: now.vector.map((p, i) => of(p, curvature.vector[i], target.vector[i])),
  };
}

/** The largest difference of each step, for each of the weights. */
async function differences(one: Case, graph: EncoderGraph): Promise<number[]> {
  ensureLanes('test', undefined);
  const { start } = problems[one.problem];
  const first: Record<string, readonly number[]> = {
    inputs: [1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0],
    matrix: start.matrix.flat(),
    vector: start.vector,
  };
  const trainable = graph.weights.map(({ name }) => name).filter((name) => name !== 'inputs');
  const program = await buildProgram(graph, { trainable }, (store, { name }) =>
    store.writeWeight(name, 0, 'f32', bytesOf(Float32Array.from(first[name] ?? []))),
  );
  const groups = trainable.map((name) => {
    const settings = { ...one.settings, ...one.per_parameter_settings[name] };
    return {
      weights: [name],
      learningRateFactor: 1,
      weightDecay: settings.weight_decay,
      trustRatio: settings.adapt ?? true,
    };
  });
  const { Trainer } = native();
  const trainer = new Trainer(program, { optimizer: optimizerOf(one), groups });
  const read = (): Values => ({
    matrix: matrixOf(program.store.readWeight('matrix')),
    vector: graph === TABLE ? [] : [...program.store.readWeight('vector')],
  });
  const worst: number[] = [];
  for (const [step, values] of one.float64.values.entries()) {
    const { ids, targets } = batchFor(graph, gradientsAt(one, step, read()));
    const batch = {
      ids: Int32Array.from(ids),
      offsets: Int32Array.of(0, ids.length),
      segments: null,
    };
    const loss = { kind: 'external', output: 'hidden', weight: 1 } as const;
    await trainStep(trainer, batch, [{ ...loss, targets: Float32Array.from(targets) }], {
      learningRate: one.settings.lr,
      maxGradNorm: 0,
      dropoutSeed: null,
    });
    const { matrix, vector } = read();
    const theirs = [...values.matrix.flat(), ...(graph === TABLE ? [] : values.vector)];
    const ours = [...matrix.flat(), ...vector];
    worst.push(Math.max(...theirs.map((value, i) => Math.abs(value - (ours[i] ?? Number.NaN)))));
  }
  trainer.dispose();
  program.dispose();
  return worst;
}

describe.each(optimizers.map((one) => [one.name, one] as const))('%s', (_, one) => {
  it('as the weight and the bias of a product', async () => {
    const worst = await differences(one, PRODUCT);
    expect(worst).toHaveLength(6);
    expect(Math.max(...worst)).toBeLessThan(TOLERANCE);
  });

  it('as a table', async () => {
    const worst = await differences(one, TABLE);
    expect(Math.max(...worst)).toBeLessThan(TOLERANCE);
  });
});
