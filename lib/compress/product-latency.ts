/**
 * The time of a product on this machine, whole and as two thin ones of several ranks.
 *
 * The rule: multiplications do not tell, because thin products use the kernels worse and quantize twice; so every shape of product is
 * run alone, all its forms once a round, and a form's time is the median of its share of the whole product's time in the same round.
 */

import { throwIfAborted } from '../core/errors.js';
import { median } from '../core/median.js';
import { GraphBuilder } from '../graph/builder.js';
import { largestThinRank, type ThinnableProduct } from '../graph/rewrite/low-rank-products.js';
import { storeCodes } from '../graph/rewrite/quantize.js';
import type { ActivationBits, EncoderGraph } from '../graph/types.js';
import { runJob } from '../native/jobs.js';
import type { NativeProgram } from '../native/program.js';
import { TOKEN_BUDGET } from '../runtime/forward.js';
import { buildProgram, bytesOf, deriveProgram, disposeProgram } from '../runtime/program.js';

/** The times of one shape of product. */
export interface ProductTimes {
  /** Milliseconds for `rows` tokens, as one product. */
  readonly wholeMs: number;
  /** Increasing. */
  readonly ranks: readonly number[];
  /** As two products, for each of `ranks`: a share of the time as one. */
  readonly shares: readonly number[];
}

/** The times of all shapes of a model's products, by `shapeKey`. */
export interface ProductLatency {
  readonly rows: number;
  readonly shapes: Readonly<Record<string, ProductTimes>>;
}

export interface ProductLatencyOptions {
  readonly where: string;
  readonly signal?: AbortSignal | undefined;
  /** Tokens of a run. */
  readonly rows: number;
  /** Measures int8 products with activation codes of so many bits. Left out: f32. */
  readonly activationBits?: ActivationBits | undefined;
  /** The one rank to measure, or the full rank of the weight where that is lower. Left out: some of those below break-even. */
  readonly rank?: number | undefined;
  /** How long rounds are begun for each shape; at least five are run. Default: 1. */
  readonly seconds?: number;
}

/** Ranks that are measured of a shape. */
const RANKS = 8;
/** Ranks are multiples of it where there are enough of them: the kernels compute so many outputs at a time. */
const PANEL = 16;
const LEAST_ROUNDS = 5;

/** What products with the same times have in common. */
export function shapeKey({ inputs, outputs, activation, hasBias }: ThinnableProduct): string {
  return `${inputs} -> ${outputs.join(' + ')}${hasBias ? '' : ', no bias'}${activation === 'none' ? '' : `, ${activation}`}`;
}

/** Some ranks at which two thin products of this shape multiply less than the one, in increasing order. */
export function candidateRanks(product: ThinnableProduct): readonly number[] {
  const most = largestThinRank(product);
  const step = most >= 4 * PANEL ? PANEL : 1;
  const count = Math.min(RANKS, Math.floor(most / step));
  const ranks = Array.from({ length: count }, (_, i) => {
    return step * Math.max(1, Math.floor((most * (i + 1)) / count / step));
  });
  return [...new Set(ranks)];
}

/** Measures every shape among `products`. */
export async function measureProducts(
  products: readonly ThinnableProduct[],
  options: ProductLatencyOptions,
): Promise<ProductLatency> {
  const shapes = new Map<string, ProductTimes>();
  for (const product of products) {
    const key = shapeKey(product);
    if (!shapes.has(key)) shapes.set(key, await timesOf(product, options));
  }
  return { rows: options.rows, shapes: Object.fromEntries(shapes) };
}

async function timesOf(
  product: ThinnableProduct,
  options: ProductLatencyOptions,
): Promise<ProductTimes> {
  const { where, signal, rows, rank, seconds = 1 } = options;
  const full = Math.min(
    product.inputs,
    product.outputs.reduce((sum, count) => sum + count, 0),
  );
  const ranks = rank === undefined ? candidateRanks(product) : [Math.min(rank, full)];
  const programs: NativeProgram[] = [];
  try {
    for (const one of [null, ...ranks]) programs.push(await formOf(product, one, options));
    const width = product.outputs.reduce((sum, count) => sum + count, 0);
    const run = callOf(rows, product.inputs, width, options);
    const rounds: number[][] = [];
    const begin = performance.now();
    while (rounds.length <= LEAST_ROUNDS || performance.now() - begin < 1000 * seconds) {
      throwIfAborted(signal, where);
      const round = programs.map(() => 0);
      const order = programs.map((_, i) => (rounds.length % 2 === 0 ? i : programs.length - 1 - i));
      for (const i of order) round[i] = await run(programs[i] as NativeProgram);
      rounds.push(round);
    }
    // The first round finds cold caches.
    const counted = rounds.slice(1);
    const shares = ranks.map((_, i) =>
      median(counted.map((round) => (round[i + 1] ?? 0) / (round[0] ?? 1))),
    );
    return { wholeMs: median(counted.map(([whole = 0]) => whole)), ranks, shares };
  } finally {
    for (const program of programs) disposeProgram(program);
  }
}

/** A program of the product alone, whole or in two; what its numbers are does not matter. */
async function formOf(
  product: ThinnableProduct,
  rank: number | null,
  { where, signal, activationBits }: ProductLatencyOptions,
): Promise<NativeProgram> {
  const graph = graphOf(product, rank);
  const options = { trainable: false, where, signal };
  const made = await buildProgram(graph, options, (store, { name, shape }) => {
    const numbers = new Float32Array(shape.reduce((all, size) => all * size, 1)).fill(1 / 64);
    return store.writeWeight(name, 0, 'f32', bytesOf(numbers));
  });
  if (activationBits === undefined) return made;
  try {
    const names = graph.nodes.flatMap((node) => (node.op === 'linear' ? node.weights : []));
    const codes = storeCodes(graph, new Map(names.map((name) => [name, 's8'])), activationBits);
    return await deriveProgram(codes, made.store, options);
  } finally {
    disposeProgram(made);
  }
}

function graphOf(product: ThinnableProduct, rank: number | null): EncoderGraph {
  const { inputs, outputs, activation, hasBias } = product;
  const g = new GraphBuilder();
  const read = g.add({ op: 'features', width: inputs, output: 'features' });
  const first = { name: 'first', inputs, outputs: rank ?? 1, bias: false };
  const from = rank === null ? read : g.linear([first], 'none', read, 'middle');
  const modules = outputs.map((count, i) => {
    return { name: `member.${i}`, inputs: rank ?? inputs, outputs: count, bias: hasBias };
  });
  g.output('logits', g.linear(modules, activation, from, 'product'));
  return g.finish({ architecture: 'features', maxTokens: 1, vocabulary: 1, segments: 1 });
}

/** Runs a program on rows of numbers; gives the milliseconds. */
function callOf(
  rows: number,
  inputs: number,
  outputs: number,
  { where, signal }: ProductLatencyOptions,
) {
  const features = new Float32Array(rows * inputs).fill(0.25);
  for (let row = 0; row < rows; row++) features[row * inputs] = -0.5;
  const offsets = Int32Array.from({ length: rows + 1 }, (_, i) => i);
  const batch = { ids: new Int32Array(rows), offsets, segments: null, features };
  const data = new Float32Array(rows * outputs);
  return async (program: NativeProgram): Promise<number> => {
    const begin = performance.now();
    await runJob(where, signal, (jobId) =>
      program.run(batch, [{ name: 'logits', data }], { jobId, tokenBudget: TOKEN_BUDGET }),
    );
    return performance.now() - begin;
  };
}
