/**
 * Every loss of a step: its value against float64, its gradients against finite differences through an encoder that
 * shares layers, ties its decoder and reads tables, and the same gradients when the batch is cut into slices.
 */

import { describe, expect, it } from 'vitest';
import { LOSSES, type LossKind, type LossTerm } from '../../lib/native/losses.js';
import { expectSameBits } from '../kernels/native-test.js';
import { EXACT } from './exact-losses.js';
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
import { ADAMW, at, batchOf, engine, randomWeights, run, sealed, step, term } from './toy.js';

const LENGTHS = [5, 1, 13, 2];
const options = { vocabulary: FAMILY_VOCABULARY, segments: false };
const batch = selectSome(batchOf(LENGTHS, 3, options), 4);

/** In units of 1 + the loss: cosines are multiplied by 20, and so is their rounding. */
const valueTolerance = (kind: LossKind) => (LOSSES[kind].coupled ? 2e-5 : 1e-6);

it('every loss of the table is tested on some head', () => {
  const tested = new Set(HEAD_LOSSES.map(([, kind]) => kind));
  expect([...tested].sort()).toEqual(Object.keys(LOSSES).sort());
  expect(Object.keys(EXACT)).toEqual(Object.keys(LOSSES));
});

describe.each([...HEAD_LOSSES])('logits of %s under %s %o', (kind, lossKind, settings) => {
  const graph = familyGraph(kind);
  const weights = randomWeights(graph, 8);
  const loss = lossFor(kind, lossKind, batch, settings);

  it('has the value of float64', async () => {
    const program = await sealed(graph, weights, true);
    const size = rowsOf(kind, batch) * headWidth(kind);
    const logits = await run(program, batch, 'logits', size);
    const { loss: value } = await step(new (engine().Trainer)(program, ADAMW), batch, loss);
    const exact = EXACT[lossKind](loss, [...logits], batch, headWidth(kind), weights);
    expect(Math.abs(value - exact)).toBeLessThan(valueTolerance(lossKind) * (1 + exact));
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
    const none: [Head, LossTerm][] = [
      ['tokens', term('cross_entropy', new Int32Array(batch.ids.length).fill(-1))],
      [
        'tokens',
        {
          ...term('cross_entropy', new Int32Array(batch.ids.length).fill(-1)),
          settings: { labelSmoothing: 0.1 },
        },
      ],
      [
        'texts',
        {
          ...term('cross_entropy', new Int32Array(4)),
          settings: { classWeights: Float32Array.of(0, 1, 1) },
        },
      ],
      ['texts', term('focal', new Int32Array(4).fill(-1))],
      ['span', term('span', new Int32Array(8).fill(-1))],
      ['texts', term('in_batch_negatives', new Int32Array(2).fill(-1))],
      ['texts', term('in_batch_negatives', new Int32Array())],
      ['texts', term('cosent', new Float32Array(2))],
      ['scores', { ...term('lambda', new Float32Array(4)), lists: Int32Array.of(1, 3) }],
      [
        'scores',
        { ...term('list_margin_mse', new Float32Array(4)), lists: Int32Array.of(1, 1, 1, 1) },
      ],
    ];
    for (const [kind, loss] of none) {
      const graph = familyGraph(kind);
      const program = await sealed(graph, randomWeights(graph, 8), true);
      const result = await step(new (engine().Trainer)(program, ADAMW), batch, loss);
      expect(result).toEqual({ loss: 0, gradNorm: 0 });
    }
  });

  it.each(HEAD_LOSSES)(
    '%s, %s %o: slices have the gradients of the whole',
    async (kind, lossKind, settings) => {
      const many = selectSome(batchOf([5, 1, 13, 2, 7, 9, 3, 30], 3, options), 4);
      const graph = familyGraph(kind, 0.2);
      const weights = randomWeights(graph, 8);
      const loss = lossFor(kind, lossKind, many, settings);
      const problem = entropyProblem(graph, weights, many, loss, 5);
      const whole = await gradientsOf(problem);
      for (const sliceTokens of [1, 17]) {
        const cut = await gradientsOf({ ...problem, sliceTokens });
        for (const [name, gradient] of whole) {
          const norm = Math.hypot(...gradient);
          const apart = Math.hypot(...gradient.map((g, i) => g - at(cut.get(name) ?? [], i)));
          expect(apart, name).toBeLessThan(1e-5 * norm + 1e-7);
        }
      }
    },
  );

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
