/**
 * The weights of a model folder as one set of names, whether they lie in one safetensors file or in
 * shards.
 *
 * A shard index is hostile like any other file: the files it names must be plain names inside the
 * folder.
 */

import { basename, join } from 'node:path';
import { SinterError, show } from '../core/errors.js';
import { fileExists, isJsonObject, readJsonObject } from '../core/json.js';
import { openSafetensors, type SafetensorsFile, type TensorEntry } from './safetensors.js';

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

/**
 * Opens `model.safetensors`, else the shards of `model.safetensors.index.json`. Neither:
 * CORRUPT_MODEL.
 */
export async function openWeightFiles(folder: string): Promise<WeightFiles> {
  const single = join(folder, SINGLE);
  if (await fileExists(single))
    return new WeightFiles([{ prefix: '', source: await openSafetensors(single) }]);
  const index = join(folder, INDEX);
  if (!(await fileExists(index))) {
    const pickle = (await fileExists(join(folder, 'pytorch_model.bin')))
      ? '; pytorch_model.bin is not read, convert it to safetensors'
      : '';
    throw new SinterError('CORRUPT_MODEL', `${single}: no such file${pickle}`, {
      details: { file: single },
    });
  }
  return openShards(folder, index);
}

async function openShards(folder: string, index: string): Promise<WeightFiles> {
  const bad = (message: string) =>
    new SinterError('CORRUPT_MODEL', `${index}: ${message}`, { details: { file: index } });
  const map = (await readJsonObject(index)).weight_map;
  if (!isJsonObject(map)) throw bad(`weight_map must be an object, got ${show(map)}`);
  const expected = new Map<string, string>();
  for (const [name, file] of Object.entries(map)) {
    if (
      typeof file !== 'string' ||
      !/^[\w.-]+\.safetensors$/.test(file) ||
      basename(file) !== file
    ) {
      throw bad(
        `weight_map of ${show(name)} must name a .safetensors file here, got ${show(file)}`,
      );
    }
    expected.set(name, file);
  }
  const shards: SafetensorsFile[] = [];
  try {
    for (const file of new Set(expected.values())) {
      shards.push(await openSafetensors(join(folder, file)));
    }
    for (const [name, file] of expected) {
      if (!shards.some((shard) => basename(shard.path) === file && shard.tensors.has(name))) {
        throw bad(`${show(name)} is not in ${file}`);
      }
    }
    return new WeightFiles(shards.map((source) => ({ prefix: '', source })));
  } catch (error) {
    await Promise.all(shards.map((shard) => shard.close()));
    throw error;
  }
}

/** A stored tensor, whatever file it lies in. */
export type StoredTensor = Pick<TensorEntry, 'dtype' | 'shape'>;

/** One file of tensors. */
export interface TensorSource {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readChunks(name: string, maxBytes: number): AsyncGenerator<Uint8Array, void, undefined>;
  readFloats(name: string): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Sources whose names are one set; `prefix` goes before the names of its source. */
interface PrefixedSource {
  readonly prefix: string;
  readonly source: TensorSource;
}

/** All tensors of a folder; same reading methods as one TensorSource. */
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

  /** These and `others`, whose names get `prefix`; closing the result closes both. */
  with(prefix: string, others: WeightFiles): WeightFiles {
    const more = others.sources.map(({ prefix: inner, source }) => {
      return { prefix: prefix + inner, source };
    });
    return new WeightFiles([...this.sources, ...more]);
  }

  /** As SafetensorsFile.readChunks: each chunk is only valid until the next. */
  readChunks(name: string, maxBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
    const place = this.place(name);
    return place.source.readChunks(place.name, maxBytes);
  }

  /** As SafetensorsFile.readFloats. */
  async readFloats(name: string): Promise<Float32Array> {
    const place = this.place(name);
    return place.source.readFloats(place.name);
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
