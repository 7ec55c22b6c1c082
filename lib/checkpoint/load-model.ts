/**
 * Loads a model folder as the parts of a model: graph, program, tokenizer.
 *
 * Weights are streamed from the file into the program, a chunk at a time: no second copy is ever in memory.
 */

import { setImmediate } from 'node:timers/promises';
import { checkFamily, graphSteps } from '../architectures/index.js';
import { SinterError, throwIfAborted } from '../core/errors.js';
import { inTurns } from '../core/turns.js';
import { type HfFolder, readHfFolder } from '../formats/hf-folder.js';
import type { FilePlace } from '../formats/safetensors.js';
import type {
  Checkpoint,
  GraphRequest,
  ImportedModel,
  SentenceSettings,
} from '../graph/checkpoint.js';
import { lengthLimit } from '../graph/length-limit.js';
import { withTablesIn } from '../graph/rewrite/tables.js';
import { floatsStoredAs, partTensor, STORAGES, type StoragePart } from '../graph/storages.js';
import type { EncoderGraph, OutputName } from '../graph/types.js';
import type { ResolveOptions } from '../hub/resolve.js';
import type { NativeProgram, NativeStore } from '../native/program.js';
import type { ModelParts, Origin } from '../runtime/model-parts.js';
import {
  buildProgram,
  bytesOf,
  disposeProgram,
  type FilePart,
  type WeightWriter,
} from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';
import { missingTokenizer } from '../tokenize/missing-tokenizer.js';
import { loadTokenizer, type TextTokenizer } from '../tokenize/text-tokenizer.js';
import { EMBEDDED_MODEL, EMBEDDED_NAME } from './embedded-model.js';
import { type LocatedModel, locateModel, type OpeningOnnx } from './locate-model.js';
import { drawWeights } from './new-weights.js';
import type { FilesBesideOnnx } from './onnx/beside-onnx.js';
import type { OnnxFolder } from './onnx/recovered-folder.js';
import type { Verification } from './onnx/verify-onnx.js';
import {
  asQuantized,
  readQuantizedTensors,
  withoutQuantizationConfig,
} from './quantized-folder.js';
import { untrainedTensors } from './untrained.js';

/** Size of a chunk of weights. */
const CHUNK_BYTES = 1 << 20;
/** Most bytes of a tensor that another thread reads at once. */
const READ_BYTES = 8 << 20;

export interface LoadSettings {
  readonly lanes: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** Seed of the weights that the folder does not have. */
  readonly seed: number;
  /** For ONNX files: quantized weights as f32. Default: false. */
  readonly widen?: boolean;
  /** For ONNX files with an input of positions: the first position. Default: that of the family in config.json. */
  readonly firstPosition?: number | undefined;
  /** For ONNX files: compare the import with the file on a short batch. Default: true. */
  readonly verify?: boolean;
  /** For ONNX files: use the cache. Default: true. */
  readonly cache?: boolean;
  /** How a model id is looked up. Default: in the cache only. */
  readonly hub?: ResolveOptions;
}

/**
 * Loads the folder, the ONNX file or the model id `name` as the kind of model that `request` describes. `where` names the
 * call in messages.
 */
export async function loadModel(
  where: string,
  name: string,
  request: GraphRequest,
  settings: LoadSettings,
): Promise<ModelParts> {
  return loadLocated(where, name, await locateModel(where, name, settings), request, settings);
}

/** As `loadModel`, for a model that was located already. */
export async function loadLocated(
  where: string,
  name: string,
  { path, onnx }: LocatedModel,
  request: GraphRequest,
  settings: LoadSettings,
): Promise<ModelParts> {
  const { parts } =
    onnx === null
      ? await partsOf(where, await readHfFolder(path), request, settings)
      : await partsOfOnnx(where, onnx, settings, () => request);
  return { ...parts, path, base: name === EMBEDDED_MODEL ? EMBEDDED_NAME : name };
}

/** Loads an ONNX file that is being opened; `requestOf` makes the request from its folder. */
export async function partsOfOnnx(
  where: string,
  onnx: OpeningOnnx,
  settings: LoadSettings,
  requestOf: (folder: OnnxFolder) => GraphRequest,
): Promise<PartsOfFolder & { readonly folder: OnnxFolder }> {
  const tokenizer = onnx.beside.then(tokenizerOf);
  // The error is thrown where the tokenizer is awaited, after the file has been read.
  tokenizer.catch(() => {});
  const folder = await onnx.folder;
  return { ...(await partsOf(where, folder, requestOf(folder), settings, tokenizer)), folder };
}

export interface PartsOfFolder {
  readonly parts: ModelParts;
  /** null when nothing was verified. */
  readonly verification: Verification | null;
}

/**
 * Loads an open folder and closes it. An ONNX file is verified unless the settings say otherwise. `begun`: its tokenizer, if
 * that is being read already.
 */
export async function partsOf(
  where: string,
  folder: HfFolder | OnnxFolder,
  request: GraphRequest,
  settings: LoadSettings,
  begun?: Promise<TextTokenizer>,
): Promise<PartsOfFolder> {
  const { path, sentence } = folder;
  try {
    // The family is the first thing that a reader of the message must know, before what else the folder lacks.
    checkFamily(folder);
    const { tokenizer, built } = await bothOf(
      begun ?? tokenizerOf(folder),
      buildFolder(where, folder, request, settings),
    );
    const { graph, program, imported } = built;
    let verification: Verification | null = null;
    try {
      tokenizer.useFor({ vectors: graph.vocabulary, segments: graph.segments, path });
      if ('verify' in folder && settings.verify !== false) {
        verification = await verifyFolder(folder, graph, program, request, imported.created);
      }
    } catch (error) {
      disposeProgram(program);
      throw error;
    }
    const parts: ModelParts = {
      path,
      graph,
      program: new SharedProgram(program),
      tokenizer,
      config: imported.config,
      sentence: sentence?.kind === kindOf(request) ? sentence : null,
      modelMaxLength: folder.modelMaxLength,
      base: path,
      training: folder.training,
      ...(folder.compression !== null && { compression: folder.compression }),
      head: { task: imported.task, labels: imported.labels, problem: imported.problem },
      plans: imported.plans,
      origin: originOf(folder, imported),
    };
    return { parts, verification };
  } finally {
    await folder.close();
  }
}

/**
 * The tokenizer and the program, which are read at the same time: one is work of this thread, the other mostly waits for the file. What the
 * tokenizer lacks is said first, and the program is disposed of.
 */
async function bothOf(
  reading: Promise<TextTokenizer>,
  building: Promise<BuiltFolder>,
): Promise<{ readonly tokenizer: TextTokenizer; readonly built: BuiltFolder }> {
  const [tokenizer, built] = await Promise.allSettled([reading, building]);
  if (tokenizer.status === 'rejected') {
    if (built.status === 'fulfilled') disposeProgram(built.value.program);
    throw tokenizer.reason;
  }
  if (built.status === 'rejected') throw built.reason;
  return { tokenizer: tokenizer.value, built: built.value };
}

/** The kind of model whose sentence-transformers files apply to a task. */
function kindOf({ task }: GraphRequest): SentenceSettings['kind'] {
  return task === 'embedding' ? 'embedding' : 'cross-encoder';
}

/** Finds untrained weights: those just drawn, and those that the file marks. */
function originOf({ weights }: HfFolder, imported: ImportedModel): Origin {
  const { created, sources, unused, notes } = imported;
  const marked = untrainedTensors(weights);
  const stored = [...sources].filter(([, tensor]) => marked.has(tensor)).map(([name]) => name);
  const names = [...created.map(({ name }) => name), ...stored];
  // An ONNX file of no known family does not have the marked names any more, so all of them count.
  const untrained = names.length === 0 && imported.task !== 'embedding' ? [...marked] : names;
  return { untrained, unused, notes };
}

/** Loads the tokenizer. ONNX files may come without one. */
async function tokenizerOf(
  folder: Pick<HfFolder, 'tokenizerPath' | 'sentence'> & Partial<FilesBesideOnnx>,
): Promise<TextTokenizer> {
  if (folder.hasTokenizer === false) return missingTokenizer(folder.tokenizerPath);
  return loadTokenizer(folder.tokenizerPath, { lowercase: folder.sentence?.lowercase ?? false });
}

export interface BuiltFolder {
  readonly graph: EncoderGraph;
  readonly program: NativeProgram;
  readonly imported: ImportedModel;
}

/** The graph and program of an open folder, without its tokenizer. The caller disposes of the program. */
export async function buildFolder(
  where: string,
  folder: HfFolder | OnnxFolder,
  request: GraphRequest,
  { signal, seed, verify }: LoadSettings,
): Promise<BuiltFolder> {
  const { path, sentence } = folder;
  const stored = readQuantizedTensors(path, folder.config, folder.tensors);
  const { tensors } = stored;
  const config = withoutQuantizationConfig(folder.config);
  const { modelMaxLength } = folder;
  const checkpoint = { path, config, tensors, sentence, modelMaxLength };
  const wanted = 'verify' in folder ? withinLength(request, folder) : request;
  const made = await graphOf(where, checkpoint, wanted);
  await setImmediate();
  const held = asQuantized(path, made, stored);
  await setImmediate();
  const imported = withStoredTables(folder, held);
  await setImmediate();
  const { graph } = imported;
  if (stored.quantized.size > 0 && imported.created.length > 0) throw newHeadOnInt8(path);
  if ('verify' in folder && verify !== false) {
    folder.expect?.(graph, replacedOutputs(request, imported.created));
    await setImmediate();
  }
  const drawn = drawWeights(imported.created, seed);
  const write = streamFrom(folder, imported, drawn, () => throwIfAborted(signal, where));
  const options = { trainable: false, where, signal };
  const program = await buildProgram(graph, options, write).catch((error) => {
    throw inFolder(path, error);
  });
  await folder.checkUnchanged().catch((error: unknown) => {
    disposeProgram(program);
    throw error;
  });
  return { graph, program, imported };
}

/** Makes the graph; a RangeError for the request names the call. */
async function graphOf(
  where: string,
  checkpoint: Checkpoint,
  request: GraphRequest,
): Promise<ImportedModel> {
  try {
    return await inTurns(graphSteps(checkpoint, request));
  } catch (error) {
    throw error instanceof RangeError ? new RangeError(`${where}: ${error.message}`) : error;
  }
}

/** A new head on a quantized encoder is refused, because it could never be trained. */
function newHeadOnInt8(path: string): SinterError {
  return new SinterError(
    'UNSUPPORTED_MODEL',
    `${path}: the encoder is quantized: a new head could not be trained on it; load the f32 model, or an ONNX file with widen: true`,
    { details: { file: path } },
  );
}

/** Limits the request to the length of texts that the file can take. */
function withinLength(request: GraphRequest, folder: OnnxFolder): GraphRequest {
  const { maxTokens, bounded } = folder.limits;
  return bounded ? { ...request, maxTokens: lengthLimit(maxTokens, folder, request) } : request;
}

/**
 * Compares the program with the file that it came from. Outputs with another pooling than the file's, or of a head with
 * weights that were `created`, are compared at the token vectors instead.
 */
export async function verifyFolder(
  folder: OnnxFolder,
  graph: EncoderGraph,
  program: NativeProgram,
  request: Partial<GraphRequest> = {},
  created: readonly unknown[] = [],
): Promise<Verification> {
  return folder.verify(graph, program, replacedOutputs(request, created));
}

function replacedOutputs(
  { pooling, normalize }: Partial<GraphRequest>,
  created: readonly unknown[],
): OutputName[] {
  const replaced: OutputName[] = [];
  if (pooling !== undefined || normalize !== undefined) replaced.push('embedding');
  if (created.length > 0) replaced.push('logits');
  return replaced;
}

/** Writes each weight from its tensor, or from the numbers drawn for it. */
function streamFrom(
  folder: HfFolder,
  { sources }: ImportedModel,
  drawn: ReadonlyMap<string, Float32Array>,
  check: () => void,
): WeightWriter {
  return async (store, { name, dtype }) => {
    const values = drawn.get(name);
    if (values !== undefined) {
      store.writeWeight(name, 0, 'f32', bytesOf(values));
      return [];
    }
    const tensor = sources.get(name) ?? name;
    const parts: FilePart[] = [];
    for (const part of STORAGES[dtype].parts)
      parts.push(...(await streamPart(folder, store, { name, tensor, part, check })));
    return parts;
  };
}

/**
 * Writes a part of a weight in the type of its tensor; the native store widens floats. What the store can read from the file itself is given
 * back.
 */
async function streamPart(
  folder: HfFolder,
  store: NativeStore,
  { name, tensor: own, part, check }: PartToStream,
): Promise<readonly FilePart[]> {
  const tensor = partTensor(own, part);
  const stored = folder.tensors.get(tensor)?.dtype ?? '';
  const floats = floatsStoredAs(stored);
  const { dtype, bytes } = floats === null ? part : STORAGES[floats].parts[0];
  if (floats === null && stored !== part.tensor) {
    throw new SinterError('INTERNAL', `no source for weight ${name}`);
  }
  const place = process.platform === 'win32' ? null : folder.weights.placeOf(tensor);
  if (place !== null) return piecesOf(place, bytes, { weight: name, part: part.name, dtype });
  let offset = 0;
  for await (const chunk of folder.weights.readChunks(tensor, CHUNK_BYTES)) {
    check();
    store.writeWeight(name, offset, dtype, chunk, part.name);
    offset += chunk.byteLength / bytes;
  }
  return [];
}

/** A tensor in pieces, between which a load can be cancelled. `size`: bytes of an element. */
function piecesOf(
  { path, file, position, bytes }: FilePlace,
  size: number,
  part: Pick<FilePart, 'weight' | 'part' | 'dtype'>,
): readonly FilePart[] {
  return Array.from({ length: Math.ceil(bytes / READ_BYTES) }, (_, i) => {
    const begin = i * READ_BYTES;
    const range = { offset: begin / size, bytes: Math.min(READ_BYTES, bytes - begin) };
    return { ...part, path, file, position: position + begin, ...range };
  });
}

interface PartToStream {
  /** Name of the weight. */
  readonly name: string;
  /** Name of the weight's tensor; other parts derive their names from it. */
  readonly tensor: string;
  readonly part: StoragePart;
  readonly check: () => void;
}

/** Keeps tables in the float type of their file. */
function withStoredTables(folder: HfFolder, imported: ImportedModel): ImportedModel {
  const dtypeOf = (name: string) =>
    floatsStoredAs(folder.tensors.get(imported.sources.get(name) ?? '')?.dtype ?? '') ?? undefined;
  return { ...imported, graph: withTablesIn(imported.graph, dtypeOf) };
}

/** Adds the folder to an error of the native side, which knows only the weight's name; other errors name their file. */
function inFolder(path: string, error: unknown): unknown {
  if (!(error instanceof SinterError) || error.code !== 'CORRUPT_MODEL') return error;
  if (error.details.file !== undefined) return error;
  const details = { ...error.details, file: path };
  return new SinterError(error.code, `${path}: ${error.message}`, { details, cause: error });
}
