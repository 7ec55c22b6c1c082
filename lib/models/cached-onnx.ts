/**
 * An ONNX file through the cache: recovered and verified once, then only read.
 *
 * Nothing is kept before it has been verified, and a program is only taken for verified when the very same graph was.
 */

import { createHash } from 'node:crypto';
import { parseJsonObject } from '../core/json.js';
import {
  type ImportSettings,
  importModel,
  type OnnxImport,
  type OnnxModel,
  readOnnxModel,
  toPlain,
  WeightReader,
} from '../formats/onnx/import/index.js';
import type { EncoderGraph, OutputName } from '../graph/types.js';
import { cacheKey, OnnxCache } from './onnx-cache.js';
import { type OnnxContents, readContents, writeContents } from './onnx-contents.js';
import {
  type BesideOnnx,
  besideOnnx,
  contentsOf,
  folderOf,
  importSettings,
  type OnnxSettings,
  type OnnxSource,
} from './onnx-folder.js';
import { nameOnnx } from './onnx-names.js';
import type { ProbeOutputs } from './probe-outputs.js';
import { type Verification, verifyOutputs } from './verify-onnx.js';

/** Verified graphs of one file: for each task, and with the caller's own pooling. */
const MOST_VERIFIED = 16;

export type CachedFolder = ReturnType<typeof folderOf>;

interface Entry {
  readonly contents: OnnxContents;
  readonly verified: ReadonlyMap<string, Verification>;
}

export class CachedOnnx {
  readonly folder: CachedFolder;
  private readonly file: Opened;
  private entry: Entry;
  private imported: OnnxImport | null;

  private constructor(file: Opened, widen: boolean, imported: OnnxImport | null, entry: Entry) {
    this.file = file;
    this.imported = imported;
    this.entry = entry;
    this.folder = folderOf(entry.contents, imported ?? file.source(), file.beside, widen);
  }

  /** Reads `file`, from the cache in `folder` (null: none) where it is there. */
  static async open(
    file: string,
    { widen, firstPosition }: OnnxSettings,
    folder: string | null,
  ): Promise<CachedOnnx> {
    const begin = performance.now();
    const beside = await besideOnnx(file);
    const model = await readOnnxModel(file);
    const settings = importSettings(beside, firstPosition);
    const opened = new Opened(begin, model, beside, settings, folder);
    const known = await opened.read();
    if (known !== null) return new CachedOnnx(opened, widen, null, known);
    const imported = importModel(model, settings, begin);
    const contents = contentsOf(imported, nameOnnx(imported, beside.config));
    return new CachedOnnx(opened, widen, imported, { contents, verified: new Map() });
  }

  /** As `verifyOnnx`. */
  async verify(
    graph: EncoderGraph,
    program: ProbeOutputs,
    replaced: readonly OutputName[],
  ): Promise<Verification> {
    const name = createHash('sha256')
      .update(JSON.stringify([graph, replaced]))
      .digest('hex');
    const known = this.entry.verified.get(name);
    if (known !== undefined) return known;
    this.imported ??= importModel(this.file.model, this.file.settings, performance.now());
    const verification = await verifyOutputs(this.imported, graph, program, replaced);
    const verified = [...this.entry.verified, [name, verification] as const].slice(-MOST_VERIFIED);
    this.entry = { contents: this.entry.contents, verified: new Map(verified) };
    await this.file.write(this.entry);
    return verification;
  }
}

/** A file that has been read, and its place in the cache. */
class Opened {
  private readonly cache: OnnxCache | null;
  private readonly key: string;
  private plain: OnnxSource | null = null;

  constructor(
    private readonly begin: number,
    readonly model: OnnxModel,
    readonly beside: BesideOnnx,
    readonly settings: ImportSettings,
    folder: string | null,
  ) {
    this.cache = folder === null ? null : new OnnxCache(folder);
    this.key = folder === null ? '' : cacheKey(model, [beside.config, settings]);
  }

  /** The file without recovery. */
  source(): OnnxSource {
    if (this.plain !== null) return this.plain;
    const { path } = this.model;
    const plain = toPlain(this.model);
    const weights = new WeightReader(path, plain.graph.initializers, plain.quantized);
    const times = { read: performance.now() - this.begin, recover: null };
    this.plain = { path, plain, weights, times };
    return this.plain;
  }

  async read(): Promise<Entry | null> {
    const text = await this.cache?.read(this.key);
    if (!text) return null;
    const { contents, verified } = parseJsonObject(text, 'the cache');
    const known = readContents(contents, this.source().plain);
    const checked = verifiedOf(verified);
    return known && checked && { contents: known, verified: checked };
  }

  async write({ contents, verified }: Entry): Promise<void> {
    const entry = { contents: writeContents(contents), verified: Object.fromEntries(verified) };
    await this.cache?.write(this.key, JSON.stringify(entry));
  }
}

/** null when it is not what was written. */
function verifiedOf(value: unknown): Map<string, Verification> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const verified = new Map<string, Verification>();
  for (const [name, entry] of Object.entries(value)) {
    const { outputs, difference, tolerance, notes, ms } = (entry ?? {}) as Partial<Verification>;
    const numbers = [difference, tolerance, ms].every((number) => Number.isFinite(number));
    if (!numbers || !isTexts(outputs) || !isTexts(notes)) return null;
    verified.set(name, entry as Verification);
  }
  return verified;
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}
