/**
 * An ONNX file as a model folder: the same tensors, config and settings that a Hugging Face folder would have, so that loading,
 * training and saving know no difference.
 *
 * Weights are converted one at a time when they are read; int8 ones keep the file's own integers.
 */

import { basename, dirname, join } from 'node:path';
import { firstPositionOf } from '../architectures/first-position.js';
import { quantizableWeights } from '../compress/quantize.js';
import { SinterError } from '../core/errors.js';
import { FileStamps } from '../core/files.js';
import {
  checkStamps,
  fileExists,
  type JsonObject,
  readJsonObject,
  stampSmallFiles,
} from '../core/json.js';
import { type HfFolder, readTraining } from '../formats/hf-folder.js';
import {
  importOnnx,
  int8Operands,
  type OnnxImport,
  type WeightReader,
  type WeightSource,
} from '../formats/onnx/import/index.js';
import { readSentenceFiles } from '../formats/sentence-files.js';
import { readModelMaxLength } from '../formats/sentence-text.js';
import { type StoredTensor, type TensorSource, WeightFiles } from '../formats/weight-files.js';
import type { SentenceSettings } from '../graph/checkpoint.js';
import { PLAIN_SENTENCE } from '../graph/sentence.js';
import { tablesOf } from '../graph/tables.js';
import type { EncoderGraph } from '../graph/types.js';
import { type NamedOnnx, nameOnnx } from './onnx-names.js';
import { scaleName, withQuantizationConfig } from './quantized-folder.js';

export interface OnnxFolder extends HfFolder {
  readonly imported: OnnxImport;
  readonly named: NamedOnnx;
  /** Whether tokenizer files lie beside it. */
  readonly hasTokenizer: boolean;
  /** Names of the weights that stay int8. */
  readonly quantized: ReadonlySet<string>;
}

export interface OnnxSettings {
  /** Quantized weights as f32: for fine-tuning. */
  readonly widen: boolean;
  /** Where positions begin, for a file that is fed them. Default: as the family in config.json has it. */
  readonly firstPosition?: number | undefined;
}

/** Imports `file`. Throws CORRUPT_MODEL or UNSUPPORTED_MODEL as `importOnnx` does. */
export async function readOnnxFolder(
  file: string,
  { widen, firstPosition }: OnnxSettings,
): Promise<OnnxFolder> {
  const folders = [dirname(file)];
  if (basename(dirname(file)) === 'onnx') folders.push(dirname(dirname(file)));
  // Each read of the file itself, and of external data, compares it with what it was when it was parsed.
  const stamps = [await FileStamps.take([file]), await stampSmallFiles(...folders)];
  const base = await firstConfig(folders);
  const imported = await importOnnx(file, {
    firstPosition: firstPosition ?? firstPositionOf(base),
  });
  const named = nameOnnx(imported, base);
  const files = await firstSentence(folders);
  const quantized = widen ? new Set<string>() : int8Weights(imported, named);
  const source = new OnnxTensors(file, named, imported, quantized);
  const { config, sentence } = named;
  const tokenizer = await tokenizerFolder(folders);
  return {
    path: file,
    config: quantized.size > 0 ? withQuantizationConfig(config, 8) : config,
    tensors: source.tensors,
    weights: new WeightFiles([{ prefix: '', source }]),
    tokenizerPath: tokenizer ?? dirname(file),
    hasTokenizer: tokenizer !== null,
    sentence: mergeSentence(sentence, files),
    modelMaxLength: tokenizer === null ? null : await readModelMaxLength(tokenizer),
    training: await firstTraining(folders),
    checkUnchanged: async () => {
      for (const one of stamps) await checkStamps(one);
    },
    close: async () => {},
    imported,
    named,
    quantized,
  };
}

async function firstConfig(folders: readonly string[]): Promise<JsonObject> {
  for (const folder of folders) {
    const file = join(folder, 'config.json');
    if (await fileExists(file)) return readJsonObject(file);
  }
  return {};
}

async function firstSentence(folders: readonly string[]): Promise<SentenceSettings | null> {
  for (const folder of folders) {
    const files = await readSentenceFiles(folder);
    if (files !== null) return files.settings;
  }
  return null;
}

async function firstTraining(folders: readonly string[]): Promise<JsonObject | null> {
  for (const folder of folders) {
    const found = await readTraining(folder);
    if (found !== null) return found;
  }
  return null;
}

async function tokenizerFolder(folders: readonly string[]): Promise<string | null> {
  for (const folder of folders) {
    for (const file of ['tokenizer.json', 'vocab.txt', 'vocab.json']) {
      if (await fileExists(join(folder, file))) return folder;
    }
  }
  return null;
}

/** What the file computes goes before what the files beside it say; modules with weights must be in it. */
function mergeSentence(
  own: NamedOnnx['sentence'],
  files: SentenceSettings | null,
): SentenceSettings | null {
  if (own !== null) return { ...(files ?? PLAIN_SENTENCE), ...own };
  if (files === null || files.modules.every(({ kind }) => kind === 'normalize')) return files;
  throw new SinterError(
    'UNSUPPORTED_MODEL',
    'modules.json names modules with weights, which the ONNX file does not have',
  );
}

/**
 * Weights that the file multiplies as int8 and that can stay so, all of a product or none; and its int8 tables. Products that
 * read floats or 16 bits in the file compute in floats here.
 */
export function int8Weights({ plain, weights }: OnnxImport, named: NamedOnnx): Set<string> {
  const { graph, sources } = named;
  const found = new Set<string>();
  // Weight-only files compute in floats: so does their import.
  if (plain.activations.size === 0) return found;
  const allowed = quantizableWeights(graph, { embeddings: true });
  const tables = tablesOf(graph);
  const operands = int8Operands(plain);
  for (const [name, source] of sources) {
    if (!allowed.has(name)) continue;
    if (!tables.has(name) && !piecesOf(source).every((piece) => operands.has(piece))) continue;
    if (weights.codes(source, tables.has(name)) !== null) found.add(name);
  }
  dropMixed(graph, found);
  return found;
}

/** The initializers that a weight is made of. */
function piecesOf(source: WeightSource): string[] {
  return source.kind === 'matrix' ? source.matrix.pieces.map((piece) => piece.source) : [];
}

function dropMixed(graph: EncoderGraph, found: Set<string>): void {
  for (let changed = true; changed; ) {
    changed = false;
    for (const node of graph.nodes) {
      if (node.op !== 'linear' || node.weights.every((name) => found.has(name))) continue;
      for (const name of node.weights) changed = found.delete(name) || changed;
    }
  }
}

/** The weights of a recovered graph as tensors of a file. */
class OnnxTensors implements TensorSource {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  private readonly sources: ReadonlyMap<string, WeightSource>;
  private readonly reader: WeightReader;
  private readonly quantized: ReadonlySet<string>;
  private readonly tables: ReadonlySet<string>;

  constructor(
    path: string,
    { sources, graph }: NamedOnnx,
    { weights, plain }: OnnxImport,
    quantized: ReadonlySet<string>,
  ) {
    this.path = path;
    this.sources = sources;
    this.tables = tablesOf(graph);
    this.reader = weights;
    this.metadata = Object.fromEntries(plain.source.metadata);
    this.quantized = quantized;
    const tensors = new Map<string, StoredTensor>();
    for (const [name, source] of sources) {
      const shape = shapeOf(source);
      tensors.set(name, { dtype: quantized.has(name) ? 'I8' : 'F32', shape });
      if (!quantized.has(name)) continue;
      tensors.set(scaleName(name), { dtype: 'F32', shape: shape.slice(0, 1) });
    }
    this.tensors = tensors;
  }

  async *readChunks(name: string, maxBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
    const bytes = this.bytesOf(name);
    const step = maxBytes - (maxBytes % 8);
    for (let begin = 0; begin < bytes.length; begin += step) {
      yield bytes.subarray(begin, begin + step);
    }
  }

  async readFloats(name: string): Promise<Float32Array> {
    const source = this.sources.get(name);
    if (source !== undefined) return this.reader.floats(source);
    const weight = [...this.quantized].find((other) => scaleName(other) === name);
    const found = weight === undefined ? undefined : this.sources.get(weight);
    const codes = found && this.reader.codes(found, this.tables.has(weight ?? ''));
    if (codes) return codes.scales;
    throw new SinterError('INTERNAL', `${this.path}: no tensor ${name}`);
  }

  async checkUnchanged(): Promise<void> {}

  async close(): Promise<void> {}

  private bytesOf(name: string): Uint8Array {
    const source = this.sources.get(name);
    if (source === undefined) throw new SinterError('INTERNAL', `${this.path}: no tensor ${name}`);
    const values = this.quantized.has(name)
      ? this.reader.codes(source, this.tables.has(name))?.codes
      : this.reader.floats(source);
    if (values === undefined) throw new SinterError('INTERNAL', `${name} is not int8`);
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  }
}

function shapeOf(source: WeightSource): readonly number[] {
  if (source.kind === 'vector') return [source.vector.values.length];
  return [source.matrix.rows, source.matrix.columns];
}
