/**
 * An ONNX file in the worker thread, with the cache: the first load recovers and verifies it, later ones only make it plain.
 *
 * Nothing is cached before it is verified, and a program counts as verified only if the very same graph was.
 */

import { SinterError } from '../../core/errors.js';
import { type FileStamp, isUnchanged } from '../../core/files.js';
import {
  type ImportSettings,
  importModel,
  type OnnxImport,
  type OnnxModel,
  readOnnxModel,
  toPlain,
  WeightReader,
} from '../../formats/onnx/import/index.js';
import { externalPath } from '../../formats/onnx/import/reader/external-path.js';
import type { EncoderGraph, OutputName } from '../../graph/types.js';
import { Ahead } from './ahead.js';
import { type FilesBesideOnnx, importSettings, readFilesBeside } from './beside-onnx.js';
import { contentDigest } from './content-digest.js';
import { externalFiles } from './external-data.js';
import {
  type ExternalFile,
  graphKey,
  type KeptOnnx,
  readKept,
  withVerified,
  writeKept,
} from './kept-onnx.js';
import { OnnxCache } from './onnx-cache.js';
import { contentsOfImport, folderOf, type OnnxSource } from './onnx-folder.js';
import { nameOnnx } from './onnx-names.js';
import { factsOf } from './onnx-report.js';
import type { CachePlace } from './onnx-thread.js';
import type { ProbeOutputs } from './probe-outputs.js';
import type { OnnxSettings } from './recovered-folder.js';
import type { StoredContents, StoredFile } from './stored-tensors.js';
import { storedMatrices } from './stored-weights.js';
import {
  type Expectation,
  expectOutputs,
  type Verification,
  verifyOutputs,
} from './verify-onnx.js';

export type CachedFolder = ReturnType<typeof folderOf>;

export interface OpeningSettings extends OnnxSettings {
  /** Whether the program will be verified; then the file is evaluated while it is being recovered. */
  readonly verified: boolean;
}

interface Known {
  readonly kept: KeptOnnx;
  readonly imported: OnnxImport | null;
  readonly ahead: Ahead | null;
}

export class CachedOnnx {
  readonly folder: CachedFolder;
  private readonly file: Opened;
  private kept: KeptOnnx;
  private imported: OnnxImport | null;
  private expected: { name: string; expectation: Promise<Expectation> } | null = null;

  private ahead: Ahead | null;

  private constructor(file: Opened, widen: boolean, { imported, kept, ahead }: Known) {
    this.file = file;
    this.ahead = ahead;
    this.imported = imported;
    this.kept = kept;
    this.folder = folderOf(kept.contents, imported ?? file.source(), file.beside, widen);
  }

  /** Opens `file`, using the cache entry at `place` (null: no cache) if there is one. */
  static async open(
    file: string,
    { widen, firstPosition, verified }: OpeningSettings,
    place: CachePlace | null,
  ): Promise<CachedOnnx> {
    const begin = performance.now();
    const beside = await readFilesBeside(file);
    const settings = importSettings(beside, firstPosition);
    const cache = place && new OnnxCache(place.folder);
    const text = place && (await cache?.read(place.key));
    const ahead = verified && !text ? Ahead.begin({ file, settings }) : null;
    try {
      const model = await readOnnxModel(file);
      const opened = new Opened(begin, model, beside, settings, place, cache);
      const kept = text ? await opened.read(text) : null;
      if (kept !== null) return new CachedOnnx(opened, widen, { kept, imported: null, ahead });
      const imported = importModel(model, settings, begin);
      return new CachedOnnx(opened, widen, { kept: keptOf(imported, beside), imported, ahead });
    } catch (error) {
      await ahead?.end();
      throw error;
    }
  }

  /** Location of the weights in the file; null where they are not read as stored. */
  get stored(): StoredContents | null {
    const { contents, facts, matrices } = this.kept;
    if (matrices === null) return null;
    const { sources, tables } = contents;
    const { quantized } = this.folder;
    const { files } = this.file;
    return { sources, tables, quantized, matrices, files, metadata: facts.metadata };
  }

  /** Starts the evaluation of the file that `verify` needs, before the program is built. */
  expect(graph: EncoderGraph, replaced: readonly OutputName[]): void {
    const name = graphKey(graph, replaced);
    if (this.kept.verified.has(name) || this.expected?.name === name) return;
    const expectation = expectOutputs(this.whole(), graph, replaced, this.ahead);
    this.ahead = null;
    // The error is thrown where `verify` awaits the expectation.
    expectation.catch(() => {});
    this.expected = { name, expectation };
  }

  /** As `verifyOnnx`. */
  async verify(
    graph: EncoderGraph,
    program: ProbeOutputs,
    replaced: readonly OutputName[],
  ): Promise<Verification> {
    const name = graphKey(graph, replaced);
    const known = this.kept.verified.get(name);
    if (known !== undefined) return known;
    this.expect(graph, replaced);
    const expected = await this.expected?.expectation;
    if (expected === undefined) throw new SinterError('INTERNAL', 'nothing is expected');
    const verification = await verifyOutputs(this.whole(), graph, program, expected);
    this.kept = withVerified(this.kept, name, verification);
    await this.file.write(this.kept);
    return verification;
  }

  private whole(): OnnxImport {
    this.imported ??= importModel(this.file.model, this.file.settings, performance.now());
    return this.imported;
  }
}

function keptOf(imported: OnnxImport, beside: FilesBesideOnnx): KeptOnnx {
  const contents = contentsOfImport(imported, nameOnnx(imported, beside.config));
  return {
    contents,
    facts: factsOf(imported.plain),
    verified: new Map(),
    external: [],
    matrices: storedMatrices(contents.sources, imported.plain),
  };
}

/** A file that has been read, and the place of its cache entry. */
class Opened {
  private plain: OnnxSource | null = null;

  constructor(
    private readonly begin: number,
    readonly model: OnnxModel,
    readonly beside: FilesBesideOnnx,
    readonly settings: ImportSettings,
    private readonly place: CachePlace | null,
    private readonly cache: OnnxCache | null,
  ) {}

  /** The file in plain form, without recovery. */
  source(): OnnxSource {
    if (this.plain !== null) return this.plain;
    const { path } = this.model;
    const plain = toPlain(this.model);
    const weights = new WeightReader(path, plain.graph.initializers, plain.quantized);
    const times = { read: performance.now() - this.begin, recover: null };
    this.plain = { path, plain, weights, times };
    return this.plain;
  }

  /** Parses the cache entry of the file; null when it does not fit the file. */
  async read(text: string): Promise<KeptOnnx | null> {
    const kept = readKept(text);
    if (kept === null) return null;
    const { facts, verified, external } = kept;
    if ((await externalFiles(this.model.path, external, {})) === null) return null;
    const { plain } = this.source();
    const contents = kept.contents({
      matrices: plain.graph.initializers,
      isQuantized: (name) => plain.quantized.has(name),
    });
    const matrices = contents && storedMatrices(contents.sources, plain);
    return contents && { contents, facts, verified, external, matrices };
  }

  /** The files of the model with their paths and stamps. */
  get files(): readonly StoredFile[] {
    const { path, files } = this.model;
    return files.map(({ name, stamp }, i) => {
      if (i === 0) return { name: '', path, stamp };
      return { name, path: externalPath(path, name, name), stamp };
    });
  }

  /** Writes the cache entry, unless a file has changed since its content was hashed. */
  async write(kept: KeptOnnx): Promise<void> {
    const { cache, place, files } = this;
    const [own, ...others] = files;
    if (cache === null || place === null || own === undefined) return;
    if (!isSameStamp(own.stamp, place.stamp)) return;
    const external: ExternalFile[] = [];
    for (const { name, path, stamp } of others) {
      const found = await contentDigest(path, {});
      if (!isSameStamp(found.stamp, stamp)) return;
      external.push({ name, digest: found.digest });
    }
    for (const { path, stamp } of files) if (!(await isUnchanged(path, stamp))) return;
    await cache.write(place.key, writeKept({ ...kept, external }));
  }
}

function isSameStamp(a: FileStamp, b: FileStamp): boolean {
  return a.dev === b.dev && a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs;
}
