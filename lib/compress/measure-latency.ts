/**
 * Measures a latency table: the model itself, cut to a handful of shapes, runs on texts of the user's lengths, every shape once
 * a round, and a non-negative least squares fit gives what a layer, its heads and its neurons take.
 *
 * All shapes are in memory together. The time of a shape is the median over the rounds of its share of the round, times the
 * median round, so a machine that becomes slower changes nothing while it slows all shapes alike.
 */

import { rangeMistake, SinterError, throwIfAborted } from '../core/errors.js';
import { median } from '../core/median.js';
import { cutUnits } from '../graph/rewrite/cut-units.js';
import { equalizableNodes, withEqualizers } from '../graph/rewrite/equalize.js';
import { type LayerShape, layerShapes } from '../graph/rewrite/layer-shapes.js';
import { isQuantized, quantizableWeights, quantizeGraph } from '../graph/rewrite/quantize.js';
import type { UnitPart } from '../graph/rewrite/units.js';
import type { ActivationBits, EncoderGraph, OutputName } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import { runJob } from '../native/jobs.js';
import type { NativeProgram, NativeStore, OutputBuffer, TokenBatch } from '../native/program.js';
import { someTexts, TOKEN_BUDGET } from '../runtime/forward.js';
import { deriveProgram, disposeProgram } from '../runtime/program.js';
import { countedUnits, LatencyTable, sharesOf, thisMachine } from './latency-table.js';
import { nonNegativeLeastSquares } from './least-squares.js';

export interface LatencyOptions {
  readonly where: string;
  readonly signal?: AbortSignal | undefined;
  /** The output that runs compute. */
  readonly output: OutputName;
  /** A sample of the user's texts. A few thousand tokens are enough. */
  readonly batch: TokenBatch;
  /** Texts per call: 1 for the time of a lone text. Default: all. */
  readonly textsPerCall?: number;
  /** How long rounds are begun; at least three are run. Default: 10. */
  readonly seconds?: number;
  /** Measures the model as int8 with activation codes of so many bits. Left out: as it is. */
  readonly activationBits?: ActivationBits | undefined;
}

/** The least number of rounds that count; one more runs before them. */
const LEAST_ROUNDS = 3;
const DEFAULT_SECONDS = 10;

/** Measures a table for models cut from `graph`, whose weights are in `store`. */
export async function measureLatency(
  graph: EncoderGraph,
  store: NativeStore,
  options: LatencyOptions,
): Promise<LatencyTable> {
  const { batch, textsPerCall = batch.offsets.length - 1 } = options;
  if (isQuantized(graph)) {
    const what = 'the model is quantized: measure it before, with activationBits';
    throw new SinterError('UNSUPPORTED_MODEL', `${options.where}: ${what}`);
  }
  const shapes = layerShapes(graph);
  const curves = curvesOf(shapes);
  const wanted = measuredShapes(shapes, curves);
  const { times, rounds } = await timeShapes(graph, store, wanted, options);
  const found = fitted(wanted, times, curves);
  const lengths = Array.from(batch.offsets.subarray(1), (end, i) => end - (batch.offsets[i] ?? 0));
  const bits = options.activationBits;
  const arithmetic = bits === undefined ? 'f32' : bits === 8 ? 'int8' : 'int7';
  const machine = thisMachine();
  return new LatencyTable({
    format: 1,
    machine,
    arithmetic,
    lengths,
    textsPerCall,
    rounds,
    ...found,
  });
}

/** A model to time: each layer's shape, null where the layer is dropped. */
export type TimedShape = readonly (LayerShape | null)[];

/**
 * The median time of each shape, in milliseconds. Also what a bench compares predictions with. Throws RangeError where a shape
 * is wider than the graph.
 */
export async function timeShapes(
  graph: EncoderGraph,
  store: NativeStore,
  shapes: readonly TimedShape[],
  options: LatencyOptions,
): Promise<{ readonly times: readonly number[]; readonly rounds: number }> {
  const { where, signal, seconds = DEFAULT_SECONDS, textsPerCall = 1 } = options;
  if (!(seconds >= 0)) throw rangeMistake(`${where}: seconds`, 'a number from 0', seconds);
  if (!Number.isSafeInteger(textsPerCall) || textsPerCall < 1) {
    throw rangeMistake(`${where}: textsPerCall`, 'a whole number from 1', textsPerCall);
  }
  const programs: NativeProgram[] = [];
  try {
    for (const shape of shapes) {
      throwIfAborted(signal, where);
      programs.push(await cutProgram(graph, store, shape, options));
    }
    const calls = callsOf(graph, options);
    const rounds: number[][] = [];
    const begin = performance.now();
    while (rounds.length <= LEAST_ROUNDS || performance.now() - begin < seconds * 1000) {
      const round: number[] = new Array(programs.length).fill(0);
      const order = programs.map((_, i) => (rounds.length % 2 === 0 ? i : programs.length - 1 - i));
      for (const i of order) {
        round[i] = await timeOnce(programs[i] as NativeProgram, calls, options);
      }
      rounds.push(round);
    }
    // The first round finds cold caches.
    return { times: mediansOf(rounds.slice(1)), rounds: rounds.length - 1 };
  } finally {
    for (const program of programs) disposeProgram(program);
  }
}

interface Call {
  readonly batch: TokenBatch;
  readonly outputs: readonly OutputBuffer[];
}

function callsOf(graph: EncoderGraph, { batch, output, textsPerCall }: LatencyOptions): Call[] {
  const texts = batch.offsets.length - 1;
  const step = textsPerCall ?? texts;
  const shape = validateGraph(graph).get(graph.outputs[output] ?? '');
  const calls: Call[] = [];
  for (let begin = 0; begin < texts; begin += step) {
    const some = someTexts(batch, begin, Math.min(texts, begin + step));
    const rows = shape?.kind === 'token' ? some.ids.length : some.offsets.length - 1;
    const data = new Float32Array(rows * (shape?.width ?? 0));
    calls.push({ batch: some, outputs: [{ name: output, data }] });
  }
  return calls;
}

async function timeOnce(
  program: NativeProgram,
  calls: readonly Call[],
  { where, signal }: LatencyOptions,
): Promise<number> {
  const begin = performance.now();
  for (const { batch, outputs } of calls) {
    await runJob(where, signal, (jobId) =>
      program.run(batch, outputs, { jobId, tokenBudget: TOKEN_BUDGET }),
    );
  }
  return performance.now() - begin;
}

function mediansOf(rounds: readonly (readonly number[])[]): readonly number[] {
  const sums = rounds.map((round) => round.reduce((sum, ms) => sum + ms, 0));
  const middle = median(sums);
  const count = rounds[0]?.length ?? 0;
  return Array.from(
    { length: count },
    (_, i) => middle * median(rounds.map((round, r) => (round[i] ?? 0) / (sums[r] ?? 1))),
  );
}

/** A program of the graph cut to a shape: the first heads and neurons of each layer stay, as which ones does not matter. */
async function cutProgram(
  graph: EncoderGraph,
  store: NativeStore,
  shape: TimedShape,
  { where, signal, activationBits }: LatencyOptions,
): Promise<NativeProgram> {
  const own = layerShapes(graph);
  const beyond = (part: UnitPart) =>
    new Map(
      own.flatMap((layer, i) => {
        const kept = shape[i]?.[part] ?? layer[part];
        if (kept > layer[part]) {
          throw rangeMistake(`${where}: ${part} of layer ${i}`, `at most ${layer[part]}`, kept);
        }
        const removed = Array.from({ length: layer[part] - kept }, (_, unit) => kept + unit);
        return removed.length === 0 ? [] : [[i, removed] as const];
      }),
    );
  const layers = [...own.keys()].filter((layer) => shape[layer] === null);
  const cut = cutUnits(graph, { layers, heads: beyond('heads'), neurons: beyond('neurons') });
  const { graph: made, written } = asInt8(cut.graph, activationBits);
  return deriveProgram(
    made,
    store,
    { trainable: false, where, signal },
    { cuts: cut.cuts, written, nameOf: (name) => cut.sources.get(name) ?? name },
  );
}

/** The graph as `quantize` makes it, with equalizers of ones: their numbers do not change the time. */
function asInt8(graph: EncoderGraph, bits: ActivationBits | undefined) {
  const written = new Map<string, Float32Array>();
  if (bits === undefined || isQuantized(graph)) return { graph, written };
  const names = quantizableWeights(graph, { embeddings: true });
  const products = new Set(equalizableNodes(graph).map(({ output }) => output));
  const made = withEqualizers(quantizeGraph(graph, names, bits), products);
  const shapes = validateGraph(made);
  for (const node of made.nodes) {
    if (node.op !== 'linear' || node.equalizer === undefined) continue;
    written.set(node.equalizer, new Float32Array(shapes.get(node.input)?.width ?? 0).fill(1));
  }
  return { graph: made, written };
}

type Curves = ReadonlyMap<string, Readonly<Record<UnitPart, readonly number[]>>>;

/** The widths at which the functions of each kind of layer may bend. */
function curvesOf(shapes: readonly LayerShape[]): Curves {
  const kinds = new Set(shapes.map(({ kind }) => kind));
  return new Map(
    [...kinds].map((kind) => {
      const own = shapes.filter((shape) => shape.kind === kind);
      const [heads, neurons] = [own.map((s) => s.heads), own.map((s) => s.neurons)];
      return [
        kind,
        {
          heads: knots(Math.max(...heads), 1, [0, 1 / 3, 2 / 3, 1]),
          neurons: knots(Math.max(...neurons), 32, [0, 1 / 4, 1 / 2, 3 / 4, 1]),
        },
      ];
    }),
  );
}

/** Multiples of `step` near these shares of `count`, at least one step, and `count` itself. */
function knots(count: number, step: number, shares: readonly number[]): readonly number[] {
  const rounded = shares.map((share) =>
    share === 1 ? count : Math.max(step, Math.round((share * count) / step) * step),
  );
  return [...new Set(rounded.map((width) => Math.min(width, count)))].sort((a, b) => a - b);
}

/**
 * The shapes to measure: the whole; for each kind of layer all its layers with fewer heads, or with fewer neurons; all layers
 * at middle and at their smallest widths; and these three with every second layer of a kind dropped.
 */
function measuredShapes(shapes: readonly LayerShape[], curves: Curves): readonly TimedShape[] {
  type Limits = Partial<Record<UnitPart, (counts: readonly number[]) => number>>;
  const atMost = (kind: string | null, limits: Limits) =>
    shapes.map((shape) => {
      const own = curves.get(shape.kind);
      if (own === undefined || (kind !== null && shape.kind !== kind)) return shape;
      const width = (part: UnitPart) =>
        Math.min(shape[part], limits[part]?.(own[part]) ?? shape[part]);
      return { ...shape, heads: width('heads'), neurons: width('neurons') };
    });
  const middle = (counts: readonly number[]) => counts[counts.length >> 1] ?? 1;
  const least = (counts: readonly number[]) => counts[0] ?? 1;
  const wanted: TimedShape[] = [shapes];
  for (const [kind, { heads, neurons }] of curves) {
    for (const count of heads.slice(0, -1)) wanted.push(atMost(kind, { heads: () => count }));
    for (const count of neurons.slice(0, -1)) wanted.push(atMost(kind, { neurons: () => count }));
  }
  const both = [middle, least].map((limit) => atMost(null, { heads: limit, neurons: limit }));
  wanted.push(...both);
  for (const kind of curves.keys()) {
    const own = shapes.flatMap((shape, layer) => (shape.kind === kind ? [layer] : []));
    const dropped = new Set(own.filter((_, i) => i % 2 === 1));
    if (dropped.size === 0) continue;
    for (const whole of [shapes, ...both]) {
      wanted.push(whole.map((shape, layer) => (dropped.has(layer) ? null : shape)));
    }
  }
  return wanted;
}

/** The constant, the bases and the gains of the curves that fit the measured times best, by relative error. */
function fitted(shapes: readonly TimedShape[], times: readonly number[], curves: Curves) {
  const rows = shapes.map((shape) => [
    1,
    ...[...curves].flatMap(([kind, own]) => unknowns(shape, kind, own)),
  ]);
  const weights = times.map((ms) => 1 / ms);
  const x = nonNegativeLeastSquares(
    rows.map((row, i) => row.map((value) => value * (weights[i] ?? 0))),
    times.map((ms, i) => ms * (weights[i] ?? 0)),
  );
  let at = 1;
  const take = (count: number) => {
    at += count;
    return Array.from(x.subarray(at - count, at));
  };
  const kinds = [...curves].map(([kind, { heads, neurons }]) => {
    const [baseMs = 0] = take(1);
    const curve = (counts: readonly number[]) => ({ counts, ms: [0, ...take(counts.length - 1)] });
    return [kind, { baseMs, heads: curve(heads), neurons: curve(neurons) }] as const;
  });
  return { constantMs: x[0] ?? 0, kinds: Object.fromEntries(kinds) };
}

/** How often each unknown of a kind of layer counts in a shape: its base, and the pieces of its curves. */
function unknowns(
  shape: TimedShape,
  kind: string,
  curves: Readonly<Record<UnitPart, readonly number[]>>,
): readonly number[] {
  const own = shape.filter((layer) => layer?.kind === kind) as readonly LayerShape[];
  const pieces = (part: UnitPart) => {
    const sums = new Array<number>(curves[part].length - 1).fill(0);
    for (const layer of own) {
      for (const [i, share] of sharesOf(curves[part], countedUnits(part, layer[part])).entries()) {
        sums[i] = (sums[i] ?? 0) + share;
      }
    }
    return sums;
  };
  return [own.length, ...pieces('heads'), ...pieces('neurons')];
}
