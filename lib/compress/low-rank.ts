/**
 * Makes a model whose products have low rank: a weight W [outputs, inputs] becomes B A with a narrow value between.
 *
 * The rule: with texts the error of the products' outputs on these texts is smallest (singular values of W L with L L^T = X^T X),
 * without them the error of the weights (those of W; Eckart and Young 1936).
 */

import { rangeMistake, SinterError, typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { Turn } from '../core/turns.js';
import { lowRankGraph } from '../graph/rewrite/low-rank.js';
import { lowRankProducts, thinnableProducts } from '../graph/rewrite/low-rank-products.js';
import { isQuantized } from '../graph/rewrite/quantize.js';
import type { EncoderGraph } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import type { NativeGram, NativeLowRank } from '../native/compression.js';
import { runJob } from '../native/jobs.js';
import { native } from '../native/native.js';
import type { NativeProgram } from '../native/program.js';
import { offeringValues, runOutputs, textBatches } from '../runtime/activations.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { deriveProgram, floatsOf, programOver, readWhole } from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { checkTexts } from './reconstruct.js';

/** Options of `lowRankModel`. */
export interface LowRankOptions {
  /**
   * Texts like those that the model will see: directions that they use count more. Left out: all directions of a weight count
   * alike, which is usually much worse.
   */
  readonly texts?: readonly TextInput[];
  /** Added to X^T X, as a share of the mean of its diagonal: directions that the texts never use count a little. Default: 1e-4. */
  readonly lambda?: number;
  /** Ends the call with CANCELLED. */
  readonly signal?: AbortSignal;
}

const DEFAULT_LAMBDA = 1e-4;
/** Sums that are filled in one run over the texts. */
const SUM_BYTES = 256 << 20;

/**
 * The model with low-rank products; the old one stays usable. `ranks`: the rank by the name of the weight; members of a stacked
 * product get factors of their own. A product becomes smaller where the rank is below outputs x inputs / (outputs + inputs).
 * Throws RangeError for a weight that cannot be replaced or a rank out of range, UNSUPPORTED_MODEL for a quantized model.
 */
export async function lowRankModel(
  where: string,
  parts: ModelParts,
  program: NativeProgram,
  ranks: ReadonlyMap<string, number>,
  options: LowRankOptions = {},
): Promise<ModelParts> {
  const call = readCall(where, parts, ranks, options);
  const { graph, factors } = lowRankGraph(parts.graph, ranks);
  const wanted = [...factors].map(([weight, { a, b }]) => {
    return { weights: [weight], rank: ranks.get(weight) ?? 1, a, b: [b] };
  });
  return modelOfFactors(call, parts, program, graph, wanted);
}

/**
 * The model with products of low rank, of which those that one node stacks share the first factor; the old one stays usable.
 * `ranks`: by the name of the product, as `thinnableProducts` has it. Throws as `lowRankModel`.
 */
export async function lowRankProductsModel(
  where: string,
  parts: ModelParts,
  program: NativeProgram,
  ranks: ReadonlyMap<string, number>,
  options: LowRankOptions = {},
): Promise<ModelParts> {
  const call = readCall(where, parts, ranks, options);
  const { graph, factors } = lowRankProducts(parts.graph, ranks);
  return modelOfFactors(call, parts, program, graph, factors);
}

/**
 * The singular values of each product that can become two, by its name, from the largest down: the square of the error at rank r is
 * the sum of the squares from r on. Of the outputs on the texts where there are some, else of the weights.
 */
export async function productSpectra(
  where: string,
  parts: ModelParts,
  program: NativeProgram,
  options: LowRankOptions = {},
): Promise<ReadonlyMap<string, Float64Array>> {
  const products = thinnableProducts(parts.graph);
  const spectra = new Map<string, Float64Array>();
  if (products.length === 0) return spectra;
  const call = readCall(where, parts, new Map(products.map(({ name }) => [name, 1])), options);
  const wanted = products.map((product) => ({ ...product, rank: 1 }));
  await eachFactored(call, parts, program, wanted, ({ name }, { singularValues }) => {
    spectra.set(name, singularValues);
  });
  return spectra;
}

interface LowRankCall {
  readonly where: string;
  readonly signal: AbortSignal | undefined;
  readonly lambda: number;
  /** undefined: weights are approximated as they are. */
  readonly texts: readonly TextInput[] | undefined;
}

function readCall(
  where: string,
  { graph }: ModelParts,
  ranks: ReadonlyMap<string, number>,
  options: LowRankOptions,
): LowRankCall {
  const read = readOptions<LowRankOptions>(where, options, {
    ...{ texts: true, lambda: true, signal: true },
  });
  const lambda = read.nonNegative('lambda', DEFAULT_LAMBDA);
  const signal = read.signal();
  const { texts } = options;
  if (texts !== undefined) checkTexts(where, texts);
  if (!(ranks instanceof Map))
    throw typeMistake(`${where}: ranks`, 'a Map of names to ranks', ranks);
  if (ranks.size === 0) throw rangeMistake(`${where}: ranks`, 'one weight or more', 0);
  if (isQuantized(graph))
    throw new SinterError('UNSUPPORTED_MODEL', `${where}: the model is quantized already`);
  return { where, signal, lambda, texts };
}

/** Weights that are stacked and factorised as one. */
interface Stacked {
  readonly weights: readonly string[];
  readonly rank: number;
}

interface Factors extends Stacked {
  readonly a: string;
  /** For each of the weights. */
  readonly b: readonly string[];
}

async function modelOfFactors(
  call: LowRankCall,
  parts: ModelParts,
  program: NativeProgram,
  graph: EncoderGraph,
  factors: readonly Factors[],
): Promise<ModelParts> {
  const written = new Map<string, Float32Array>();
  await eachFactored(call, parts, program, factors, ({ weights, rank, a, b }, found) => {
    written.set(a, found.a);
    let row = 0;
    for (const [i, weight] of weights.entries()) {
      const rows = shapeOf(parts.graph, weight)[0] ?? 0;
      written.set(b[i] ?? '', found.b.slice(row * rank, (row + rows) * rank));
      row += rows;
    }
  });
  const { where, signal } = call;
  const derivation = { trainable: false, where, signal };
  const made = await deriveProgram(graph, program.store, derivation, { written });
  return { ...parts, graph, isChanged: true, program: new SharedProgram(made) };
}

/** Factorises each of `stacks`, as few at a time as their sums have room. */
async function eachFactored<T extends Stacked>(
  call: LowRankCall,
  parts: ModelParts,
  program: NativeProgram,
  stacks: readonly T[],
  take: (stack: T, found: NativeLowRank) => void,
): Promise<void> {
  for (const wave of waves(parts.graph, stacks, call.texts !== undefined)) {
    const grams = new Map<string, NativeGram>();
    try {
      for (const { name, inputs } of wave)
        grams.set(name, new (native().Gram)({ inputs, outputs: 0, intercept: false }));
      if (call.texts !== undefined) await addInputs(call, parts, program, wave, grams, call.texts);
      for (const { name, values, uses } of wave) {
        for (const stack of uses) {
          // A weight that no text reaches (of a table of distances) is approximated as it is.
          const isUnread = call.texts === undefined || values.length === 0;
          const gram = isUnread ? null : (grams.get(name) ?? null);
          take(stack, await factorsOf(call, parts.graph, program, stack, gram));
        }
      }
    } finally {
      for (const gram of grams.values()) gram.dispose();
    }
  }
}

/** Weights that read the same values, so that they share their sums. */
interface InputGroup<T> {
  /** The values, joined to a name of the group. */
  readonly name: string;
  readonly values: readonly string[];
  readonly inputs: number;
  readonly uses: readonly T[];
}

/** The groups of the weights, in sets whose sums fit into memory together. */
function waves<T extends Stacked>(
  graph: EncoderGraph,
  stacks: readonly T[],
  measured: boolean,
): readonly (readonly InputGroup<T>[])[] {
  const shapes = validateGraph(graph);
  const groups = new Map<string, InputGroup<T>>();
  for (const stack of stacks) {
    const nodes = graph.nodes.filter(
      (node) => node.op === 'linear' && node.weights.some((one) => stack.weights.includes(one)),
    );
    // What does not depend on the texts (tables of distances) does not count.
    const read = nodes.flatMap((node) => (node.op === 'linear' ? [node.input] : []));
    const values = [...new Set(read.filter((value) => shapes.get(value)?.kind !== 'table'))];
    const name = JSON.stringify(values);
    const inputs = shapeOf(graph, stack.weights[0] ?? '')[1] ?? 0;
    const uses = [...(groups.get(name)?.uses ?? []), stack];
    groups.set(name, { name, values, inputs, uses });
  }
  const sets: InputGroup<T>[][] = [];
  let room = 0;
  for (const group of groups.values()) {
    const bytes = measured ? group.inputs ** 2 * 8 : 0;
    if (sets.length === 0 || bytes > room) {
      sets.push([]);
      room = SUM_BYTES;
    }
    sets.at(-1)?.push(group);
    room -= bytes;
  }
  return sets;
}

/** Adds the inputs of the products on the texts to their sums. */
async function addInputs(
  { where, signal }: LowRankCall,
  { graph, tokenizer }: ModelParts,
  program: NativeProgram,
  groups: readonly InputGroup<unknown>[],
  grams: ReadonlyMap<string, NativeGram>,
  texts: readonly TextInput[],
): Promise<void> {
  const offering = offeringValues(graph, new Set(groups.flatMap(({ values }) => values)));
  const copy = await programOver(offering, program.store, { trainable: false, where, signal });
  const reading = { where, tokenizer, graphs: [offering], signal };
  try {
    for await (const batch of textBatches(texts, reading)) {
      const found = await runOutputs(reading, offering, copy, batch);
      const turn = new Turn();
      for (const { name, values } of groups) {
        for (const value of values) {
          if (turn.isOver) await turn.end();
          const rows = found.get(value) ?? new Float32Array();
          await runJob(where, signal, async (jobId) =>
            grams.get(name)?.add(rows, null, null, jobId),
          );
        }
      }
    }
  } finally {
    copy.dispose();
  }
}

/** The factors of stacked weights; those that are read by other values than texts included. */
async function factorsOf(
  { where, signal, lambda }: LowRankCall,
  graph: EncoderGraph,
  program: NativeProgram,
  { weights, rank }: Stacked,
  gram: NativeGram | null,
): Promise<NativeLowRank> {
  const rows: Float32Array[] = [];
  for (const name of weights) {
    const read = { name, shape: shapeOf(graph, name) };
    const [bytes] = await readWhole(where, program.store, read, 'f32');
    rows.push(floatsOf(bytes as Uint8Array));
  }
  const outputs = weights.reduce((sum, name) => sum + (shapeOf(graph, name)[0] ?? 0), 0);
  const inputs = shapeOf(graph, weights[0] ?? '')[1] ?? 0;
  const weight = new Float32Array(outputs * inputs);
  let at = 0;
  for (const part of rows) {
    weight.set(part, at);
    at += part.length;
  }
  const options = { outputs, inputs, rank, scale: null, gram, lambda };
  return runJob(where, signal, (jobId) => native().lowRank(weight, options, jobId));
}

function shapeOf(graph: EncoderGraph, name: string): readonly number[] {
  return graph.weights.find((weight) => weight.name === name)?.shape ?? [];
}
