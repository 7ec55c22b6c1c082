/**
 * Every loss of a step: its value against float64, its gradients against finite differences through an encoder that
 * shares layers, ties its decoder and reads tables, and the same gradients when the batch is cut into slices.
 */

import { describe, expect, it } from 'vitest';
import type { StepLoss, TokenBatch } from '../../lib/native/native.js';
import { expectSameBits } from '../kernels/native-test.js';
import {
  FAMILY_VOCABULARY,
  familyGraph,
  HEAD_LOSSES,
  type Head,
  headWidth,
  lossFor,
  rowsOf,
  selectSome,
} from './family-toy.js';
import { entropyProblem, expectGradients, gradientsOf, linearProblem } from './gradients.js';
import { ADAMW, at, batchOf, engine, randomWeights, run, sealed, step } from './toy.js';

const LENGTHS = [5, 1, 13, 2];
const options = { vocabulary: FAMILY_VOCABULARY, segments: false };
const batch = selectSome(batchOf(LENGTHS, 3, options), 4);

const logSumExp = (x: readonly number[]) => {
  const top = Math.max(...x);
  return top + Math.log(x.reduce((sum, v) => sum + Math.exp(v - top), 0));
};
const mean = (x: readonly number[]) =>
  x.length === 0 ? 0 : x.reduce((sum, v) => sum + v, 0) / x.length;

/** Mean over the labelled rows of -log softmax. */
function entropy(rows: readonly (readonly number[])[], labels: Int32Array): number {
  const losses = rows.flatMap((row, i) => {
    const label = at(labels, i);
    return label < 0 ? [] : [logSumExp(row) - at(row, label)];
  });
  return mean(losses);
}

/** The loss in float64, from the logits. */
function exact(loss: StepLoss, logits: readonly number[], of: TokenBatch): number {
  switch (loss.kind) {
    case 'cross_entropy': {
      const width = logits.length / loss.labels.length;
      const rows = Array.from(loss.labels, (_, i) => logits.slice(i * width, (i + 1) * width));
      return entropy(rows, loss.labels);
    }
    case 'bce':
      return mean(
        logits.map(
          (x, i) => Math.max(x, 0) - x * at(loss.targets, i) + Math.log1p(Math.exp(-Math.abs(x))),
        ),
      );
    case 'mse':
      return mean(logits.map((x, i) => (x - at(loss.targets, i)) ** 2));
    case 'span': {
      const column = (c: number) =>
        Array.from(loss.starts, (_, i) => {
          const part = logits.slice(2 * at(of.offsets, i), 2 * at(of.offsets, i + 1));
          return part.filter((_, j) => j % 2 === c);
        });
      return (entropy(column(0), loss.starts) + entropy(column(1), loss.ends)) / 2;
    }
    case 'external':
      return 0;
  }
}

describe.each(HEAD_LOSSES)('logits of %s under %s', (kind, lossKind) => {
  const graph = familyGraph(kind);
  const weights = randomWeights(graph, 8);
  const loss = lossFor(kind, lossKind, batch);

  it('has the value of float64', async () => {
    const program = await sealed(graph, weights, true);
    const size = rowsOf(kind, batch) * headWidth(kind);
    const logits = await run(program, batch, 'logits', size);
    const { loss: value } = await step(new (engine().Trainer)(program, ADAMW), batch, loss);
    expect(Math.abs(value - exact(loss, [...logits], batch))).toBeLessThan(1e-6 * (1 + value));
    program.dispose();
  });

  it('has the gradients of finite differences, with dropout too', async () => {
    if (loss.kind === 'external') {
      const size = rowsOf(kind, batch) * headWidth(kind);
      await expectGradients(linearProblem(graph, weights, batch, 'logits', size));
      return;
    }
    await expectGradients(entropyProblem(graph, weights, batch, loss, null));
    const dropped = familyGraph(kind, 0.2);
    await expectGradients(entropyProblem(dropped, weights, batch, loss, 11));
  });
});

describe('losses', () => {
  it('without any label are 0 and have no gradient', async () => {
    const none: [Head, StepLoss][] = [
      ['tokens', { kind: 'cross_entropy', labels: new Int32Array(batch.ids.length).fill(-1) }],
      [
        'span',
        { kind: 'span', starts: new Int32Array(4).fill(-1), ends: new Int32Array(4).fill(-1) },
      ],
    ];
    for (const [kind, loss] of none) {
      const graph = familyGraph(kind);
      const program = await sealed(graph, randomWeights(graph, 8), true);
      const result = await step(new (engine().Trainer)(program, ADAMW), batch, loss);
      expect(result).toEqual({ loss: 0, gradNorm: 0 });
    }
  });

  it('count labels over the whole batch when it is cut into slices', async () => {
    // More than a slice of 4096 tokens; the same texts again and again have the same mean.
    const times = 230;
    const many = batchOf(Array.from({ length: times }, () => LENGTHS).flat(), 3, options);
    const ids = Int32Array.from(many.ids, (_, i) => at(batch.ids, i % batch.ids.length));
    const picked = batch.selected ?? new Int32Array();
    const selected = Int32Array.from({ length: times * picked.length }, (_, i) => {
      const round = Math.floor(i / picked.length);
      return at(picked, i % picked.length) + round * batch.ids.length;
    });
    const long = { ...many, ids, selected };
    expect(long.ids.length).toBeGreaterThan(4096);
    for (const [kind, lossKind] of HEAD_LOSSES) {
      if (lossKind === 'external') continue;
      const graph = familyGraph(kind);
      const weights = randomWeights(graph, 8);
      const one = lossFor(kind, lossKind, batch);
      const all = repeated(one, times);
      const small = await gradientsOf(entropyProblem(graph, weights, batch, one, null));
      const large = await gradientsOf(entropyProblem(graph, weights, long, all, null));
      for (const [name, gradient] of small) {
        const norm = Math.hypot(...gradient);
        const apart = Math.hypot(...gradient.map((g, i) => g - at(large.get(name) ?? [], i)));
        expect(apart, `${kind} ${lossKind} ${name}`).toBeLessThan(1e-4 * norm + 1e-7);
      }
    }
  });

  it('of all tokens selected are those of a batch that selects none in particular', async () => {
    const graph = familyGraph('vocabulary');
    const weights = randomWeights(graph, 8);
    const every = { ...batch, selected: Int32Array.from(batch.ids.keys()) };
    const unsaid = { ...batch, selected: null };
    const loss = lossFor('vocabulary', 'cross_entropy', unsaid);
    const a = await gradientsOf(entropyProblem(graph, weights, every, loss, 5));
    const b = await gradientsOf(entropyProblem(graph, weights, unsaid, loss, 5));
    for (const [name, gradient] of a) expectSameBits(gradient, b.get(name) ?? gradient, name);
  });
});

function repeated(loss: StepLoss, times: number): StepLoss {
  const floats = (values: Float32Array) =>
    Float32Array.from({ length: times * values.length }, (_, i) => at(values, i % values.length));
  const ints = (values: Int32Array) =>
    Int32Array.from({ length: times * values.length }, (_, i) => at(values, i % values.length));
  switch (loss.kind) {
    case 'cross_entropy':
      return { ...loss, labels: ints(loss.labels) };
    case 'span':
      return { ...loss, starts: ints(loss.starts), ends: ints(loss.ends) };
    case 'external':
      return { ...loss, gradient: floats(loss.gradient) };
    default:
      return { ...loss, targets: floats(loss.targets) };
  }
}
