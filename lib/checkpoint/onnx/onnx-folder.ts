/**
 * An ONNX file as a model folder, with the tensors, config and settings of a Hugging Face folder, so that loading, training
 * and saving need not tell them apart.
 *
 * Weights are converted one at a time when they are read; int8 ones keep the file's own integers.
 */

import { SinterError } from '../../core/errors.js';
import {
  importOnnx,
  int8Operands,
  type OnnxImport,
  type RecoveredWeight,
  type WeightReader,
} from '../../formats/onnx/import/index.js';
import { type StoredTensor, type TensorSource, WeightFiles } from '../../formats/weight-files.js';
import { quantizableWeights } from '../../graph/rewrite/quantize.js';
import { tablesOf } from '../../graph/rewrite/tables.js';
import type { EncoderGraph } from '../../graph/types.js';
import { bytesOf } from '../../runtime/program.js';
import { type FilesBesideOnnx, importSettings, readFilesBeside } from './beside-onnx.js';
import type { OnnxContents } from './onnx-contents.js';
import { type NamedOnnx, nameOnnx } from './onnx-names.js';
import { factsOf, type ImportTimes } from './onnx-report.js';
import { namesOfScales, tensorSet } from './onnx-tensor-set.js';
import { type OnnxFolder, type OnnxSettings, recoveredFolder } from './recovered-folder.js';

/** An ONNX file that was imported in this thread. */
export interface ImportedFolder extends OnnxFolder {
  readonly imported: OnnxImport;
  readonly named: NamedOnnx;
  /** Names of the weights that stay int8. */
  readonly quantized: ReadonlySet<string>;
  /** Reads all bytes of a tensor, in memory of the caller's own. */
  readonly readOwned: (name: string) => Uint8Array<ArrayBuffer>;
}

/** Imports `file`. Throws CORRUPT_MODEL or UNSUPPORTED_MODEL as `importOnnx` does. */
export async function readOnnxFolder(
  file: string,
  { widen, firstPosition }: OnnxSettings,
): Promise<ImportedFolder> {
  const beside = await readFilesBeside(file);
  const imported = await importOnnx(file, importSettings(beside, firstPosition));
  const named = nameOnnx(imported, beside.config);
  const contents = contentsOfImport(imported, named);
  const folder = folderOf(contents, imported, beside, widen);
  const verify: OnnxFolder['verify'] = async (graph, program, replaced) => {
    const { verifyOnnx } = await import('./verify-onnx.js');
    return verifyOnnx(imported, graph, program, replaced);
  };
  return { ...folder, verify, imported, named };
}

export function contentsOfImport(imported: OnnxImport, named: NamedOnnx): OnnxContents {
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

/** The file behind a folder: its plain form, the reader of its weights, and the time that this took. */
export interface OnnxSource extends Pick<OnnxImport, 'path' | 'plain' | 'weights'> {
  readonly times: ImportTimes;
}

/** Makes a folder of recovered contents, whose weights are read through the plain form. */
export function folderOf(
  contents: OnnxContents,
  file: OnnxSource,
  beside: FilesBesideOnnx,
  widen: boolean,
): Omit<ImportedFolder, 'imported' | 'named' | 'verify'> {
  const quantized: ReadonlySet<string> = widen ? new Set() : contents.int8;
  const source = new OnnxTensors(file.path, contents, file, quantized);
  const told = { file: file.path, facts: factsOf(file.plain), times: file.times };
  return {
    ...recoveredFolder(contents, beside, quantized, told),
    tensors: source.tensors,
    weights: new WeightFiles([{ prefix: '', source }]),
    close: async () => {},
    quantized,
    readOwned: (name) => source.readOwned(name),
  };
}

/**
 * Names of weights that can stay int8: int8 tables, and weights that the file multiplies as int8 (all weights of a product or
 * none). Products that read floats or 16 bits in the file compute in floats.
 */
export function int8Weights({ plain, weights }: OnnxImport, named: NamedOnnx): Set<string> {
  const { graph, sources } = named;
  const found = new Set<string>();
  // Weight-only files compute in floats, and so does the model.
  if (plain.activations.size === 0) return found;
  const allowed = quantizableWeights(graph, { embeddings: true });
  const tables = tablesOf(graph);
  const operands = int8Operands(plain);
  for (const [name, source] of sources) {
    if (!allowed.has(name)) continue;
    if (!tables.has(name) && !piecesOf(source).every((piece) => operands.has(piece))) continue;
    if (weights.hasCodes(source, tables.has(name))) found.add(name);
  }
  dropMixed(graph, found);
  return found;
}

/** Names of the initializers of which a weight consists. */
function piecesOf(source: RecoveredWeight): string[] {
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

/** The weights of a recovered graph as the tensors of a model file. */
class OnnxTensors implements TensorSource {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  private readonly sources: ReadonlyMap<string, RecoveredWeight>;
  private readonly reader: WeightReader;
  private readonly quantized: ReadonlySet<string>;
  private readonly tables: ReadonlySet<string>;
  /** For each tensor of scales the name of its weight. */
  private readonly scales: ReadonlyMap<string, string>;
  /** Scales by weight, kept from the read of its codes. */
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
    this.tensors = tensorSet({ sources, quantized });
    this.scales = namesOfScales(quantized);
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
