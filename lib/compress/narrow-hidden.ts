/**
 * Makes a model with fewer channels in its residual stream.
 *
 * The rule: channels are chosen, not mixed: a layer norm has a factor for each channel, and behind it the stream is its own residual,
 * so no rotation of the stream leaves the model the same, but at full width the choice does. The channels whose loss changes least of
 * what the products behind the norms give go; what they give on average goes into the biases, and the norms are scaled to the
 * energy that is left.
 */

import { inTurns, type Steps } from '../core/turns.js';
import { narrowHidden, residualValues } from '../graph/rewrite/narrow-hidden.js';
import type { EncoderGraph, LinearNode } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import type { NativeGram } from '../native/compression.js';
import { runJob } from '../native/jobs.js';
import { native } from '../native/native.js';
import type { NativeProgram } from '../native/program.js';
import { offeringValues, runOutputs, textBatches } from '../runtime/activations.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { deriveProgram, floatsOf, programOver, readWhole } from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { checkTexts } from './reconstruct.js';

interface Call {
  readonly where: string;
  readonly signal: AbortSignal | undefined;
}

/**
 * The model with `size` channels, chosen on the texts; the old one stays usable. Throws RangeError for a model whose stream cannot
 * be narrowed and for a size that is not below its width.
 */
export async function narrowedHidden(
  where: string,
  parts: ModelParts,
  program: NativeProgram,
  size: number,
  {
    texts,
    signal,
  }: { readonly texts: readonly TextInput[]; readonly signal?: AbortSignal | undefined },
): Promise<{ readonly parts: ModelParts; readonly kept: readonly number[] }> {
  checkTexts(where, texts);
  const call = { where, signal };
  const read = readersOf(parts.graph);
  const width = hiddenWidth(parts.graph);
  if (!(Number.isSafeInteger(size) && size >= 1 && size < width))
    throw new RangeError(`${where}: the hidden size must be from 1 to ${width - 1}, got ${size}`);
  const moments = await momentsOf(call, parts, program, [...read.keys()], width, texts);
  const weights = await weightsRead(call, parts.graph, program, [...read.values()].flat());
  const kept = await inTurns(keptChannels(read, moments, weights, width, size));
  const { graph, cuts, widening } = narrowHidden(parts.graph, kept);
  const written = new Map<string, Float32Array>([
    ...scaledNorms(parts.graph, program, moments, kept),
    ...(await inTurns(movedBiases(program, read, moments, weights, kept, width))),
    ...(widening === null ? [] : [[widening, scattered(kept, width)] as const]),
  ]);
  const made = await deriveProgram(
    graph,
    program.store,
    { trainable: false, where, signal },
    { cuts, written },
  );
  const small = { ...parts, graph, isChanged: true, program: new SharedProgram(made) };
  return { parts: small, kept };
}

/** Channels of the residual stream. */
export function hiddenWidth(graph: EncoderGraph): number {
  const shapes = validateGraph(graph);
  return shapes.get(residualValues(graph)[0] ?? '')?.width ?? 0;
}

/** The products over tokens that read each value of the stream. */
function readersOf(graph: EncoderGraph): ReadonlyMap<string, readonly LinearNode[]> {
  const shapes = validateGraph(graph);
  const wide = new Set(residualValues(graph));
  const found = new Map<string, LinearNode[]>();
  for (const node of graph.nodes) {
    if (node.op !== 'linear' || !wide.has(node.input)) continue;
    if (shapes.get(node.input)?.kind !== 'token') continue;
    found.set(node.input, [...(found.get(node.input) ?? []), node]);
  }
  return found;
}

interface Moments {
  readonly means: Float64Array;
  readonly squares: Float64Array;
}

/** Means and mean squares of the channels of each value on the texts. */
async function momentsOf(
  { where, signal }: Call,
  { graph, tokenizer }: ModelParts,
  program: NativeProgram,
  values: readonly string[],
  width: number,
  texts: readonly TextInput[],
): Promise<ReadonlyMap<string, Moments>> {
  const offering = offeringValues(graph, values);
  const grams = new Map<string, NativeGram>();
  let copy: NativeProgram | undefined;
  try {
    copy = await programOver(offering, program.store, { trainable: false, where, signal });
    for (const value of values)
      grams.set(value, new (native().Gram)({ inputs: width, outputs: 0, intercept: true }));
    const reading = { where, tokenizer, graphs: [offering], signal };
    for await (const batch of textBatches(texts, reading)) {
      const found = await runOutputs(reading, offering, copy, batch);
      for (const [value, gram] of grams) {
        const rows = found.get(value) ?? new Float32Array();
        await runJob(where, signal, (jobId) => gram.add(rows, null, null, jobId));
      }
    }
    const moments = new Map<string, Moments>();
    for (const [value, gram] of grams) {
      const { products, rows } = await runJob(where, signal, (jobId) => gram.sums(jobId));
      const at = (i: number, j: number) => (products[i * (width + 1) + j] ?? 0) / rows;
      moments.set(value, {
        means: Float64Array.from({ length: width }, (_, i) => at(i, width)),
        squares: Float64Array.from({ length: width }, (_, i) => at(i, i)),
      });
    }
    return moments;
  } finally {
    copy?.dispose();
    for (const gram of grams.values()) gram.dispose();
  }
}

/** The weights of these products, in f32, by their names. */
async function weightsRead(
  { where }: Call,
  graph: EncoderGraph,
  program: NativeProgram,
  nodes: readonly LinearNode[],
): Promise<ReadonlyMap<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  for (const name of nodes.flatMap(({ weights }) => weights)) {
    const shape = graph.weights.find((weight) => weight.name === name)?.shape ?? [];
    const [bytes] = await readWhole(where, program.store, { name, shape }, 'f32');
    found.set(name, floatsOf(bytes as Uint8Array));
  }
  return found;
}

/** The channels that stay, in increasing order: those whose variance counts most in what the products give, every value alike. */
function* keptChannels(
  read: ReadonlyMap<string, readonly LinearNode[]>,
  moments: ReadonlyMap<string, Moments>,
  weights: ReadonlyMap<string, Float32Array>,
  width: number,
  size: number,
): Steps<readonly number[]> {
  const scores = new Float64Array(width);
  for (const [value, nodes] of read) {
    const { means = [], squares = [] } = moments.get(value) ?? {};
    const own = new Float64Array(width);
    for (const name of nodes.flatMap((node) => node.weights)) {
      const weight = weights.get(name) ?? new Float32Array();
      for (let i = 0; i < weight.length; i++) {
        own[i % width] = (own[i % width] ?? 0) + (weight[i] as number) ** 2;
        if (i % STEP === STEP - 1) yield;
      }
    }
    for (let j = 0; j < width; j++)
      own[j] = (own[j] ?? 0) * Math.max(0, (squares[j] ?? 0) - (means[j] ?? 0) ** 2);
    const total = own.reduce((sum, one) => sum + one, 0) || 1;
    for (let j = 0; j < width; j++) scores[j] = (scores[j] ?? 0) + (own[j] ?? 0) / total;
  }
  const order = Array.from(scores.keys()).sort(
    (a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b,
  );
  return order.slice(0, size).sort((a, b) => a - b);
}

/**
 * The factors of the norms, scaled to the channels that stay: their mean square before the factors was 1 over all channels, and is 1
 * over fewer channels afterwards, whatever it was there.
 */
function scaledNorms(
  graph: EncoderGraph,
  program: NativeProgram,
  moments: ReadonlyMap<string, Moments>,
  kept: readonly number[],
): readonly (readonly [string, Float32Array])[] {
  return graph.nodes.flatMap((node) => {
    const { means, squares } = moments.get(node.output) ?? {};
    if (node.op !== 'norm' || means === undefined || squares === undefined) return [];
    const factors = program.store.readWeight(node.weight);
    const shifts = node.bias === null ? null : program.store.readWeight(node.bias);
    let [energy, count] = [0, 0];
    for (const j of kept) {
      const [factor, shift] = [factors[j] ?? 0, shifts?.[j] ?? 0];
      if (Math.abs(factor) < SMALL) continue;
      const square = (squares[j] ?? 0) - 2 * shift * (means[j] ?? 0) + shift * shift;
      energy += square / (factor * factor);
      count += 1;
    }
    const scale = count === 0 ? 1 : Math.sqrt(energy / count);
    return [[node.weight, Float32Array.from(kept, (j) => (factors[j] ?? 0) * scale)] as const];
  });
}

/** A factor by which nothing can be divided. */
const SMALL = 1e-4;

/** The biases with what the channels that go gave on average. */
function* movedBiases(
  program: NativeProgram,
  read: ReadonlyMap<string, readonly LinearNode[]>,
  moments: ReadonlyMap<string, Moments>,
  weights: ReadonlyMap<string, Float32Array>,
  kept: readonly number[],
  width: number,
): Steps<ReadonlyMap<string, Float32Array>> {
  const stays = new Set(kept);
  const gone = Array.from({ length: width }, (_, j) => j).filter((j) => !stays.has(j));
  const found = new Map<string, Float32Array>();
  for (const [value, nodes] of read) {
    const { means = new Float64Array(width) } = moments.get(value) ?? {};
    for (const node of nodes) {
      for (const [i, bias] of node.biases.entries()) {
        const weight = weights.get(node.weights[i] ?? '') ?? new Float32Array();
        const values = program.store.readWeight(bias);
        for (const [row, old] of values.entries()) {
          let sum = old;
          for (const j of gone) sum += (weight[row * width + j] ?? 0) * (means[j] ?? 0);
          values[row] = sum;
        }
        found.set(bias, values);
        yield;
      }
    }
  }
  return found;
}

/** Numbers between two looks at the clock. */
const STEP = 1 << 17;

/** The matrix [width, kept] that puts channels back where they were. */
function scattered(kept: readonly number[], width: number): Float32Array {
  const out = new Float32Array(width * kept.length);
  for (const [i, channel] of kept.entries()) out[channel * kept.length + i] = 1;
  return out;
}
