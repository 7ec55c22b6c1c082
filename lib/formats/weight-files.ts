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
  if (await fileExists(single)) return new WeightFiles([await openSafetensors(single)]);
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
    return new WeightFiles(shards, bad);
  } catch (error) {
    await Promise.all(shards.map((shard) => shard.close()));
    throw error;
  }
}

/** All tensors of a folder; same reading methods as one SafetensorsFile. */
export class WeightFiles {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  private readonly files: readonly SafetensorsFile[];

  constructor(files: readonly SafetensorsFile[], bad?: (message: string) => SinterError) {
    const tensors = new Map<string, TensorEntry>();
    for (const file of files) {
      for (const [name, entry] of file.tensors) {
        if (bad && tensors.has(name)) throw bad(`${show(name)} is in two files`);
        tensors.set(name, entry);
      }
    }
    this.files = files;
    this.tensors = tensors;
  }

  /** As SafetensorsFile.readChunks: each chunk is only valid until the next. */
  readChunks(name: string, maxBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
    return this.fileOf(name).readChunks(name, maxBytes);
  }

  /** As SafetensorsFile.readFloats. */
  async readFloats(name: string): Promise<Float32Array> {
    return this.fileOf(name).readFloats(name);
  }

  /** Closes every file. May be called twice. */
  async close(): Promise<void> {
    await Promise.all(this.files.map((file) => file.close()));
  }

  private fileOf(name: string): SafetensorsFile {
    const file = this.files.find(({ tensors }) => tensors.has(name)) ?? this.files[0];
    if (file === undefined) throw new SinterError('CORRUPT_MODEL', `no tensor ${show(name)}`);
    return file;
  }
}
