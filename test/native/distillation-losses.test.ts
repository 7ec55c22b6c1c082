/**
 * Distillation of hidden states, relations, embeddings and token logits against the values and gradients of torch in the fixture.
 *
 * The fixture pads: here a text is its kept tokens only, and a padded row has no gradient because there is none.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../lib/graph/builder.js';
import type { EncoderGraph } from '../../lib/graph/types.js';
import type { LossTerm } from '../../lib/native/losses.js';
import { ADAMW, at, engine, run, sealed, term } from './toy.js';

type Rows = readonly (readonly number[])[];
type Tensor = Readonly<Record<string, unknown>>;

interface DistillationCase {
  readonly name: string;
  readonly formula: string;
  readonly settings: {
    readonly temperature?: number;
    readonly relations?: readonly string[];
    readonly relation_heads?: number;
    readonly normalisation?: string;
  };
  readonly inputs: Tensor;
  readonly constants: Tensor & { readonly lengths?: readonly number[] };
  readonly float64: { readonly value: number; readonly grad: Tensor };
}

const path = new URL('../fixtures/losses/distillation.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { cases: DistillationCase[] };

/** The kept rows of a tensor [texts, positions, width], or all rows of [rows, width]. */
function keptRows(tensor: unknown, lengths: readonly number[] | undefined): Rows {
  const outer = tensor as readonly (readonly unknown[])[];
  if (!Array.isArray(outer[0]?.[0])) return tensor as Rows;
  return (tensor as readonly Rows[]).flatMap((rows, i) => rows.slice(0, lengths?.[i]));
}

/** Lengths of the texts: as given, else all positions; one token each for [rows, width]. */
function lengthsOf(tensor: unknown, lengths: readonly number[] | undefined): readonly number[] {
  const outer = tensor as readonly (readonly unknown[])[];
  if (!Array.isArray(outer[0]?.[0])) return outer.map(() => 1);
  return lengths ?? outer.map(({ length }) => length);
}

/** Tensors side by side: row i holds row i of each. */
const beside = (tensors: readonly Rows[]): Rows =>
  (tensors[0] ?? []).map((_, i) => tensors.flatMap((rows) => rows[i] ?? []));

/** A graph whose output is a row of the table for each token, projected where the case has a projection. */
function graphOf(rows: number, width: number, projected: number | null): EncoderGraph {
  const g = new GraphBuilder();
  const table = { weight: 'table', rows, index: 'token' } as const;
  const x = g.embedding([table], width, 'x');
  const module = { name: 'projection', inputs: width, outputs: projected ?? 0 };
  g.output('hidden', projected === null ? x : g.linear([module], 'none', x, 'projected'));
  return g.finish({ architecture: 'toy', maxTokens: 8, vocabulary: rows, segments: 1 });
}

const LETTERS = ['q', 'k', 'v'];

/** The terms of a case over the output `hidden`. `student`: names of the inputs that lie side by side in it. */
function termsOf(one: DistillationCase, student: readonly string[], width: number): LossTerm[] {
  const { formula, settings, constants } = one;
  const { lengths } = constants;
  const teacher = keptRows(constants.teacher ?? constants.teacher_logits ?? [], lengths);
  const values = () => Float32Array.from(teacher.flat());
  if (formula === 'hidden_mse') return [term('mse', values(), 'hidden')];
  if (formula === 'cosine_distillation') return [term('cosine_distance', values(), 'hidden')];
  if (formula === 'kd') {
    const { temperature = 1 } = settings;
    return [{ ...term('kl_divergence', values(), 'hidden'), settings: { temperature } }];
  }
  const kind = settings.normalisation === 'token_mean' ? 'token_relation' : 'relation';
  return (settings.relations ?? []).map((pair) => {
    const [a = '', b = ''] = pair;
    const of = (letter: string) => keptRows(constants[`teacher_${letter}`], lengths);
    const targets = a === b ? of(a) : [...of(a), ...of(b)];
    const begin = (letter: string) => student.indexOf(`student_${letter}`) * width;
    const relation = {
      heads: settings.relation_heads ?? 1,
      first: begin(a),
      second: begin(b),
      columns: width,
      targetColumns: targets[0]?.length ?? 0,
    };
    return { ...term(kind, Float32Array.from(targets.flat()), 'hidden'), settings: { relation } };
  });
}

function expectClose(ours: ArrayLike<number>, theirs: readonly number[], name: string): void {
  const largest = Math.max(...theirs.map(Math.abs));
  expect(ours.length, name).toBe(theirs.length);
  for (const [i, value] of theirs.entries())
    expect(Math.abs(at(ours, i) - value), `${name} ${i}`).toBeLessThan(1e-5 * largest + 1e-9);
}

describe('values and gradients of the fixture', () => {
  it.each(cases.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    const { inputs, constants, float64 } = one;
    const { lengths } = constants;
    const student = Object.keys(inputs)
      .filter((name) => name.startsWith('student'))
      .sort((a, b) => LETTERS.indexOf(a.at(-1) ?? '') - LETTERS.indexOf(b.at(-1) ?? ''));
    const tensors = student.map((name) => keptRows(inputs[name], lengths));
    const rows = beside(tensors);
    const width = tensors[0]?.[0]?.length ?? 0;
    const projection = inputs.weight as Rows | undefined;
    const graph = graphOf(rows.length, rows[0]?.length ?? 0, projection?.length ?? null);
    const weights = new Map([['table', Float32Array.from(rows.flat())]]);
    if (projection !== undefined) {
      weights.set('projection.weight', Float32Array.from(projection.flat()));
      weights.set('projection.bias', Float32Array.from(inputs.bias as number[]));
    }
    const program = await sealed(graph, weights, true);
    const trainer = new (engine().Trainer)(program, ADAMW);
    const sizes = lengthsOf(inputs[student[0] ?? ''], lengths);
    const offsets = Int32Array.from([0, ...sizes]);
    for (let i = 1; i < offsets.length; i++) offsets[i] = at(offsets, i) + at(offsets, i - 1);
    const batch = { ids: Int32Array.from(rows.keys()), offsets, segments: null };
    const terms = termsOf(one, student, width);
    const found = await trainer.accumulate(batch, terms, {
      ...{ jobId: engine().nextJobId(), dropoutSeed: null },
    });
    const { value } = float64;
    expect(Math.abs(found.loss - value)).toBeLessThan(2e-6 * (1 + Math.abs(value)));
    const gradient = student.map((name) => keptRows(float64.grad[name], lengths));
    expectClose(trainer.readGradient('table'), beside(gradient).flat(), 'student');
    if (projection !== undefined) {
      const { weight, bias } = float64.grad as { weight: Rows; bias: readonly number[] };
      expectClose(trainer.readGradient('projection.weight'), weight.flat(), 'weight');
      expectClose(trainer.readGradient('projection.bias'), bias, 'bias');
    }
  });

  it('has every way of distillation', () => {
    const groups = new Set(cases.map(({ name }) => name.split('/')[0]));
    expect([...groups].sort()).toEqual([
      ...['cosine_distillation', 'distill_kl', 'hidden_mse', 'minilm'],
    ]);
  });
});

it('relations refuse columns that do not fit', async () => {
  const graph = graphOf(3, 6, null);
  const program = await sealed(graph, new Map([['table', new Float32Array(18)]]), true);
  expect(
    await run(
      program,
      { ids: Int32Array.of(0), offsets: Int32Array.of(0, 1), segments: null },
      'hidden',
      6,
    ),
  ).toHaveLength(6);
  const batch = { ids: Int32Array.of(0, 1, 2), offsets: Int32Array.of(0, 3), segments: null };
  const trainer = new (engine().Trainer)(program, ADAMW);
  const fits = { heads: 2, first: 0, second: 0, columns: 4, targetColumns: 2 };
  const loss = (relation: object | undefined, count = 6) =>
    trainer.accumulate(
      batch,
      [
        {
          ...term('relation', new Float32Array(count), 'hidden'),
          ...(relation !== undefined && { settings: { relation: relation as typeof fits } }),
        },
      ],
      { jobId: engine().nextJobId(), dropoutSeed: null },
    );
  await expect(loss(fits)).resolves.toMatchObject({ loss: 0 });
  const refused = async (relation: object | undefined, count?: number) =>
    expect(async () => loss(relation, count)).rejects.toThrow();
  await refused(undefined);
  await refused({ ...fits, heads: 3 });
  await refused({ ...fits, heads: 0 });
  await refused({ ...fits, columns: 8 });
  await refused({ ...fits, second: 2 });
  await refused({ ...fits, second: 3 }, 12);
  await refused({ ...fits, targetColumns: 3 }, 9);
  await refused(fits, 5);
  program.dispose();
});
