/**
 * Opens an ONNX file as a model folder without blocking the event loop: from the cache, or else imported in a worker thread.
 *
 * A cached file needs no worker: it is hashed and its weights are read as stored, both off this thread. An entry counts only
 * for a file of the very same content.
 */

import { throwIfAborted } from '../../core/errors.js';
import { WeightFiles } from '../../formats/weight-files.js';
import { checkNoPositions } from '../no-positions.js';
import { type FilesBesideOnnx, importSettings, readFilesBeside } from './beside-onnx.js';
import { type ContentDigest, contentDigest } from './content-digest.js';
import { externalFiles } from './external-data.js';
import { graphKey, readKept } from './kept-onnx.js';
import { cacheKey, OnnxCache, onnxCacheFolder } from './onnx-cache.js';
import type { OnnxContents } from './onnx-contents.js';
import type { FileFacts } from './onnx-report.js';
import { type CachePlace, importInThread } from './onnx-thread.js';
import { type OnnxFolder, type OnnxSettings, recoveredFolder } from './recovered-folder.js';
import { type StoredContents, StoredTensors } from './stored-tensors.js';
import { readMatrices } from './stored-weights.js';
import type { Verification } from './verify-onnx.js';

export interface OpenSettings extends OnnxSettings {
  /** Name of the call in messages. */
  readonly where: string;
  /** Aborting it ends the import at once. */
  readonly signal: AbortSignal | undefined;
  /** Whether the program will be verified. Default: false. */
  readonly verify?: boolean;
  /** Whether the cache is read and written. Default: true, unless `SINTER_CACHE` says otherwise. */
  readonly cache?: boolean;
  /** Called with the content of the files beside the ONNX file, before that is read. */
  readonly onBeside?: (beside: FilesBesideOnnx) => void;
}

/**
 * Throws CORRUPT_MODEL or UNSUPPORTED_MODEL as the import does, RangeError for a `firstPosition` when the file has no input
 * of positions, and CANCELLED.
 */
export async function openOnnxFolder(file: string, settings: OpenSettings): Promise<OnnxFolder> {
  const folder = await openFolder(file, settings);
  try {
    const isFed = Object.values(folder.report.inputs).includes('positions');
    if (!isFed) checkNoPositions(settings.where, file, settings.firstPosition);
    return folder;
  } catch (error) {
    await folder.close();
    throw error;
  }
}

async function openFolder(file: string, settings: OpenSettings): Promise<OnnxFolder> {
  const { where, signal, cache = true, verify: verified = false } = settings;
  throwIfAborted(signal, where);
  const begin = performance.now();
  const folder = cache ? onnxCacheFolder() : null;
  const beside = await readFilesBeside(file);
  settings.onBeside?.(beside);
  const imported = async (place: CachePlace | null): Promise<OnnxFolder> => {
    const found = await importInThread(file, { ...settings, verified }, place);
    const checkUnchanged = async () => {
      await beside.checkUnchanged();
      await found.checkUnchanged();
    };
    return { ...found, checkUnchanged };
  };
  if (folder === null) return imported(null);
  const content = await contentDigest(file, settings).catch(() => null);
  throwIfAborted(signal, where);
  // The import fails too, with an error that tells what is wrong with the file.
  if (content === null) return imported(null);
  const depends = [beside.config, importSettings(beside, settings.firstPosition)];
  const key = cacheKey(content.digest, depends);
  const place = { folder, key, stamp: content.stamp };
  const kept = await fromCache(file, settings, place, content);
  if (kept === null) return imported(place);
  return keptFolder(file, settings, place, { ...kept, beside, begin });
}

interface Kept {
  readonly contents: OnnxContents;
  readonly facts: FileFacts;
  readonly verified: ReadonlyMap<string, Verification>;
  readonly stored: Pick<StoredContents, 'matrices' | 'files'>;
}

/** Reads the cache entry of a file; null when there is none, or when weights are not read as stored. */
async function fromCache(
  file: string,
  { where, signal }: OpenSettings,
  { folder, key }: CachePlace,
  { stamp }: ContentDigest,
): Promise<Kept | null> {
  const text = await new OnnxCache(folder).read(key);
  const kept = text === null ? null : readKept(text);
  if (kept === null || kept.matrices === null) return null;
  const external = await externalFiles(file, kept.external, { where, signal });
  throwIfAborted(signal, where);
  if (external === null) return null;
  const files = [{ name: '', path: file, stamp }, ...external];
  const sizes = new Map(files.map((one) => [one.name, one.stamp.size]));
  const matrices = readMatrices(kept.matrices, sizes);
  const isQuantized = (name: string) => (matrices?.get(name)?.codes ?? null) !== null;
  const contents = matrices && kept.contents({ matrices, isQuantized });
  if (!contents) return null;
  const { facts, verified } = kept;
  return { contents, facts, verified, stored: { matrices, files } };
}

interface Opened extends Kept {
  readonly beside: FilesBesideOnnx;
  readonly begin: number;
}

function keptFolder(
  file: string,
  settings: OpenSettings,
  place: CachePlace,
  { contents, facts, verified, stored, beside, begin }: Opened,
): OnnxFolder {
  const quantized: ReadonlySet<string> = settings.widen ? new Set() : contents.int8;
  const { sources, tables } = contents;
  const { metadata } = facts;
  const source = new StoredTensors(file, { ...stored, sources, quantized, tables, metadata });
  const times = { read: performance.now() - begin, recover: null };
  return {
    ...recoveredFolder(contents, beside, quantized, { file, facts, times }),
    tensors: source.tensors,
    weights: new WeightFiles([{ prefix: '', source }]),
    checkUnchanged: async () => {
      await beside.checkUnchanged();
      await source.checkUnchanged();
    },
    close: () => source.close(),
    verify: async (graph, program, replaced) => {
      const known = verified.get(graphKey(graph, replaced));
      if (known !== undefined) return known;
      const imported = await importInThread(file, { ...settings, verified: true }, place);
      try {
        return await imported.verify(graph, program, replaced);
      } finally {
        await imported.close();
      }
    },
  };
}
