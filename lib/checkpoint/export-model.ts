/**
 * Writes a model as an ONNX file: chooses precision and outputs, and passes the weights on one at a time.
 */

import { stat } from 'node:fs/promises';
import { quantizeModel } from '../compress/quantize-model.js';
import { rangeMistake, SinterError, typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { packageVersion } from '../core/package-files.js';
import { importInTurns } from '../core/turns.js';
import type { FileToWrite } from '../files/index.js';
import {
  type BlockOptions,
  ONNX_PRECISIONS,
  type OnnxOptions,
  type OnnxPrecision,
} from '../formats/onnx/onnx-options.js';
import { OPSETS, type Opset } from '../formats/onnx/opsets.js';
import type { WeightSource } from '../formats/onnx/weights.js';
import { classifierSettings } from '../graph/classifier-settings.js';
import { integerWeights } from '../graph/rewrite/quantize.js';
import type { EncoderGraph, OutputName, WeightDtype } from '../graph/types.js';
import type { NativeProgram } from '../native/program.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { readWhole } from '../runtime/program.js';
import { tokenizerBeside } from './beside-export.js';
import { type CalibrationOptions, calibrateModel, checkCalibration } from './calibrate.js';
import { untrainedMark } from './untrained.js';

/** Form of an ONNX file. */
export interface OnnxExportOptions {
  /**
   * ONNX operator set, 14 to 21. 17 (default) is read by every runtime since mid-2022; 20 has GELU as one operator;
   * `int4-weights` in standard operators need 21, their default.
   */
  readonly opset?: Opset;
  /**
   * Default: `int8` for a quantized model, `f32` for others. `f16` computes in f16; operations that sum many numbers
   * (pooling, normalisation) stay f32. `int8` is dynamic int8 as this package computes it, `int8-static` has ranges measured
   * on texts (`calibration`); both quantize a model that is not quantized. `int8-weights` and `int4-weights` only store the
   * weights of products in few bits.
   */
  readonly precision?: OnnxPrecision;
  /**
   * How the weights of int8 products are stored. `uint8` (default of `int8`) gives the same result on every CPU; `int8`
   * (default of `int8-static`) is faster where the CPU has VNNI, and wrong in ONNX Runtime where it has not, unless
   * activations have 7 bits.
   */
  readonly weights?: 'uint8' | 'int8';
  /**
   * For `int8`: range of the quantized activations. `token` (default) has a range per token, as this package computes it.
   * `tensor` has one range for the whole batch: faster in ONNX Runtime and less exact. It always has 8 bits, so a model with
   * 7-bit activations refuses it.
   */
  readonly activations?: 'token' | 'tensor';
  /** For `int8-static`, which needs it. */
  readonly calibration?: CalibrationOptions;
  /** For `int8-weights` and `int4-weights`. */
  readonly blocks?: BlockOptions;
  /** For `f16`: type of the outputs. Default: `f32`. */
  readonly outputType?: 'f32' | 'f16';
  /** Whether weights go to a second file, `<name>_data` beside the model. Default: only above 2 GB. */
  readonly externalData?: boolean;
  /** Ends the export with CANCELLED; nothing is written then. */
  readonly signal?: AbortSignal;
}

const KNOWN = {
  opset: true,
  precision: true,
  weights: true,
  activations: true,
  calibration: true,
  blocks: true,
  outputType: true,
  externalData: true,
  signal: true,
} as const;

const WHERE = 'exportOnnx';

/** The imports of the first export of a process. */
let writing: Promise<void> | undefined;

/** Options of `exportOnnx`. */
export interface OnnxFileOptions extends OnnxExportOptions {
  /**
   * Whether to replace an existing file, and another model's tokenizer in its folder. Default: false, both are a RangeError.
   */
  readonly overwrite?: boolean;
}

/**
 * As `exportModelOnnx`, with the tokenizer's files beside it; replaces an existing file, or another tokenizer, only with
 * `overwrite`.
 */
export async function exportOnnxFile(
  parts: ModelParts,
  program: NativeProgram,
  path: string,
  options: OnnxFileOptions,
): Promise<void> {
  if (typeof path !== 'string') throw typeMistake(`${WHERE}: path`, 'a string', path);
  const read = readOptions<OnnxFileOptions>(WHERE, options, { ...KNOWN, overwrite: true });
  const overwrite = read.boolean('overwrite', false);
  const { overwrite: _, ...own } = options;
  const names = own.externalData === true ? [path, `${path}_data`] : [path];
  for (const name of overwrite ? [] : names) {
    const stats = await stat(name).catch(() => null);
    if (stats?.isFile()) {
      throw rangeMistake(`${WHERE}: path`, 'a new file (or pass overwrite: true)', name);
    }
  }
  const beside = await tokenizerBeside(WHERE, path, parts, overwrite);
  await exportModelOnnx(parts, program, path, own, beside);
}

/** Writes the file, and those `beside` it, all or none. */
export async function exportModelOnnx(
  parts: ModelParts,
  program: NativeProgram,
  path: string,
  options: OnnxExportOptions,
  beside: readonly FileToWrite[] = [],
): Promise<void> {
  if (typeof path !== 'string') throw typeMistake(`${WHERE}: path`, 'a string', path);
  const { precision, signal, calibration, ...rest } = readExportOptions(parts, options);
  // Imported here, because only exports need its many modules.
  writing ??= importInTurns([
    () => import('../formats/onnx/lowering.js'),
    () => import('../formats/onnx/lower-blocks.js'),
    () => import('../formats/onnx/export-graph.js'),
  ]);
  await writing;
  const { writeOnnx } = await import('../formats/onnx/write-onnx.js');
  const write = async (of: ModelParts, from: NativeProgram, more: Partial<OnnxOptions> = {}) =>
    writeOnnx(
      path,
      of.graph,
      weightsOf(of.graph, from),
      { ...rest, ...more, precision, ...outputsOf(of), producerVersion: packageVersion() },
      beside,
    );
  if (precision !== 'int8' && precision !== 'int8-static') return write(parts, program);
  await withQuantized(parts, program, signal, async (of, from) => {
    if (calibration === null) return write(of, from);
    const ranges = await calibrateModel(WHERE, of, from, calibration, signal);
    return write(of, from, { ranges, codes: calibration.codes });
  });
}

function readExportOptions(parts: ModelParts, options: OnnxExportOptions) {
  const read = readOptions(WHERE, options, KNOWN);
  const quantized = integerWeights(parts.graph).size > 0;
  const precision = read.choice('precision', quantized ? 'int8' : 'f32', ONNX_PRECISIONS);
  const given = {
    opset: read.choice('opset', undefined, OPSETS),
    weights: read.choice('weights', undefined, ['uint8', 'int8'] as const),
    activations: read.choice('activations', undefined, ['token', 'tensor'] as const),
    outputType: read.choice('outputType', undefined, ['f32', 'f16'] as const),
    externalData: read.boolean('externalData', undefined),
    blocks: options.blocks,
  };
  const { calibration } = options;
  const isStatic = precision === 'int8-static';
  if (isStatic && calibration === undefined) {
    throw typeMistake(`${WHERE}: calibration`, 'given for int8-static', calibration);
  }
  if (!isStatic && calibration !== undefined) {
    throw rangeMistake(`${WHERE}: calibration`, `left out for ${precision}`, calibration);
  }
  return {
    ...(Object.fromEntries(
      Object.entries(given).filter(([, value]) => value !== undefined),
    ) as Pick<OnnxOptions, keyof typeof given>),
    precision,
    signal: read.signal(),
    calibration:
      calibration === undefined ? null : checkCalibration(`${WHERE}: calibration`, calibration),
  };
}

/** Outputs of a file for the model's task, and its metadata. */
function outputsOf(parts: ModelParts): Pick<OnnxOptions, 'outputs' | 'spans' | 'metadata'> {
  const { graph, head } = parts;
  const { task, labels } = head;
  const wanted: OutputName[] = task === 'embedding' ? ['hidden', 'embedding'] : ['logits'];
  return {
    outputs: wanted.filter((name) => graph.outputs[name] !== undefined),
    spans: task === 'question-answering',
    metadata: {
      ...(labels === null ? {} : { labels: JSON.stringify(labels) }),
      ...thresholdsOf(parts),
      ...untrainedMark(parts),
    },
  };
}

/** Thresholds of labels, which a program that reads the logits has to apply; in the order of the labels. */
function thresholdsOf({ config, head, path }: ModelParts): Readonly<Record<string, string>> {
  const { labels, problem } = head;
  if (labels === null || problem !== 'multi_label_classification') return {};
  const { thresholds } = classifierSettings(config, labels.length, path);
  return thresholds === null ? {} : { thresholds: JSON.stringify(thresholds) };
}

function weightsOf(graph: EncoderGraph, { store }: NativeProgram): WeightSource {
  const specs = new Map(graph.weights.map((weight) => [weight.name, weight]));
  const read = async (name: string, dtype: WeightDtype) => {
    const weight = specs.get(name);
    if (weight === undefined) throw new SinterError('INTERNAL', `there is no weight ${name}`);
    return (await readWhole(WHERE, store, weight, dtype)).map(({ buffer }) => buffer);
  };
  return {
    f32: async (name) => {
      const [values] = (await read(name, 'f32')) as [ArrayBuffer];
      return new Float32Array(values);
    },
    s8: async (name) => {
      const [codes, scales] = (await read(name, 's8')) as [ArrayBuffer, ArrayBuffer];
      return { data: new Int8Array(codes), scales: new Float32Array(scales) };
    },
  };
}

/** Calls `work` with the model; one that is not quantized is quantized for the time of the call. */
async function withQuantized(
  parts: ModelParts,
  program: NativeProgram,
  signal: AbortSignal | undefined,
  work: (parts: ModelParts, program: NativeProgram) => Promise<void>,
): Promise<void> {
  if (integerWeights(parts.graph).size > 0) return work(parts, program);
  const quantized = await quantizeModel(parts, program, { ...(signal && { signal }) });
  try {
    await quantized.program.use(WHERE, (own) => work(quantized, own));
  } finally {
    await quantized.program.retire();
  }
}
