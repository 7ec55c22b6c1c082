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
import { checkStamps, fileExists, type JsonObject, readJsonObject } from '../core/json.js';
import type { NativeProgram } from '../core/native.js';
import { type HfFolder, readTraining } from '../formats/hf-folder.js';
import {
  type ImportSettings,
  importOnnx,
  int8Operands,
  type OnnxImport,
  type WeightReader,
  type WeightSource,
} from '../formats/onnx/import/index.js';
import { readSentenceFiles } from '../formats/sentence-files.js';
import { readModelMaxLength } from '../formats/sentence-text.js';
import { stampSmallFiles } from '../formats/small-files.js';
import { type StoredTensor, type TensorSource, WeightFiles } from '../formats/weight-files.js';
import type { ModelHead, SentenceSettings } from '../graph/checkpoint.js';
import { PLAIN_SENTENCE } from '../graph/sentence.js';
import { tablesOf } from '../graph/tables.js';
import type { EncoderGraph, OutputName } from '../graph/types.js';
import { bytesOf } from './model-parts.js';
import type { OnnxContents } from './onnx-contents.js';
import { type NamedOnnx, nameOnnx } from './onnx-names.js';
import { type OnnxReport, reportOf } from './onnx-report.js';
import { scaleName, withQuantizationConfig } from './quantized-folder.js';
import type { Verification } from './verify-onnx.js';

/** What loading needs of an ONNX file, wherever it was imported. */
export interface OnnxFolder extends HfFolder {
  /** What the file's graph ends in. */
  readonly head: ModelHead;
  /** How long texts may be, and whether something in the graph says so. */
  readonly limits: OnnxContents['limits'];
  /** Whether tokenizer files lie beside it. */
  readonly hasTokenizer: boolean;
  readonly report: Omit<OnnxReport, 'verification'>;
  /** Of the file, as it says them. */
  readonly metadata: Readonly<Record<string, string>>;
  /** As `verifyOnnx`. */
  verify(
    graph: EncoderGraph,
    program: NativeProgram,
    replaced: readonly OutputName[],
  ): Promise<Verification>;
}

/** An ONNX file that was imported in this thread. */
export interface ImportedFolder extends OnnxFolder {
  readonly imported: OnnxImport;
  readonly named: NamedOnnx;
  /** Names of the weights that stay int8. */
  readonly quantized: ReadonlySet<string>;
  /** All bytes of a tensor, as memory of the caller's own. */
  readonly readOwned: (name: string) => Uint8Array<ArrayBuffer>;
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
): Promise<ImportedFolder> {
  const beside = await besideOnnx(file);
  const imported = await importOnnx(file, importSettings(beside, firstPosition));
  const named = nameOnnx(imported, beside.config);
  const contents = contentsOf(imported, named);
  const folder = folderOf(contents, imported, beside, widen);
  const verify: OnnxFolder['verify'] = async (graph, program, replaced) => {
    const { verifyOnnx } = await import('./verify-onnx.js');
    return verifyOnnx(imported, graph, program, replaced);
  };
  return { ...folder, verify, imported, named };
}

/** What the import depends on beside the file. */
export function importSettings(
  { config }: BesideOnnx,
  firstPosition: number | undefined,
): ImportSettings {
  return { firstPosition: firstPosition ?? firstPositionOf(config) };
}

/** What lies beside an ONNX file, or above its folder `onnx`. */
export type BesideOnnx = Pick<OnnxFolder, 'tokenizerPath' | 'hasTokenizer'> &
  Pick<HfFolder, 'config' | 'sentence' | 'modelMaxLength' | 'training' | 'checkUnchanged'>;

/** Read before the file itself: what changes from here on is noticed. */
export async function besideOnnx(file: string): Promise<BesideOnnx> {
  const folders = [dirname(file)];
  if (basename(dirname(file)) === 'onnx') folders.push(dirname(dirname(file)));
  // Each read of the file itself, and of external data, compares it with what it was when it was parsed.
  const stamps = [await FileStamps.take([file]), await stampSmallFiles(...folders)];
  const tokenizer = await tokenizerFolder(folders);
  return {
    config: await firstConfig(folders),
    sentence: await firstSentence(folders),
    tokenizerPath: tokenizer ?? dirname(file),
    hasTokenizer: tokenizer !== null,
    modelMaxLength: tokenizer === null ? null : await readModelMaxLength(tokenizer),
    training: await firstTraining(folders),
    checkUnchanged: async () => {
      for (const one of stamps) await checkStamps(one);
    },
  };
}

export function contentsOf(imported: OnnxImport, named: NamedOnnx): OnnxContents {
  const { config, head, sentence, sources, why } = named;
  const { recovered } = imported;
  const { maxTokens, bounded } = recovered;
  return {
    config,
    head,
    sentence,
    sources,
    tables: tablesOf(named.graph),
    int8: int8Weights(imported, named),
    limits: { maxTokens, bounded },
    found: {
      inputs: Object.fromEntries(recovered.inputs.roles),
      outputs: Object.fromEntries(recovered.found.map(({ file, name }) => [file, name])),
      ignored: recovered.unknown,
      notes: recovered.notes,
      why,
    },
  };
}

/** The file behind a folder: its plain form, where weights are read, and how long that took. */
export interface OnnxSource extends Pick<OnnxImport, 'path' | 'plain' | 'weights'> {
  /** `recover` is null where that was not needed. */
  readonly times: { readonly read: number; readonly recover: number | null };
}

export function folderOf(
  contents: OnnxContents,
  file: OnnxSource,
  beside: BesideOnnx,
  widen: boolean,
): Omit<ImportedFolder, 'imported' | 'named' | 'verify'> {
  const { config, head, limits } = contents;
  const quantized: ReadonlySet<string> = widen ? new Set() : contents.int8;
  const source = new OnnxTensors(file.path, contents, file, quantized);
  return {
    ...beside,
    path: file.path,
    config: quantized.size > 0 ? withQuantizationConfig(config, 8) : config,
    tensors: source.tensors,
    weights: new WeightFiles([{ prefix: '', source }]),
    sentence: mergeSentence(contents.sentence, beside.sentence),
    close: async () => {},
    head,
    limits,
    report: reportOf(contents, file, quantized.size),
    quantized,
    metadata: source.metadata,
    readOwned: (name) => source.readOwned(name),
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
  /** Name of the scales -> name of their weight. */
  private readonly scales = new Map<string, string>();
  /** Weight -> its scales, since its codes were read. */
  private readonly known = new Map<string, Float32Array>();

  constructor(
    path: string,
    { sources, tables }: OnnxContents,
    { weights, plain }: OnnxSource,
    quantized: ReadonlySet<string>,
  ) {
    this.path = path;
    this.sources = sources;
    this.tables = tables;
    this.reader = weights;
    this.metadata = Object.fromEntries(plain.source.metadata);
    this.quantized = quantized;
    const tensors = new Map<string, StoredTensor>();
    for (const [name, source] of sources) {
      const shape = shapeOf(source);
      tensors.set(name, { dtype: quantized.has(name) ? 'I8' : 'F32', shape });
      if (!quantized.has(name)) continue;
      tensors.set(scaleName(name), { dtype: 'F32', shape: shape.slice(0, 1) });
      this.scales.set(scaleName(name), name);
    }
    this.tensors = tensors;
  }

  async *readChunks(name: string, maxBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
    const bytes = bytesOf(this.numbers(name));
    const step = maxBytes - (maxBytes % 8);
    for (let begin = 0; begin < bytes.length; begin += step) {
      yield bytes.subarray(begin, begin + step);
    }
  }

  async readFloats(name: string): Promise<Float32Array> {
    const numbers = this.numbers(name);
    if (numbers instanceof Float32Array) return numbers;
    throw new SinterError('INTERNAL', `${this.path}: ${name} does not hold floats`);
  }

  /** All bytes of a tensor, as memory that nobody else uses. */
  readOwned(name: string): Uint8Array<ArrayBuffer> {
    const source = this.sources.get(name);
    const isShared = source?.kind === 'vector' || source?.matrix.literal !== undefined;
    const numbers = this.numbers(name);
    return bytesOf(isShared ? numbers.slice() : numbers) as Uint8Array<ArrayBuffer>;
  }

  async checkUnchanged(): Promise<void> {}

  async close(): Promise<void> {}

  private numbers(name: string): Float32Array | Int8Array {
    const scales = this.scales.get(name);
    if (scales !== undefined) return this.known.get(scales) ?? this.codes(scales).scales;
    if (this.quantized.has(name)) return this.codes(name).codes;
    const source = this.sources.get(name);
    if (source !== undefined) return this.reader.floats(source);
    throw new SinterError('INTERNAL', `${this.path}: no tensor ${name}`);
  }

  private codes(name: string): { codes: Int8Array; scales: Float32Array } {
    const source = this.sources.get(name);
    const found = source && this.reader.codes(source, this.tables.has(name));
    if (!found) throw new SinterError('INTERNAL', `${name} is not int8`);
    this.known.set(name, found.scales);
    return found;
  }
}

function shapeOf(source: WeightSource): readonly number[] {
  if (source.kind === 'vector') return [source.vector.values.length];
  return [source.matrix.rows, source.matrix.columns];
}
