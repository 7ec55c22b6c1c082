// Gradients of a trainable graph against finite differences along random directions.
// Rule: the loss is sum(c * output) for a fixed random c, summed in double; only the program's own arithmetic is f32.
import { expect } from 'vitest';
import type { EncoderGraph, OutputName } from '../../lib/graph/types.js';
import type { TokenBatch } from '../../lib/native/program.js';
import { Random } from '../kernels/native-test.js';
import { sanitized } from './child.js';
import { ADAMW, at, engine, type Loss, run, sealed, step, term } from './toy.js';

export type Weights = Map<string, Float32Array>;

/** Step of the differences, for weights of about 0.3: truncation and rounding are both near 1e-5 of the gradient. */
const STEP = 1e-2;
const RELATIVE = 2e-3;
/** A sanitizer looks at memory, which is the same in every direction. */
const DIRECTIONS = sanitized ? 1 : 3;

export interface Problem {
  readonly graph: EncoderGraph;
  readonly weights: Weights;
  readonly batch: TokenBatch;
  /** Scalar loss of the weights. */
  readonly loss: (weights: Weights) => Promise<number>;
  readonly stepLoss: Loss;
  readonly dropoutSeed: number | null;
  readonly sliceTokens?: number;
  readonly relative?: number;
  /** Step of the differences; smaller where the loss has kinks. */
  readonly step?: number;
}

/** sum(c * output) of one output of `size` elements. */
export function linearProblem(
  graph: EncoderGraph,
  weights: Weights,
  batch: TokenBatch,
  output: OutputName,
  size: number,
): Problem {
  const gradient = new Random(99).floats(size);
  const loss = async (changed: Weights) => {
    const program = await sealed(graph, changed);
    const values = await run(program, batch, output, size);
    program.dispose();
    return values.reduce((sum, value, i) => sum + value * at(gradient, i), 0);
  };
  const stepLoss = term('external', gradient, output);
  return { graph, weights, batch, loss, stepLoss, dropoutSeed: null };
}

/** A loss as a step reports it, with the dropout of `dropoutSeed`. */
export function entropyProblem(
  graph: EncoderGraph,
  weights: Weights,
  batch: TokenBatch,
  stepLoss: Loss,
  dropoutSeed: number | null,
): Problem {
  const loss = async (changed: Weights) => {
    const program = await sealed(graph, changed, true);
    const trainer = new (engine().Trainer)(program, ADAMW);
    const { loss: value } = await step(trainer, batch, stepLoss, { dropoutSeed });
    trainer.dispose();
    program.dispose();
    return value;
  };
  return { graph, weights, batch, loss, stepLoss, dropoutSeed };
}

/** The gradients of one step, by weight. */
export async function gradientsOf(problem: Problem): Promise<Weights> {
  const program = await sealed(problem.graph, problem.weights, true);
  const trainer = new (engine().Trainer)(program, ADAMW);
  const { batch, stepLoss, dropoutSeed, sliceTokens = 4096 } = problem;
  const { gradNorm } = await step(trainer, batch, stepLoss, { dropoutSeed, sliceTokens });
  const gradients: Weights = new Map();
  let squares = 0;
  for (const { name } of problem.graph.weights) {
    const gradient = trainer.readGradient(name);
    gradients.set(name, gradient);
    squares += gradient.reduce((sum, g) => sum + g * g, 0);
  }
  expect(Math.abs(gradNorm - Math.sqrt(squares))).toBeLessThan(1e-5 * (1 + gradNorm));
  trainer.dispose();
  program.dispose();
  return gradients;
}

/** d loss / d t at weights + t * direction, by the five-point rule. */
async function slope(problem: Problem, name: string, direction: Float32Array): Promise<number> {
  const lossAt = (t: number) => {
    const changed = new Map(problem.weights);
    const base = problem.weights.get(name) ?? new Float32Array();
    changed.set(
      name,
      base.map((value, i) => value + t * at(direction, i)),
    );
    return problem.loss(changed);
  };
  const h = problem.step ?? STEP;
  const far = (await lossAt(2 * h)) - (await lossAt(-2 * h));
  const near = (await lossAt(h)) - (await lossAt(-h));
  return (8 * near - far) / (12 * h);
}

/** Holds every weight's gradient against differences along a few random directions. */
export async function expectGradients(problem: Problem): Promise<void> {
  const gradients = await gradientsOf(problem);
  const total = Math.sqrt(
    [...gradients.values()].reduce((sum, g) => sum + g.reduce((s, x) => s + x * x, 0), 0),
  );
  const random = new Random(5);
  for (const [name, gradient] of gradients) {
    const norm = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0));
    // Rounding of the loss, not of this weight's gradient, limits what a difference can show.
    const bound = (problem.relative ?? RELATIVE) * norm + 1e-4 * (total + 1e-2);
    for (let i = 0; i < DIRECTIONS; i++) {
      const raw = random.floats(gradient.length);
      const length = Math.sqrt(raw.reduce((sum, d) => sum + d * d, 0));
      const direction = raw.map((d) => d / length);
      const ours = gradient.reduce((sum, g, j) => sum + g * at(direction, j), 0);
      const theirs = await slope(problem, name, direction);
      expect(Math.abs(ours - theirs), `${name}: ${ours} against ${theirs}`).toBeLessThan(bound);
    }
  }
}
