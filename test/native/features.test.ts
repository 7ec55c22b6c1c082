/** Features of texts as an input: the rows of each text reach it in runs and in steps, and a model over them alone learns. */

import { describe, expect, it } from 'vitest';
import { expectSameBits, Random } from '../kernels/native-test.js';
import {
  FEATURE_WIDTH,
  featureBatch,
  mixedGraph,
  regressionGraph,
  withFeatures,
} from './featured-toy.js';
import { Regression } from './regression.js';
import { ADAMW, at, batchOf, engine, pick, randomWeights, run, sealed, step, term } from './toy.js';

const LENGTHS = [7, 1, 64, 3, 30, 2, 17, 1, 16, 48, 5];
const batch = withFeatures(batchOf(LENGTHS, 4, { segments: false }), FEATURE_WIDTH, 3);
const features = batch.features ?? new Float32Array();

/** The features of these texts. */
const rowsOf = (order: readonly number[]) =>
  Float32Array.from(
    order.flatMap((i) => [...features.subarray(i * FEATURE_WIDTH, (i + 1) * FEATURE_WIDTH)]),
  );

describe('features beside tokens', () => {
  const graph = mixedGraph();
  const weights = randomWeights(graph, 5);

  it('reach the text that they belong to, whatever the cut', async () => {
    const program = await sealed(graph, weights);
    const together = await run(program, batch, 'logits', 3 * LENGTHS.length);
    for (const budget of [1, 17, 64, 100])
      expectSameBits(await run(program, batch, 'logits', together.length, budget), together, 'cut');
    for (const i of LENGTHS.keys()) {
      const alone = { ...pick(batch, [i]), features: rowsOf([i]) };
      const want = together.subarray(3 * i, 3 * i + 3);
      expectSameBits(await run(program, alone, 'logits', 3), want, `text ${i}`);
    }
    const order = [...LENGTHS.keys()].reverse();
    const reversed = { ...pick(batch, order), features: rowsOf(order) };
    const values = await run(program, reversed, 'logits', together.length);
    for (const [row, i] of order.entries())
      expectSameBits(
        values.subarray(3 * row, 3 * row + 3),
        together.subarray(3 * i, 3 * i + 3),
        '',
      );
  });

  it('change the logits of their text and of no other', async () => {
    const program = await sealed(graph, weights);
    const before = await run(program, batch, 'logits', 3 * LENGTHS.length);
    const changed = Float32Array.from(features);
    changed[4 * FEATURE_WIDTH + 2] = 9;
    const after = await run(program, { ...batch, features: changed }, 'logits', before.length);
    const texts = [...LENGTHS.keys()].filter((i) =>
      [0, 1, 2].some((column) => before[3 * i + column] !== after[3 * i + column]),
    );
    expect(texts).toEqual([4]);
  });
});

describe('logistic regression', () => {
  const [width, labels] = [6, 3];

  /** Texts around a center for each label, far enough apart that a plane divides each from the others. */
  function separable(texts: number, seed: number) {
    const random = new Random(seed);
    const centers = random.floats(width * labels, 4);
    const answers = Int32Array.from({ length: texts }, () => random.integer(0, labels - 1));
    const noise = random.floats(texts * width, 0.5);
    const points = noise.map((value, i) => {
      const label = at(answers, Math.floor(i / width));
      return value + at(centers, label * width + (i % width));
    });
    return { points, answers };
  }

  // A step takes 4096 tokens at a time, so the second number of texts is cut.
  it.each([300, 5000])('of %i texts has the weights of one in float64', async (texts) => {
    const { points, answers } = separable(texts, 8);
    const graph = regressionGraph(width, labels);
    const weights = randomWeights(graph, 2);
    const program = await sealed(graph, weights, true);
    const trainer = new (engine().Trainer)(program, ADAMW);
    const plain = new Regression(width, labels, weights, ADAMW);
    const given = featureBatch(points, width);
    const loss = term('cross_entropy', answers);
    for (let i = 0; i < 40; i++) {
      const options = { update: true, learningRate: 0.05 };
      const { loss: ours } = await step(trainer, given, loss, options);
      const theirs = plain.step(points, answers, options.learningRate);
      expect(Math.abs(ours - theirs), `loss of step ${i}`).toBeLessThan(1e-5 * (1 + theirs));
    }
    for (const [name, values] of plain.weights) {
      const ours = program.store.readWeight(name);
      const worst = values.reduce((most, w, i) => Math.max(most, Math.abs(w - at(ours, i))), 0);
      expect(worst, name).toBeLessThan(1e-4);
    }
    const logits = await run(program, given, 'logits', texts * labels);
    const right = answers.filter((label, i) => {
      const row = [...logits.subarray(i * labels, (i + 1) * labels)];
      return row.indexOf(Math.max(...row)) === label;
    });
    expect(right.length).toBe(texts);
  });
});
