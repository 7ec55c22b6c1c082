/**
 * Measures on texts the ranges of the activations that int8 products read, for static int8 files.
 *
 * The model runs on the texts in a program that has every product's input as an output. The range of an input leaves out a few
 * outliers, unless the method is `min-max`: they saturate, because they would make the steps coarse for all.
 */

import { setImmediate } from 'node:timers/promises';
import { calibrationRange } from '../compress/calibration/calibration-range.js';
import { ValueHistogram } from '../compress/calibration/value-histogram.js';
import { rangeMistake, throwIfAborted, typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { inTurns, type Steps, Turn } from '../core/turns.js';
import { ActivationHistogram } from '../formats/onnx/activation-histogram.js';
import type { Range } from '../formats/onnx/ranges.js';
import { integerWeights } from '../graph/rewrite/quantize.js';
import type { EncoderGraph, LinearNode } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import type { NativeProgram } from '../native/program.js';
import { offeringValues, runOutputs, textBatches } from '../runtime/activations.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { programOver } from '../runtime/program.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';

/** Names of the methods that choose the range of an activation. */
export const CALIBRATION_METHODS = ['min-max', 'percentile', 'entropy', 'mse'] as const;

export type CalibrationMethod = (typeof CALIBRATION_METHODS)[number];

/** Texts from which the ranges of static int8 are measured. */
export interface CalibrationOptions {
  /** Texts like those that the model will see. A hundred are enough; beyond a thousand nothing changes. */
  readonly texts: readonly TextInput[];
  /**
   * How the range of an activation follows from its numbers. `percentile` (default) leaves out the farthest of them, `min-max`
   * none; `entropy` takes the range whose quantized histogram has the smallest Kullback-Leibler divergence (ONNX Runtime's
   * scheme for `uint8` codes, TensorRT's for `int8`), `mse` the one with the smallest mean square error.
   */
  readonly method?: CalibrationMethod;
  /** For `percentile`: share of the numbers of an activation that its range keeps, above 50, at most 100 (all). Default: 99.99. */
  readonly percentile?: number;
  /** Activations as u8 with a zero point (default), or symmetric s8, which some accelerators want. */
  readonly codes?: 'uint8' | 'int8';
}

export interface CheckedCalibration {
  readonly texts: readonly TextInput[];
  readonly method: CalibrationMethod;
  readonly percentile: number;
  readonly codes: 'uint8' | 'int8';
}

/** Throws TypeError or RangeError for options of a wrong type or out of range. */
export function checkCalibration(where: string, options: CalibrationOptions): CheckedCalibration {
  const known = { texts: true, method: true, percentile: true, codes: true } as const;
  const read = readOptions(where, options, known);
  const { texts } = options;
  if (!Array.isArray(texts)) throw typeMistake(`${where}: texts`, 'an array of texts', texts);
  if (texts.length === 0) throw rangeMistake(`${where}: texts`, 'one text or more', texts);
  const inRange = (value: number): boolean => value > 50 && value <= 100;
  const method = read.choice('method', 'percentile', CALIBRATION_METHODS);
  if (method !== 'percentile' && options.percentile !== undefined) {
    throw rangeMistake(`${where}: percentile`, `left out for ${method}`, options.percentile);
  }
  const percentile = read.number('percentile', 99.99, 'above 50, at most 100', inRange);
  return { texts, method, percentile, codes: read.choice('codes', 'uint8', ['uint8', 'int8']) };
}

/**
 * Measures the input of every linear node with s8 weights, after the node's equalizer. Returns the ranges by the node's
 * output.
 */
export async function calibrateModel(
  where: string,
  { graph, tokenizer }: ModelParts,
  program: NativeProgram,
  calibration: CheckedCalibration,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, Range>> {
  const nodes = quantizedNodes(graph);
  const offering = offeringValues(
    graph,
    nodes.map(({ input }) => input),
  );
  const copy = await programOver(offering, program.store, { trainable: false, where, signal });
  const equalizers = new Map(
    nodes.flatMap(({ equalizer }) =>
      equalizer === undefined ? [] : [[equalizer, program.store.readWeight(equalizer)] as const],
    ),
  );
  const { texts } = calibration;
  const meters = new Map(nodes.map((node) => [node.output, rangeMeter(calibration)]));
  try {
    const reading = { where, tokenizer, graphs: [offering], signal };
    for await (const batch of textBatches(texts, reading)) {
      const values = await runOutputs(reading, offering, copy, batch);
      const turn = new Turn();
      await turn.end();
      for (const { input, output, equalizer } of nodes) {
        const factors = equalizer === undefined ? null : (equalizers.get(equalizer) ?? null);
        const meter = meters.get(output) ?? rangeMeter(calibration);
        await inTurns(meter.add(values.get(input) ?? new Float32Array(), factors), turn);
      }
    }
  } finally {
    copy.dispose();
  }
  await setImmediate();
  const ranges = new Map<string, Range>();
  const turn = new Turn();
  for (const [output, meter] of meters) {
    throwIfAborted(signal, where);
    ranges.set(output, await inTurns(meter.range(), turn));
  }
  return ranges;
}

/** Counts the numbers of an activation, and gives the range that follows from them. */
interface RangeMeter {
  add(values: Float32Array, factors: Float32Array | null): Steps<void>;
  range(): Steps<Range>;
}

/** Percentiles want bins that are as fine for small magnitudes as for large ones; shapes want bins of one width. */
function rangeMeter({ method, percentile, codes }: CheckedCalibration): RangeMeter {
  if (method === 'entropy' || method === 'mse') {
    const histogram = new ValueHistogram();
    return {
      add: (values, factors) => histogram.add(values, factors),
      range: () => calibrationRange(histogram, method, codes),
    };
  }
  const histogram = new ActivationHistogram();
  const kept = method === 'min-max' ? 100 : percentile;
  return {
    add: (values, factors) => histogram.add(values, factors),
    *range() {
      yield;
      return histogram.range(kept);
    },
  };
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
