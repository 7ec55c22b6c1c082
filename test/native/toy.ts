// Small programs for the native suites: graphs with random weights, calls with a fresh job id, batches.
// Rule: everything is seeded, so that a failure repeats.

import { GraphBuilder } from '../../lib/graph/builder.js';
import type { EncoderGraph } from '../../lib/graph/types.js';
import type { LossKind, LossTerm } from '../../lib/native/losses.js';
import { native } from '../../lib/native/native.js';
import type { NativeProgram, TokenBatch } from '../../lib/native/program.js';
import type { NativeTrainer, TrainerSettings } from '../../lib/native/training.js';
import { Random } from '../kernels/native-test.js';

/** Element `i`, which exists. */
export function at(values: ArrayLike<number>, i: number): number {
  return values[i] as number;
}

/** Lanes of the suites that do not ask for a number. */
export const LANES = 2;

export const VOCABULARY = 50;
export const MAX_TOKENS = 64;

/** The addon with its lanes running. */
export function engine(lanes = LANES): ReturnType<typeof native> {
  const binding = native();
  try {
    binding.lanes();
  } catch {
    binding.startLanes(lanes);
  }
  return binding;
}

export interface ToyOptions {
  readonly hidden?: number;
  readonly heads?: number;
  readonly layers?: number;
  readonly dropout?: number;
  readonly vocabulary?: number;
  readonly maxTokens?: number;
}

/** A small encoder with a mean-pooled embedding and a classifier of three labels. */
export function toyGraph(options: ToyOptions = {}): EncoderGraph {
  const { hidden = 24, heads = 3, layers = 2, dropout = 0 } = options;
  const { vocabulary = VOCABULARY, maxTokens = MAX_TOKENS } = options;
  const g = new GraphBuilder();
  const tables = [
    { weight: 'tokens', rows: vocabulary, index: 'token' },
    { weight: 'positions', rows: maxTokens + 1, index: 'position', offset: 1 },
    { weight: 'segments', rows: 2, index: 'segment' },
  ] as const;
  let x = g.embedding(tables, hidden, 'sum');
  x = g.norm('norm', hidden, 1e-12, x, null, 'x');
  x = g.dropout(dropout, x, 'x.drop');
  g.output('hidden.0', x);
  for (let layer = 0; layer < layers; layer++) {
    const name = `layer.${layer}`;
    const module = (part: string, inputs: number, outputs: number) => ({
      name: `${name}.${part}`,
      inputs,
      outputs,
    });
    const qkv = ['query', 'key', 'value'].map((part) => module(part, hidden, hidden));
    let y = g.linear(qkv, 'none', x, `${name}.qkv`);
    y = g.attention(heads, hidden / heads, dropout, y, `${name}.mixed`);
    y = g.linear([module('out', hidden, hidden)], 'none', y, `${name}.projected`);
    y = g.dropout(dropout, y, `${name}.projected.drop`);
    x = g.norm(`${name}.norm1`, hidden, 1e-12, y, x, `${name}.x1`);
    y = g.linear([module('up', hidden, 2 * hidden)], 'gelu', x, `${name}.up`);
    y = g.linear([module('down', 2 * hidden, hidden)], 'none', y, `${name}.down`);
    x = g.norm(`${name}.norm2`, hidden, 1e-12, y, x, `${name}.x2`);
  }
  g.output('hidden', x);
  const pooled = g.pool('mean', x, 'mean');
  g.output('embedding', g.normalize(pooled, 'unit'));
  const classifier = { name: 'classifier', inputs: hidden, outputs: 3 };
  g.output('logits', g.linear([classifier], 'none', pooled, 'scores'));
  return g.finish({ architecture: 'toy', maxTokens, vocabulary, segments: 2 });
}

/** Random values of every weight; norms near 1. */
export function randomWeights(graph: EncoderGraph, seed: number): Map<string, Float32Array> {
  const random = new Random(seed);
  return new Map(
    graph.weights.map(({ name, shape }) => {
      const values = random.floats(
        shape.reduce((a, b) => a * b, 1),
        0.3,
      );
      if (/norm\d?\.weight$/.test(name))
        for (const i of values.keys()) values[i] = 1 + at(values, i);
      return [name, values];
    }),
  );
}

export function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** A program over a store of its own that nothing was written to. */
export function unsealed(graph: EncoderGraph, trainable = false): NativeProgram {
  const { Program, Store } = engine();
  return new Program(graph, new Store(graph.weights), { trainable });
}

/** A sealed program with these f32 weights. */
export async function sealed(
  graph: EncoderGraph,
  weights: ReadonlyMap<string, Float32Array>,
  trainable = false,
): Promise<NativeProgram> {
  const program = unsealed(graph, trainable);
  for (const [name, values] of weights) program.store.writeWeight(name, 0, 'f32', bytesOf(values));
  await program.seal();
  return program;
}

export function toyProgram(options: ToyOptions = {}, trainable = false): Promise<NativeProgram> {
  const graph = toyGraph(options);
  return sealed(graph, randomWeights(graph, 1), trainable);
}

/** The graph with every weight that a linear layer multiplies by stored as int8. */
export function quantizedGraph(graph: EncoderGraph): EncoderGraph {
  const products = new Set(
    graph.nodes.flatMap((node) => (node.op === 'linear' ? node.weights : [])),
  );
  const weights = graph.weights.map((spec) =>
    products.has(spec.name) ? ({ ...spec, dtype: 's8' } as const) : spec,
  );
  return { ...graph, weights };
}

/** A sealed int8 program of f32 weights. */
export async function sealedS8(
  graph: EncoderGraph,
  weights: ReadonlyMap<string, Float32Array>,
): Promise<NativeProgram> {
  const { Program, Store } = engine();
  const { store } = await sealed(graph, weights);
  const quantized = quantizedGraph(graph);
  const from = ({ name }: { name: string }) => ({ store, name });
  const derived = new Store(quantized.weights.map((spec) => ({ ...spec, from: from(spec) })));
  const program = new Program(quantized, derived, { trainable: false });
  await program.seal();
  return program;
}

/** Symmetric int8 of each row, as the contract has it: scale = max|w| / 127, codes rounded half to even. */
export function quantizedRows(
  values: Float32Array,
  width: number,
): { data: Int8Array; scales: Float32Array } {
  const scales = new Float32Array(values.length / width);
  const data = new Int8Array(values.length);
  for (let row = 0; row < scales.length; row++) {
    const part = values.subarray(row * width, (row + 1) * width);
    const scale = Math.fround(part.reduce((most, w) => Math.max(most, Math.abs(w)), 0) / 127);
    scales[row] = scale;
    if (scale === 0) continue;
    for (const [i, w] of part.entries()) data[row * width + i] = halfToEven(Math.fround(w / scale));
  }
  return { data, scales };
}

function halfToEven(value: number): number {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** Codes and scales of rows [begin, end) of an int8 weight. */
export async function readCodes(
  { store }: NativeProgram,
  name: string,
  begin: number,
  end: number,
): Promise<{ data: Int8Array; scales: Float32Array }> {
  const [codes, scales] = (await store.readRows(name, begin, end, 's8')) as [
    Uint8Array,
    Uint8Array,
  ];
  return { data: new Int8Array(codes.buffer), scales: new Float32Array(scales.buffer) };
}

/** Random texts of these lengths. */
export function batchOf(
  lengths: readonly number[],
  seed: number,
  { vocabulary = VOCABULARY, segments = true } = {},
): TokenBatch {
  const random = new Random(seed);
  const offsets = new Int32Array(lengths.length + 1);
  for (const [i, length] of lengths.entries()) offsets[i + 1] = at(offsets, i) + length;
  const tokens = at(offsets, lengths.length);
  const draw = (below: number) =>
    Int32Array.from({ length: tokens }, () => random.integer(0, below - 1));
  return { ids: draw(vocabulary), offsets, segments: segments ? draw(2) : null };
}

/** The texts `order` of a batch, in that order. */
export function pick(batch: TokenBatch, order: readonly number[]): TokenBatch {
  const part = (values: Int32Array) =>
    Int32Array.from(
      order.flatMap((i) => [...values.subarray(at(batch.offsets, i), at(batch.offsets, i + 1))]),
    );
  const offsets = new Int32Array(order.length + 1);
  for (const [row, i] of order.entries()) {
    offsets[row + 1] = at(offsets, row) + at(batch.offsets, i + 1) - at(batch.offsets, i);
  }
  return {
    ids: part(batch.ids),
    offsets,
    segments: batch.segments === null ? null : part(batch.segments),
  };
}

/** Runs a program for one output and returns it. */
export async function run(
  program: NativeProgram,
  batch: TokenBatch,
  name: string,
  size: number,
  tokenBudget = 512,
): Promise<Float32Array> {
  const data = new Float32Array(size);
  const jobId = engine().nextJobId();
  await program.run(batch, [{ name, data }], { jobId, tokenBudget });
  return data;
}

export const ADAMW: TrainerSettings = {
  optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  groups: [],
};

/** ADAMW with this decay of these weights. */
export function adamw(weights: readonly string[], weightDecay: number): TrainerSettings {
  return { ...ADAMW, groups: [{ weights, learningRateFactor: 1, weightDecay }] };
}

/** A term of weight 1. */
export function term(
  kind: LossKind,
  targets: LossTerm['targets'],
  output = 'logits',
): LossTerm & { weight: number } {
  return { kind, output, weight: 1, targets };
}

export type Loss = LossTerm | readonly LossTerm[];

export interface ToyStep {
  /** The job of the pass over the batch. */
  readonly jobId: number;
  readonly learningRate: number;
  readonly maxGradNorm: number;
  readonly dropoutSeed: number | null;
  readonly sliceTokens: number;
  /** false: the gradients are dropped. */
  readonly update: boolean;
}

/** One step; by default gradients only. */
export async function step(
  trainer: NativeTrainer,
  batch: TokenBatch,
  loss: Loss,
  options: Partial<ToyStep> = {},
): Promise<{ loss: number; gradNorm: number }> {
  const { nextJobId } = engine();
  const { jobId = nextJobId(), learningRate = 1e-3, maxGradNorm = 0, dropoutSeed = null } = options;
  const { sliceTokens = 4096 } = options;
  const terms = 'kind' in loss ? [loss] : loss;
  const calls = [
    trainer.accumulate(batch, terms, { jobId, dropoutSeed, sliceTokens }),
    trainer.clip(maxGradNorm, nextJobId()),
    options.update === true ? trainer.apply(learningRate, nextJobId()) : trainer.clear(nextJobId()),
  ] as const;
  await Promise.allSettled(calls);
  const [result, gradNorm] = await Promise.all(calls);
  return { loss: result.loss, gradNorm };
}

/** Random labels of three classes. */
export function labelsFor(
  batch: TokenBatch,
  seed: number,
): LossTerm & { readonly targets: Int32Array } {
  const random = new Random(seed);
  const labels = Int32Array.from({ length: batch.offsets.length - 1 }, () => random.integer(0, 2));
  return { ...term('cross_entropy', labels), targets: labels };
}
