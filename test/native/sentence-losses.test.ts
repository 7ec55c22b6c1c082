/** Losses over embeddings against the values and gradients of sentence-transformers, in the fixture. */

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../lib/graph/builder.js';
import type { EncoderGraph } from '../../lib/graph/types.js';
import type { Direction, DistanceName, LossKind, LossTerm } from '../../lib/native/losses.js';
import { Random } from '../kernels/native-test.js';
import { ADAMW, at, engine, sealed, step, term } from './toy.js';

type Rows = readonly (readonly number[])[];

interface LossCase {
  readonly name: string;
  readonly formula: string;
  readonly settings: {
    readonly scale?: number;
    readonly margin?: number;
    readonly distance?: DistanceName;
    readonly loss?: string;
    readonly similarity?: string;
    readonly directions?: readonly Direction[];
    readonly temperature?: number;
    readonly dims?: readonly number[];
    readonly weights?: readonly number[];
    readonly product?: boolean;
  };
  readonly inputs: Readonly<Record<string, Rows>>;
  readonly constants: { readonly labels?: readonly (number | readonly number[])[] };
  readonly float64: { readonly value: number; readonly grad: Readonly<Record<string, Rows>> };
}

const path = new URL('../fixtures/losses/sentence.json', import.meta.url);
const all = JSON.parse(readFileSync(path, 'utf8')) as { cases: LossCase[] };
const isSoftmax = ({ formula }: LossCase) => formula === 'SoftmaxLoss';
const cases = all.cases.filter((one) => !isSoftmax(one));

/** The cases beside the repository that this file has no copy of: gradient caching changes no value. */
function cachedCases(): readonly LossCase[] {
  const shared = new URL('../../../shared/fixtures/losses/sentence.json', import.meta.url);
  if (!existsSync(shared)) return [];
  const { cases: found } = JSON.parse(readFileSync(shared, 'utf8')) as { cases: LossCase[] };
  return found.filter(({ name }) => name.includes('Cached'));
}

const KINDS: Readonly<Record<string, LossKind>> = {
  MultipleNegativesRankingLoss: 'in_batch_negatives',
  CoSENTLoss: 'cosent',
  AnglELoss: 'angle',
  SoftmaxLoss: 'pair_cross_entropy',
  CosineSimilarityLoss: 'cosine_similarity',
  ContrastiveLoss: 'contrastive',
  OnlineContrastiveLoss: 'online_contrastive',
  TripletLoss: 'triplet',
  BatchHardTripletLoss: 'batch_hard_triplet',
  MarginMSELoss: 'margin_mse',
  DistillKLDivLoss: 'distill_kl_div',
  MultipleNegativesSymmetricRankingLoss: 'in_batch_negatives',
  CachedMultipleNegativesRankingLoss: 'in_batch_negatives',
  CachedMultipleNegativesSymmetricRankingLoss: 'in_batch_negatives',
};

/** Texts of one token each, whose row of the table is the output. */
function tableGraph(rows: number, width: number): EncoderGraph {
  const g = new GraphBuilder();
  const table = { weight: 'table', rows, index: 'token' } as const;
  g.output('embedding', g.pool('mean', g.embedding([table], width, 'x'), 'pooled'));
  return g.finish({ architecture: 'toy', maxTokens: 1, vocabulary: rows, segments: 1 });
}

/** Margins, also where the labels are the scores of the positive and of each negative. */
function marginsOf(labels: readonly (number | readonly number[])[], negatives: number): number[] {
  return labels.flatMap((label) => {
    if (typeof label === 'number') return [label];
    const [first = 0, ...others] = label;
    return label.length > negatives ? others.map((other) => first - other) : [...label];
  });
}

/** AnglE over anchors, positives and negatives. */
const isTriplets = ({ formula, inputs }: LossCase) => formula === 'AnglELoss' && 'c' in inputs;

/** Rows of the table: each once, but for AnglE over triplets the anchors again for the negatives. */
function idsOf(one: LossCase): number[] {
  const rows = [...Object.values(one.inputs).flat().keys()];
  const anchors = rows.slice(0, one.inputs.a?.length);
  return isTriplets(one) ? [...anchors, ...rows] : rows;
}

function targetsOf(kind: LossKind, one: LossCase): LossTerm['targets'] {
  const { labels = [] } = one.constants;
  const examples = one.inputs.a?.length ?? 0;
  const negatives = Object.keys(one.inputs).length - 2;
  if (kind === 'in_batch_negatives') return Int32Array.from({ length: examples }, (_, i) => i);
  if (kind === 'distill_kl_div') return Float32Array.from((labels as number[][]).flat());
  if (isTriplets(one))
    return Float32Array.from({ length: 2 * examples }, (_, i) => +(i < examples));
  if (kind === 'batch_hard_triplet') return Int32Array.from(labels as number[]);
  if (kind === 'triplet') {
    return new Float32Array(examples * negatives).fill(one.settings.margin ?? 5);
  }
  return Float32Array.from(marginsOf(labels, negatives));
}

function termsFor(one: LossCase): LossTerm[] {
  const { scale = 20, margin, distance, loss, dims, weights } = one.settings;
  const { similarity, directions, temperature = 1 } = one.settings;
  const isSymmetric = one.formula.includes('Symmetric');
  const compared = isSymmetric ? (['doc_to_query'] as const) : directions;
  const kind = KINDS[dims === undefined ? one.formula : (loss ?? '')];
  if (kind === undefined) throw new Error(`no term for ${one.name}`);
  const whole = {
    ...term(kind, targetsOf(kind, one), 'embedding'),
    scale,
    ...(margin !== undefined && { margin }),
    ...(distance !== undefined && { distance }),
    settings: {
      dot: similarity === 'dot_score',
      perDirection: isSymmetric,
      temperature,
      ...(compared && { directions: compared }),
    },
  };
  if (dims === undefined) return [whole];
  return dims.map((dimensions, i) => ({ ...whole, dimensions, weight: weights?.[i] ?? 1 }));
}

describe('values and gradients of sentence-transformers', () => {
  it.each([...cases, ...cachedCases()].map((one) => [one.name, one] as const))(
    '%s',
    async (_, one) => {
      const rows = Object.values(one.inputs).flat();
      const gradients = Object.keys(one.inputs).flatMap((key) => one.float64.grad[key] ?? []);
      const graph = tableGraph(rows.length, rows[0]?.length ?? 0);
      const program = await sealed(
        graph,
        new Map([['table', Float32Array.from(rows.flat())]]),
        true,
      );
      const trainer = new (engine().Trainer)(program, ADAMW);
      const ids = Int32Array.from(idsOf(one));
      const offsets = Int32Array.from({ length: ids.length + 1 }, (_row, i) => i);
      const { loss } = await step(trainer, { ids, offsets, segments: null }, termsFor(one));
      const { value } = one.float64;
      expect(Math.abs(loss - value)).toBeLessThan(3e-6 * (1 + Math.abs(value)));
      const ours = trainer.readGradient('table');
      const largest = Math.max(...gradients.flat().map(Math.abs));
      for (const [i, theirs] of gradients.flat().entries()) {
        expect(Math.abs(at(ours, i) - theirs)).toBeLessThan(1e-5 * largest + 1e-9);
      }
    },
  );

  it.each(all.cases.filter(isSoftmax).map((one) => [one.name, one] as const))(
    '%s, with the gradients of the classifier',
    async (_, { inputs, constants, settings, float64 }) => {
      const { a = [], b = [], classifier_weight = [], classifier_bias = [] } = inputs;
      const flat = (rows: Rows | undefined) => Float32Array.from((rows ?? []).flat());
      const classifier = { weight: 'w', bias: 'b', product: settings.product === true };
      const labels = Int32Array.from(constants.labels as number[]);
      const loss = { ...term('pair_cross_entropy', labels, 'embedding'), settings: { classifier } };
      const g = new GraphBuilder();
      const table = { weight: 'table', rows: 10, index: 'token' } as const;
      g.output('embedding', g.pool('mean', g.embedding([table], 6, 'x'), 'pooled'));
      g.parameter('w', 3, classifier_weight[0]?.length ?? 0, 'w');
      g.parameter('b', 1, 3, 'b');
      const sizes = { architecture: 'toy', maxTokens: 1, vocabulary: 10, segments: 1 };
      const weights = new Map([
        ['table', flat([...a, ...b])],
        ['w', flat(classifier_weight)],
        ['b', flat(classifier_bias)],
      ]);
      const program = await sealed(g.finish(sizes), weights, true);
      const trainer = new (engine().Trainer)(program, ADAMW);
      const ids = Int32Array.from({ length: 10 }, (_row, i) => i);
      const offsets = Int32Array.from({ length: 11 }, (_row, i) => i);
      const { loss: value } = await step(trainer, { ids, offsets, segments: null }, loss);
      expect(Math.abs(value - float64.value)).toBeLessThan(3e-6 * (1 + float64.value));
      const { grad } = float64;
      const wanted = new Map([
        ['table', flat([...(grad.a ?? []), ...(grad.b ?? [])])],
        ['w', flat(grad.classifier_weight)],
        ['b', flat(grad.classifier_bias)],
      ]);
      for (const [name, theirs] of wanted) {
        const ours = trainer.readGradient(name);
        expect(ours.length).toBe(theirs.length);
        const largest = Math.max(...theirs.map(Math.abs));
        for (const [i, one] of theirs.entries())
          expect(Math.abs(at(ours, i) - one)).toBeLessThan(1e-5 * largest);
      }
    },
  );

  it('the fixture has every loss over embeddings', () => {
    const found = new Set(all.cases.map(({ formula }) => KINDS[formula]).filter(Boolean));
    expect([...found].sort()).toEqual([...new Set(Object.values(KINDS))].sort());
  });
});

describe('in_batch_negatives of more anchors than a block of scores holds', () => {
  it('has the value and the gradient of float64', async () => {
    const [anchors, width, scale] = [700, 3, 5];
    const random = new Random(2);
    const values = random.floats(2 * anchors * width);
    const unit = Array.from({ length: 2 * anchors }, (_, i) => {
      const row = [...values.subarray(i * width, (i + 1) * width)];
      const norm = Math.hypot(...row);
      return { norm, row: row.map((x) => x / norm) };
    });
    const rowOf = (i: number) => unit[i]?.row ?? [];
    const dot = (a: readonly number[], b: readonly number[]) =>
      a.reduce((sum, x, k) => sum + x * at(b, k), 0);
    const gradients = unit.map(() => new Float64Array(width));
    let exact = 0;
    for (let i = 0; i < anchors; i++) {
      const scores = unit.slice(anchors).map(({ row }) => scale * dot(rowOf(i), row));
      const sum = scores.reduce((total, score) => total + Math.exp(score), 0);
      exact += (Math.log(sum) - at(scores, i)) / anchors;
      for (const [j, score] of scores.entries()) {
        const slope = (scale * (Math.exp(score) / sum - (i === j ? 1 : 0))) / anchors;
        for (let k = 0; k < width; k++) {
          (gradients[i] as Float64Array)[k] =
            at(gradients[i] ?? [], k) + slope * at(rowOf(anchors + j), k);
          (gradients[anchors + j] as Float64Array)[k] =
            at(gradients[anchors + j] ?? [], k) + slope * at(rowOf(i), k);
        }
      }
    }
    const program = await sealed(
      tableGraph(2 * anchors, width),
      new Map([['table', values]]),
      true,
    );
    const trainer = new (engine().Trainer)(program, ADAMW);
    const ids = Int32Array.from({ length: 2 * anchors }, (_, i) => i);
    const offsets = Int32Array.from({ length: 2 * anchors + 1 }, (_, i) => i);
    const targets = Int32Array.from({ length: anchors }, (_, i) => i);
    const loss = { ...term('in_batch_negatives', targets, 'embedding'), scale };
    const { loss: value } = await step(trainer, { ids, offsets, segments: null }, loss);
    expect(Math.abs(value - exact)).toBeLessThan(1e-5);
    const ours = trainer.readGradient('table');
    for (const [i, { norm, row }] of unit.entries()) {
      const slope = [...(gradients[i] ?? [])];
      const along = dot(slope, row);
      for (let k = 0; k < width; k++) {
        const theirs = (at(slope, k) - along * at(row, k)) / norm;
        expect(Math.abs(at(ours, i * width + k) - theirs)).toBeLessThan(1e-5 * (1 + 1 / norm));
      }
    }
  });
});

describe('batch_hard_triplet', () => {
  it('of one class has the margin as its loss, and no gradient', async () => {
    const program = await sealed(
      tableGraph(3, 2),
      new Map([['table', Float32Array.of(1, 0, 0, 1, 1, 1)]]),
      true,
    );
    const trainer = new (engine().Trainer)(program, ADAMW);
    const batch = {
      ids: Int32Array.of(0, 1, 2),
      offsets: Int32Array.of(0, 1, 2, 3),
      segments: null,
    };
    const loss = {
      ...term('batch_hard_triplet', Int32Array.of(4, 4, 4), 'embedding'),
      margin: 0.25,
    };
    expect(await step(trainer, batch, loss)).toEqual({ loss: 0.25, gradNorm: 0 });
  });
});

describe('bad terms are refused', () => {
  const batch = { ids: Int32Array.of(0, 1, 2), offsets: Int32Array.of(0, 1, 2, 3), segments: null };
  it.each([
    [term('triplet', Float32Array.of(1, 1), 'embedding'), 'for each negative'],
    [term('batch_hard_triplet', Int32Array.of(1, 1), 'embedding'), 'needs 3 targets'],
    [
      { ...term('triplet', Float32Array.of(1), 'embedding'), distance: 'hamming' as never },
      'unknown distance',
    ],
    [{ ...term('triplet', Float32Array.of(1), 'embedding'), dimensions: 3 }, 'width of the output'],
    [{ ...term('mse', new Float32Array(6), 'embedding'), dimensions: 1 }, 'coupled'],
  ])('%o', async (loss, message) => {
    const weights = new Map([['table', new Float32Array(6)]]);
    const program = await sealed(tableGraph(3, 2), weights, true);
    const trainer = new (engine().Trainer)(program, ADAMW);
    await expect(async () => step(trainer, batch, loss)).rejects.toThrow(message);
  });
});
