/**
 * The weights of a model folder under one set of names: one file or shards, safetensors or torch.
 *
 * A shard index is hostile like any other file: it may name only plain file names inside the folder.
 */

import { basename, join } from 'node:path';
import { SinterError, show } from '../core/errors.js';
import { fileExists, isJsonObject, readJsonObject, tooLarge } from '../core/json.js';
import { MAX_SHARDS, MAX_TENSORS } from '../core/limits.js';
import { insteadOfWeights } from './other-weights.js';
import { type FilePlace, openSafetensors, type TensorEntry } from './safetensors.js';

/** Loads the reader of torch files only for a model that has one: most have not. */
async function openTorchFile(path: string): Promise<TensorSource> {
  const torch = await import('./torch/torch-file.js');
  return torch.openTorchFile(path);
}

/** Files that may hold the weights, the preferred one first; each may be sharded and then has an index. */
const FORMS = [
  { file: 'model.safetensors', ending: '.safetensors', open: openSafetensors },
  { file: 'pytorch_model.bin', ending: '.bin', open: openTorchFile },
] as const;

type Form = (typeof FORMS)[number];

/** Opens the first of FORMS that exists, whole or in shards. Throws CORRUPT_MODEL when there is none. */
export async function openWeightFiles(folder: string): Promise<WeightFiles> {
  for (const form of FORMS) {
    const single = join(folder, form.file);
    if (await fileExists(single)) {
      return new WeightFiles([{ prefix: '', source: await form.open(single) }]);
    }
    const index = `${single}.index.json`;
    if (await fileExists(index)) return openShards(folder, index, form);
  }
  const file = join(folder, FORMS[0].file);
  const instead = await insteadOfWeights(folder);
  throw new SinterError(
    'CORRUPT_MODEL',
    `${file}: no such file, and no ${FORMS[1].file}${instead}`,
    { details: { file } },
  );
}

async function openShards(folder: string, index: string, form: Form): Promise<WeightFiles> {
  const bad = (message: string) =>
    new SinterError('CORRUPT_MODEL', `${index}: ${message}`, { details: { file: index } });
  const map = (await readJsonObject(index)).weight_map;
  if (!isJsonObject(map)) throw bad(`weight_map must be an object, got ${show(map)}`);
  const expected = new Map<string, string>();
  for (const [name, file] of Object.entries(map)) {
    const plain = typeof file === 'string' && /^[\w.-]+$/.test(file) && basename(file) === file;
    if (!plain || !file.endsWith(form.ending)) {
      const what = `a ${form.ending} file here`;
      throw bad(`weight_map of ${show(name)} must name ${what}, got ${show(file)}`);
    }
    expected.set(name, file);
  }
  const files = new Set(expected.values());
  for (const [what, count, limit] of [
    ['tensors', expected.size, MAX_TENSORS],
    ['files', files.size, MAX_SHARDS],
  ] as const) {
    if (count > limit) throw tooLarge(index, `must name at most ${limit} ${what}, got ${count}`);
  }
  const shards = new Map<string, TensorSource>();
  try {
    for (const file of files) shards.set(file, await form.open(join(folder, file)));
    for (const [name, file] of expected) {
      if (!shards.get(file)?.tensors.has(name)) throw bad(`${show(name)} is not in ${file}`);
    }
    return new WeightFiles([...shards.values()].map((source) => ({ prefix: '', source })));
  } catch (error) {
    await Promise.all([...shards.values()].map((shard) => shard.close()));
    throw error;
  }
}

/** A stored tensor, in a file of any format. */
export type StoredTensor = Pick<TensorEntry, 'dtype' | 'shape'>;

/** One file of tensors. */
export interface TensorSource {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** `__metadata__` of the file, where its format has it. */
  readonly metadata?: Readonly<Record<string, string>>;
  readChunks(name: string, maxBytes: number): AsyncGenerator<Uint8Array, void, undefined>;
  readFloats(name: string): Promise<Float32Array>;
  /** Where a tensor lies as its bytes; without it, where the file has it in another form. */
  placeOf?(name: string): FilePlace;
  /** Throws CORRUPT_MODEL where the file has changed since it was opened. */
  checkUnchanged(): Promise<void>;
  close(): Promise<void>;
}

/** A source, and the prefix that its names get in the common set of names. */
interface PrefixedSource {
  readonly prefix: string;
  readonly source: TensorSource;
}

/** All tensors of a folder, with the reading methods of one TensorSource. */
export class WeightFiles {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  private readonly places = new Map<string, { source: TensorSource; name: string }>();
  private readonly sources: readonly PrefixedSource[];

  constructor(sources: readonly PrefixedSource[]) {
    const tensors = new Map<string, StoredTensor>();
    for (const { prefix, source } of sources) {
      for (const [name, entry] of source.tensors) {
        const whole = prefix + name;
        if (tensors.has(whole)) {
          throw new SinterError('CORRUPT_MODEL', `${source.path}: ${show(whole)} is in two files`, {
            details: { file: source.path },
          });
        }
        tensors.set(whole, entry);
        this.places.set(whole, { source, name });
      }
    }
    this.sources = sources;
    this.tensors = tensors;
  }

  /** Joins these weights with `others`, whose names get `prefix`. Closing the result closes both. */
  with(prefix: string, others: WeightFiles): WeightFiles {
    const more = others.sources.map(({ prefix: inner, source }) => {
      return { prefix: prefix + inner, source };
    });
    return new WeightFiles([...this.sources, ...more]);
  }

  /** The metadata texts under `key`, one for each file that has it, with the path of the file. */
  metadata(key: string): { readonly path: string; readonly text: string }[] {
    return this.sources.flatMap(({ source }) => {
      const { metadata = {}, path } = source;
      const text = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
      return text === undefined ? [] : [{ path, text }];
    });
  }

  /** As SafetensorsFile.readChunks: each chunk is valid only until the next one is requested. */
  readChunks(name: string, maxBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
    const place = this.place(name);
    return place.source.readChunks(place.name, maxBytes);
  }

  /** As SafetensorsFile.placeOf; null for a file that has the tensor in another form. */
  placeOf(name: string): FilePlace | null {
    const place = this.place(name);
    return place.source.placeOf?.(place.name) ?? null;
  }

  /** As SafetensorsFile.readFloats. */
  async readFloats(name: string): Promise<Float32Array> {
    const place = this.place(name);
    return place.source.readFloats(place.name);
  }

  /** Throws CORRUPT_MODEL where one of the files has changed since it was opened. */
  async checkUnchanged(): Promise<void> {
    for (const { source } of this.sources) await source.checkUnchanged();
  }

  /** Closes every file. May be called twice. */
  async close(): Promise<void> {
    await Promise.all(this.sources.map(({ source }) => source.close()));
  }

  private place(name: string): { source: TensorSource; name: string } {
    const place = this.places.get(name);
    if (place !== undefined) return place;
    throw new SinterError('CORRUPT_MODEL', `no tensor ${show(name)}`);
  }
}
