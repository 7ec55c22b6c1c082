/** Weights that are not trained: the gradients of the others are what they are without it, and frozen weights cost nothing. */

import { afterEach, describe, expect, it } from 'vitest';
import type { EncoderGraph } from '../../lib/graph/types.js';
import type { LossTerm } from '../../lib/native/losses.js';
import type { NativeProgram, TokenBatch } from '../../lib/native/program.js';
import type { NativeTrainer } from '../../lib/native/training.js';
import * as library from '../../lib/runtime/program.js';
import { expectSameBits } from '../kernels/native-test.js';
import { FAMILY_VOCABULARY, familyGraph, lossFor } from './family-toy.js';
import {
  ADAMW,
  batchOf,
  engine,
  quantizedGraph,
  randomWeights,
  sealed as sealedProgram,
  step,
  toyGraph,
} from './toy.js';

const made: NativeProgram[] = [];
const trainers: NativeTrainer[] = [];
/** A program that is disposed after the test. Left to the collector, it would be freed while another test counts bytes. */
async function kept(making: Promise<NativeProgram>): Promise<NativeProgram> {
  const program = await making;
  made.push(program);
  return program;
}
afterEach(() => {
  for (const trainer of trainers.splice(0)) trainer.dispose();
  made.splice(0).forEach(library.disposeProgram);
});
const sealed = (...args: Parameters<typeof sealedProgram>) => kept(sealedProgram(...args));
const deriveProgram = (...args: Parameters<typeof library.deriveProgram>) =>
  kept(library.deriveProgram(...args));

interface Case {
  readonly graph: EncoderGraph;
  readonly batch: TokenBatch;
  readonly loss: LossTerm;
}

const texts = batchOf([5, 1, 13, 2], 3);
const toy: Case = {
  graph: toyGraph(),
  batch: texts,
  loss: lossFor('texts', 'cross_entropy', texts),
};
const words = batchOf([5, 1, 13, 2], 3, { vocabulary: FAMILY_VOCABULARY, segments: false });
const family: Case = {
  graph: familyGraph('tokens'),
  batch: words,
  loss: lossFor('tokens', 'cross_entropy', words),
};

const namesOf = ({ graph }: Case, pattern: RegExp) =>
  graph.weights.map(({ name }) => name).filter((name) => pattern.test(name));

async function gradients(program: NativeProgram, { batch, loss }: Case, names: readonly string[]) {
  const trainer = new (engine().Trainer)(program, ADAMW);
  trainers.push(trainer);
  const result = await step(trainer, batch, loss);
  const found = new Map(names.map((name) => [name, trainer.readGradient(name)]));
  const frozen = (name: string) => trainer.readGradient(name);
  return { result, found, frozen };
}

const SUBSETS: readonly (readonly [string, Case, RegExp])[] = [
  ['the head of a BERT', toy, /^classifier/],
  ['the last layer of a BERT and its head', toy, /^classifier|^layer\.1/],
  ['the first layer of a BERT only', toy, /^layer\.0/],
  ['biases only', toy, /bias$/],
  ['norms only', toy, /norm/],
  ['weights of norms without their biases', toy, /norm.*weight$/],
  ['the table of tokens only', toy, /^tokens$/],
  ['the table of positions only', toy, /^positions$/],
  ['the head of a newer family', family, /^scores/],
  ['tables of distances', family, /pos|distance/],
  ['a product of a shared layer', family, /^(up|down)/],
];

describe('a program with frozen weights', () => {
  it.each(SUBSETS)('has the gradients of a whole one: %s', async (_, of, pattern) => {
    const weights = randomWeights(of.graph, 501);
    const names = namesOf(of, pattern);
    expect(names.length).toBeGreaterThan(0);
    const source = await sealed(of.graph, weights);
    const whole = await gradients(await sealed(of.graph, weights, true), of, names);
    const program = await deriveProgram(of.graph, source.store, { trainable: names });
    const part = await gradients(program, of, names);
    expect(part.result.loss).toBe(whole.result.loss);
    for (const name of names) {
      const wanted = whole.found.get(name) ?? new Float32Array();
      expectSameBits(part.found.get(name) ?? new Float32Array(), wanted, name);
    }
    const other = of.graph.weights.find(({ name }) => !names.includes(name))?.name ?? '';
    expect(() => part.frozen(other)).toThrow(`weight ${other} is not trained`);
  });

  it('changes what is trained and nothing else, and shares the rest with its source', async () => {
    const weights = randomWeights(toy.graph, 502);
    const source = await sealed(toy.graph, weights);
    const names = namesOf(toy, /^classifier|^layer\.1/);
    const before = engine().weightBytes();
    const program = await deriveProgram(toy.graph, source.store, { trainable: names });
    const trained = toy.graph.weights.filter(({ name }) => names.includes(name));
    const elements = trained.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    // Values, and panels for both directions, in whole panels of 16.
    expect(engine().weightBytes() - before).toBeLessThan(4 * 3 * 2 * elements);
    const trainer = new (engine().Trainer)(program, ADAMW);
    for (const dropoutSeed of [1, 2, 3])
      await step(trainer, toy.batch, toy.loss, { update: true, dropoutSeed, learningRate: 1e-2 });
    for (const { name } of toy.graph.weights) {
      const now = program.store.readWeight(name);
      const then = source.store.readWeight(name);
      if (names.includes(name)) expect(now, name).not.toEqual(then);
      else expectSameBits(now, then, name);
    }
    trainer.dispose();
    library.disposeProgram(program);
    expect(engine().weightBytes()).toBe(before);
  });

  it('trains a head over int8 weights, but no gradient passes through them', async () => {
    const source = await sealed(toy.graph, randomWeights(toy.graph, 503));
    const quantized = quantizedGraph(toy.graph);
    const weights = quantized.weights.map((weight) =>
      weight.name.startsWith('classifier') ? ({ ...weight, dtype: 'f32' } as const) : weight,
    );
    const graph = { ...quantized, weights };
    const names = namesOf(toy, /^classifier/);
    const program = await deriveProgram(graph, source.store, { trainable: names });
    const { result, found } = await gradients(program, toy, names);
    expect(result.gradNorm).toBeGreaterThan(0);
    expect(found.get('classifier.weight')?.some((g) => g !== 0)).toBe(true);
    const below = deriveProgram(graph, source.store, { trainable: namesOf(toy, /^norm/) });
    await expect(below).rejects.toThrow(/weights held in s8 pass no gradients on/);
  });

  it('refuses names that the graph lacks, and stacks that are trained in part', async () => {
    const source = await sealed(toy.graph, randomWeights(toy.graph, 504));
    const derive = (names: string[]) =>
      deriveProgram(toy.graph, source.store, { trainable: names });
    await expect(derive(['nothing'])).rejects.toThrow('there is no weight nothing');
    await expect(derive(['layer.0.query.weight'])).rejects.toThrow(
      /either both are trained or none/,
    );
    await expect(derive([])).resolves.toBeDefined();
  });
});
