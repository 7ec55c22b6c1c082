/**
 * Measures on texts the ranges of the activations that int8 products read, for static int8 files.
 *
 * The model runs on the texts in a program that has every product's input as an output. The range of an input keeps the share
 * `percentile` of its numbers; the rest saturates, because a few outliers would make the steps coarse for all.
 */

import { setImmediate } from 'node:timers/promises';
import { rangeMistake, throwIfAborted, typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { inTurns, Turn } from '../core/turns.js';
import { ActivationHistogram } from '../formats/onnx/activation-histogram.js';
import type { Range } from '../formats/onnx/ranges.js';
import { integerWeights } from '../graph/rewrite/quantize.js';
import type { EncoderGraph, LinearNode, OutputName } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import { runJob } from '../native/jobs.js';
import type { NativeProgram, OutputBuffer, TokenBatch } from '../native/native.js';
import { someTexts, TOKEN_BUDGET, trimSegments } from '../runtime/forward.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { programOver } from '../runtime/program.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';

/** Texts from which the ranges of static int8 are measured. */
export interface CalibrationOptions {
  /** Texts like those that the model will see. A hundred are enough; beyond a thousand nothing changes. */
  readonly texts: readonly TextInput[];
  /** Share of the numbers of an activation that its range keeps, above 50, at most 100 (all). Default: 99.99. */
  readonly percentile?: number;
  /** Activations as u8 with a zero point (default), or symmetric s8, which some accelerators want. */
  readonly codes?: 'uint8' | 'int8';
}

export interface CheckedCalibration {
  readonly texts: readonly TextInput[];
  readonly percentile: number;
  readonly codes: 'uint8' | 'int8';
}

/** Texts that are tokenized at once. */
const TEXTS_AT_ONCE = 16;
/** Activations of the texts that run at once, unless a single one has more: they are copied in one turn of the event loop. */
const FLOATS_AT_ONCE = 1 << 20;

/** Throws TypeError or RangeError for options of a wrong type or out of range. */
export function checkCalibration(where: string, options: CalibrationOptions): CheckedCalibration {
  const read = readOptions(where, options, { texts: true, percentile: true, codes: true });
  const { texts } = options;
  if (!Array.isArray(texts)) throw typeMistake(`${where}: texts`, 'an array of texts', texts);
  if (texts.length === 0) throw rangeMistake(`${where}: texts`, 'one text or more', texts);
  const inRange = (value: number): boolean => value > 50 && value <= 100;
  const percentile = read.number('percentile', 99.99, 'above 50, at most 100', inRange);
  return { texts, percentile, codes: read.choice('codes', 'uint8', ['uint8', 'int8']) };
}

/**
 * Measures the input of every linear node with s8 weights, after the node's equalizer. Returns the ranges by the node's
 * output.
 */
export async function calibrateModel(
  where: string,
  { graph, tokenizer }: ModelParts,
  program: NativeProgram,
  { texts, percentile }: CheckedCalibration,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, Range>> {
  const nodes = quantizedNodes(graph);
  const offering = withInputsOffered(graph, nodes);
  const copy = await programOver(offering, program.store, { trainable: false, where, signal });
  const equalizers = new Map(
    nodes.flatMap(({ equalizer }) =>
      equalizer === undefined ? [] : [[equalizer, program.store.readWeight(equalizer)] as const],
    ),
  );
  const histograms = new Map(nodes.map((node) => [node.output, new ActivationHistogram()]));
  try {
    for (let begin = 0; begin < texts.length; begin += TEXTS_AT_ONCE) {
      throwIfAborted(signal, where);
      const piece = texts.slice(begin, begin + TEXTS_AT_ONCE);
      const options = { maxTokens: graph.maxTokens, firstIndex: begin, signal, where };
      const encoded = await tokenizer.encode(piece, options);
      for (const batch of batchesOf(offering, trimSegments(graph, encoded))) {
        const values = await runBatch(where, offering, copy, batch, signal);
        const turn = new Turn();
        await turn.end();
        for (const { input, output, equalizer } of nodes) {
          const factors = equalizer === undefined ? null : (equalizers.get(equalizer) ?? null);
          const histogram = histograms.get(output) ?? new ActivationHistogram();
          await inTurns(histogram.add(values.get(input) ?? new Float32Array(), factors), turn);
        }
      }
    }
  } finally {
    copy.dispose();
  }
  await setImmediate();
  return new Map([...histograms].map(([output, found]) => [output, found.range(percentile)]));
}

/** Linear nodes with s8 weights whose input depends on the texts. */
function quantizedNodes(graph: EncoderGraph): readonly LinearNode[] {
  const shapes = validateGraph(graph);
  const integers = integerWeights(graph);
  return graph.nodes.filter(
    (node): node is LinearNode =>
      node.op === 'linear' &&
      shapes.get(node.input)?.kind !== 'table' &&
      node.weights.some((name) => integers.has(name)),
  );
}

function withInputsOffered(graph: EncoderGraph, nodes: readonly LinearNode[]): EncoderGraph {
  // The cast is safe, because only callers of the package are limited to the closed list of output names.
  const outputs = Object.fromEntries(nodes.map(({ input }) => [input as OutputName, input]));
  return { ...graph, outputs };
}

/** Some texts at a time, so many as have few activations. */
function* batchesOf(graph: EncoderGraph, batch: TokenBatch): Generator<TokenBatch> {
  const shapes = validateGraph(graph);
  const widths = Object.keys(graph.outputs).map((name) => shapes.get(name)?.width ?? 0);
  const most = FLOATS_AT_ONCE / widths.reduce((sum, width) => sum + width, 0);
  const { offsets } = batch;
  const tokens = (begin: number, end: number) => (offsets[end] ?? 0) - (offsets[begin] ?? 0);
  for (let begin = 0, end = 1; begin < offsets.length - 1; begin = end) {
    for (end = begin + 1; end < offsets.length - 1 && tokens(begin, end + 1) <= most; ) end++;
    yield someTexts(batch, begin, end);
  }
}

/** The wanted values of one batch. */
async function runBatch(
  where: string,
  graph: EncoderGraph,
  program: NativeProgram,
  batch: TokenBatch,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, Float32Array>> {
  const shapes = validateGraph(graph);
  const outputs: OutputBuffer[] = Object.keys(graph.outputs).map((name) => {
    const { kind, width } = shapes.get(name) ?? { kind: 'token', width: 0 };
    const rows = kind === 'sequence' ? batch.offsets.length - 1 : batch.ids.length;
    return { name, data: new Float32Array(rows * width) };
  });
  await runJob(where, signal, (jobId) =>
    program.run(batch, outputs, { jobId, tokenBudget: TOKEN_BUDGET }),
  );
  return new Map(outputs.map(({ name, data }) => [name, data]));
}
