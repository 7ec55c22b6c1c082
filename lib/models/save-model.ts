/**
 * A model as a Hugging Face folder.
 *
 * A piece of one weight is in memory at a time. What is loaded again computes the same bits, in f32 and in int8.
 */

import { configFromGraph } from '../architectures/index.js';
import { equalizersOf } from '../compress/equalize.js';
import { activationBitsOf, isQuantized } from '../compress/quantize.js';
import { SinterError, typeMistake } from '../core/errors.js';
import { parseJsonObject } from '../core/json.js';
import type { NativeProgram } from '../core/native.js';
import { readOptions } from '../core/options.js';
import { isSame } from '../files/index.js';
import { f32ToF16 } from '../formats/float16.js';
import { type HfFolderContent, TRAINING_FILE, writeHfFolder } from '../formats/hf-folder.js';
import { DEFAULT_METADATA, type TensorToWrite } from '../formats/safetensors-writer.js';
import type { WeightSpec } from '../graph/types.js';
import { outputWidth } from './forward.js';
import { bytesOf, type ModelParts, rowPieces } from './model-parts.js';
import { scaleName, withQuantizationConfig } from './quantized-folder.js';
import { untrainedMark } from './untrained.js';

export interface SaveOptions {
  /** How f32 weights are stored. `f16` halves the file and rounds them; int8 weights stay what they are. */
  readonly dtype?: 'f32' | 'f16';
  /** Replace a model folder that is there; one with other files in it is refused. Default: false. */
  readonly overwrite?: boolean;
}

/** The largest number that f16 has; beyond it is infinity. */
const MAX_F16 = 65504;

export async function saveModel(
  parts: ModelParts,
  program: NativeProgram,
  path: string,
  options: SaveOptions,
): Promise<void> {
  if (typeof path !== 'string') throw typeMistake('save: path', 'a string', path);
  const read = readOptions('save', options, { dtype: true, overwrite: true });
  const dtype = read.choice('dtype', 'f32', ['f32', 'f16']);
  const overwrite = read.boolean('overwrite', false);
  const content = folderContent(parts, program, dtype);
  const config = isQuantized(parts.graph)
    ? withQuantizationConfig(content.config, activationBitsOf(parts.graph) ?? 8)
    : content.config;
  await writeHfFolder(
    path,
    { ...content, config },
    { overwrite, ...(await inputsOf(parts, path)) },
  );
}

/** What the model was loaded from may be replaced by the model itself; a folder around it may not. */
export async function inputsOf(
  { path: source }: ModelParts,
  path: string,
): Promise<{ inputs: string[] }> {
  return { inputs: (await isSame(source, path)) ? [] : [source] };
}

/** config.json, weights and further files of the model's folder. */
export function folderContent(
  parts: ModelParts,
  program: NativeProgram,
  dtype: 'f32' | 'f16',
): HfFolderContent {
  const { graph, head, config, sentence } = parts;
  const equalizers = equalizersOf(graph);
  const content = {
    config: configFromGraph(graph, config, head),
    weights: graph.weights.flatMap((weight) =>
      // An equalizer belongs to int8 weights, which stay what they are.
      tensorsToWrite(program, weight, equalizers.has(weight.name) ? 'f32' : dtype),
    ),
    metadata: { ...DEFAULT_METADATA, ...untrainedMark(parts) },
    files: filesOf(parts),
  };
  const written =
    sentence !== null && (sentence.kind === 'cross-encoder' || sentence.pooling !== null);
  if (!written) return content;
  const settings = { ...sentence, maxTokens: graph.maxTokens };
  return { ...content, sentence: { settings, width: outputWidth(graph, 'hidden') } };
}

const TOKENIZER_CONFIG = 'tokenizer_config.json';

/**
 * The tokenizer's files, and the record of a training. The length limit of a model with a head is said where Python's
 * tokenizers look for it: evaluated elsewhere, or loaded again, its texts are cut where they were.
 */
function filesOf({ graph, head, tokenizer, training }: ModelParts): ReadonlyMap<string, string> {
  const files = new Map(tokenizer.files);
  const text = files.get(TOKENIZER_CONFIG);
  if (head.task !== 'embedding') {
    const config = text === undefined ? {} : parseJsonObject(text, TOKENIZER_CONFIG);
    const limited = { ...config, model_max_length: graph.maxTokens };
    files.set(TOKENIZER_CONFIG, `${JSON.stringify(limited, null, 2)}\n`);
  }
  if (training !== null) files.set(TRAINING_FILE, `${JSON.stringify(training, null, 2)}\n`);
  return files;
}

function tensorsToWrite(
  program: NativeProgram,
  { name, shape, dtype }: WeightSpec,
  as: 'f32' | 'f16',
): TensorToWrite[] {
  const pieces = function* (read: (begin: number, end: number) => ArrayBufferView) {
    for (const [begin, end] of rowPieces(shape)) yield bytesOf(read(begin, end));
  };
  if (dtype === 's8') {
    const codes = (begin: number, end: number) => program.readQuantized(name, begin, end).data;
    const scales = (begin: number, end: number) => program.readQuantized(name, begin, end).scales;
    return [
      { name, shape, dtype: 'I8', data: () => pieces(codes) },
      { name: scaleName(name), shape: shape.slice(0, 1), dtype: 'F32', data: () => pieces(scales) },
    ];
  }
  const floats = (begin: number, end: number) => program.readWeight(name, begin, end);
  if (as === 'f32') return [{ name, shape, dtype: 'F32', data: () => pieces(floats) }];
  const narrow = (begin: number, end: number) => halves(name, floats(begin, end));
  return [{ name, shape, dtype: 'F16', data: () => pieces(narrow) }];
}

function halves(name: string, values: Float32Array): Uint16Array {
  const large = values.find((value) => Math.abs(value) > MAX_F16);
  if (large === undefined) return f32ToF16(values);
  throw new SinterError(
    'INVALID_DATA',
    `save: weight ${name} has ${large}, too large for f16; save it with dtype "f32"`,
  );
}
