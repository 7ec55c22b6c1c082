/**
 * What each product costs in int8: the model with this product alone as s8, compared with the f32 model on texts.
 *
 * Products are measured, not estimated: one program each, over weights that all share. Memory is that of the model in f32 and
 * int8, and of one model's outputs on the texts.
 */

import { SinterError } from '../core/errors.js';
import { inTurns, type Steps, Turn } from '../core/turns.js';
import { columnMagnitudes } from '../graph/rewrite/equalize.js';
import type { QuantizableProduct } from '../graph/rewrite/products.js';
import type { EncoderGraph, GraphNode } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import type { NativeProgram } from '../native/program.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { disposeProgram } from '../runtime/program.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { macShares } from './mac-shares.js';
import type { DivergenceMeasure } from './output-divergence.js';
import { checkTexts, OutputProbe, type Piece, widthOf } from './output-probe.js';
import { PrecisionVariants } from './precision-variants.js';
import type { QuantizeOptions } from './quantize-model.js';

/** What int8 does to a model through one product. */
export interface ProductSensitivity {
  /** As `quantize({ exclude })` takes it. */
  readonly name: string;
  /** How far the outputs are from those of f32 if only this product is s8; 0: not at all. */
  readonly divergence: number;
  /** The caller's score of that model minus that of the f32 model; null without `score`. */
  readonly scoreChange: number | null;
  /** Signal to quantization noise of the product's own output, in dB, on the first texts; Infinity without noise. */
  readonly sqnr: number;
  /**
   * Largest channel of its input divided by the median channel, each by its largest |x| on the first texts; null for the token
   * table. Large ratios are what 8 bits lose most by.
   */
  readonly outlierRatio: number | null;
  /** Whether its input is equalized before it is quantized. */
  readonly equalized: boolean;
  /** Share of all multiplications of the model on these texts, about its share of the time. */
  readonly macShare: number;
}

/** The sensitivities of a model. */
export interface Sensitivity {
  /** What `divergence` is. */
  readonly measure: DivergenceMeasure;
  readonly texts: number;
  readonly tokens: number;
  /** Divergence if all of them are s8. */
  readonly divergence: number;
  /** The caller's score of the f32 model, and of the int8 model minus this; null without `score`. */
  readonly score: number | null;
  readonly scoreChange: number | null;
  /** In the order of the graph. */
  readonly products: readonly ProductSensitivity[];
}

/** Options of a measurement of sensitivities. */
export interface SensitivityOptions<M> extends Omit<QuantizeOptions, 'signal'> {
  /** A score of a model, larger is better, such as the accuracy on held-out rows. It may not keep or dispose of the model. */
  readonly score?: (model: M) => number | Promise<number>;
  /** Called after each product with the number of those that are done. */
  readonly onProgress?: (progress: { readonly done: number; readonly products: number }) => void;
  /** Ends the call with CANCELLED. */
  readonly signal?: AbortSignal;
}

/** Texts on which the values inside of the model are looked at. */
const INNER_TEXTS = 32;

/** Measures every product; `program` is the f32 program of the parts. */
export async function productSensitivities(
  where: string,
  parts: ModelParts,
  program: NativeProgram,
  texts: readonly TextInput[],
  { score, onProgress, signal, ...options }: SensitivityOptions<ModelParts>,
): Promise<Sensitivity> {
  checkTexts(where, texts);
  const quantize = { ...options, ...(signal && { signal }) };
  const variants = await PrecisionVariants.of(where, parts, program, quantize);
  try {
    const { products } = variants;
    const probe = await OutputProbe.of(where, parts, program, texts, signal);
    const names = products.map(({ name }) => name);
    const shares = macShares(parts.graph, products, probe.lengths);
    const base = score === undefined ? null : await score(parts);
    const whole = await measured(variants, probe, new Set(), score);
    const found: ProductSensitivity[] = [];
    for (const [i, product] of products.entries()) {
      const others = new Set(names.filter((name) => name !== product.name));
      const own = await measured(variants, probe, others, score);
      const inside = await innerNumbers(variants, probe, product, others);
      found.push({
        name: product.name,
        divergence: own.divergence,
        scoreChange: change(own.score, base),
        ...inside,
        macShare: shares[i] ?? 0,
      });
      onProgress?.({ done: i + 1, products: products.length });
    }
    return {
      measure: probe.measure,
      texts: texts.length,
      tokens: probe.tokens,
      divergence: whole.divergence,
      score: base,
      scoreChange: change(whole.score, base),
      products: found,
    };
  } finally {
    await variants.dispose();
  }
}

const change = (score: number | null, base: number | null): number | null =>
  score === null || base === null ? null : score - base;

/** The divergence of the model in which these products are f32, and its score. */
async function measured(
  variants: PrecisionVariants,
  probe: OutputProbe,
  kept: ReadonlySet<string>,
  score: ((model: ModelParts) => number | Promise<number>) | undefined,
): Promise<{ readonly divergence: number; readonly score: number | null }> {
  const parts = await variants.parts(kept);
  try {
    const divergence = await parts.program.use('sensitivity', (program) =>
      probe.divergence(parts.graph, program),
    );
    return { divergence, score: score === undefined ? null : await score(parts) };
  } finally {
    await parts.program.retire();
  }
}

/** Values of the graph where a product is looked at: what it reads and what it gives. */
interface Tapped {
  readonly input: string | null;
  readonly output: string;
  readonly equalized: boolean;
}

/** The first node over tokens that reads the product's weights: what it reads is the same in both models. */
function tapOf(graph: EncoderGraph, { name: product, weights }: QuantizableProduct): Tapped {
  const shapes = validateGraph(graph);
  const names = new Set(weights);
  const reads = (node: GraphNode) =>
    node.op === 'linear'
      ? node.weights.some((name) => names.has(name))
      : node.op === 'embedding' && node.tables.some(({ weight }) => names.has(weight));
  const node = graph.nodes.find((one) => reads(one) && shapes.get(one.output)?.kind === 'token');
  if (node === undefined) throw new SinterError('INTERNAL', `no value of tokens reads ${product}`);
  const { output } = node;
  if (node.op !== 'linear') return { input: null, output, equalized: false };
  return { input: node.input, output, equalized: node.equalizer !== undefined };
}

/** Noise of the product's output and channels of its input. */
async function innerNumbers(
  variants: PrecisionVariants,
  probe: OutputProbe,
  product: QuantizableProduct,
  others: ReadonlySet<string>,
): Promise<Pick<ProductSensitivity, 'sqnr' | 'outlierRatio' | 'equalized'>> {
  const tap = tapOf(variants.graph(others), product);
  const { input, output, equalized } = tap;
  const values = input === null ? [output] : [output, input];
  const graphs = [others, new Set([...others, product.name])].map((kept) =>
    variants.graph(kept, values),
  );
  const [coded, plain] = graphs as [EncoderGraph, EncoderGraph];
  const largest = new Float32Array(input === null ? 0 : widthOf(plain, input));
  const noise: Noise = { signal: 0, error: 0 };
  const programs: NativeProgram[] = [];
  try {
    for (const graph of graphs) programs.push(await variants.programOf(graph));
    const [own, exact] = programs as [NativeProgram, NativeProgram];
    const theirs = probe.runs(coded, own, values, INNER_TEXTS);
    for await (const piece of probe.runs(plain, exact, values, INNER_TEXTS)) {
      const other = (await theirs.next()).value as Piece;
      const turn = new Turn();
      await turn.end();
      const [wanted, read] = piece.values as [Float32Array, Float32Array | undefined];
      await inTurns(addNoise(wanted, other.values[0] as Float32Array, noise), turn);
      if (read !== undefined) await inTurns(columnMagnitudes(read, largest), turn);
    }
  } finally {
    for (const program of programs) disposeProgram(program);
  }
  return {
    sqnr: 10 * Math.log10(noise.signal / noise.error),
    outlierRatio: input === null ? null : outlierRatio(largest),
    equalized,
  };
}

interface Noise {
  signal: number;
  error: number;
}

/** Numbers looked at before others may have their turn. */
const PER_STEP = 1 << 14;

function* addNoise(wanted: Float32Array, got: Float32Array, noise: Noise): Steps<void> {
  for (let begin = 0; begin < wanted.length; begin += PER_STEP) {
    const end = Math.min(wanted.length, begin + PER_STEP);
    for (let i = begin; i < end; i++) {
      const value = wanted[i] ?? 0;
      noise.signal += value * value;
      noise.error += (value - (got[i] ?? 0)) ** 2;
    }
    yield;
  }
}

/** Largest by median; Infinity if half of the channels are 0. */
function outlierRatio(channels: Float32Array): number {
  const sorted = channels.toSorted();
  return (sorted.at(-1) ?? 0) / (sorted[sorted.length >> 1] ?? 0);
}
