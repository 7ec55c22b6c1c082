/**
 * A model folder in the Hugging Face layout: config.json, safetensors, tokenizer,
 * sentence-transformers files.
 *
 * Reading opens the weights but loads none of them; writing makes the whole folder under a
 * temporary name and renames it.
 */

import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SinterError } from '../core/errors.js';
import { type JsonObject, readJsonObject } from '../core/json.js';
import type { Checkpoint, SentenceSettings } from '../graph/checkpoint.js';
import { writeFolderAtomic } from './atomic-file.js';
import type { TensorEntry } from './safetensors.js';
import { type TensorToWrite, writeSafetensors } from './safetensors-writer.js';
import { readSentenceFiles, sentenceFiles } from './sentence-files.js';
import { openWeightFiles, type WeightFiles } from './weight-files.js';

/** An open folder; end it with close. */
export interface HfFolder extends Checkpoint {
  readonly path: string;
  readonly config: JsonObject;
  /** dtype, shape and place of every stored tensor. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly weights: WeightFiles;
  readonly sentence: SentenceSettings | null;
  close(): Promise<void>;
}

/**
 * Reads the small files, checks the headers of the weights. CORRUPT_MODEL and UNSUPPORTED_MODEL
 * name the file.
 */
export async function readHfFolder(path: string): Promise<HfFolder> {
  const stats = await stat(path).catch(() => null);
  if (stats === null || !stats.isDirectory()) {
    const what = stats === null ? 'no such model folder' : 'not a model folder';
    throw new SinterError('CORRUPT_MODEL', `${path}: ${what}`, { details: { file: path } });
  }
  const config = await readJsonObject(join(path, 'config.json'));
  const sentence = await readSentenceFiles(path);
  const weights = await openWeightFiles(path);
  return {
    path,
    config,
    tensors: weights.tensors,
    weights,
    sentence,
    close: () => weights.close(),
  };
}

/** The parts of a folder to write. */
export interface HfFolderContent {
  readonly config: JsonObject;
  readonly weights: Iterable<TensorToWrite>;
  /** Further files by their path in the folder: the tokenizer's, a licence. */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
  /** Makes it a sentence-transformers model with vectors of `width` numbers. */
  readonly sentence?: { readonly settings: SentenceSettings; readonly width: number };
}

/**
 * Writes a folder that transformers (and, with `sentence`, sentence-transformers) loads. An
 * existing folder with content is a RangeError unless `overwrite` is set and it is a model folder
 * (has a config.json); then all of it is replaced. After a failure nothing is left and nothing is
 * changed.
 */
export async function writeHfFolder(
  path: string,
  content: HfFolderContent,
  options: { readonly overwrite?: boolean } = {},
): Promise<void> {
  const files = new Map<string, string | Uint8Array>(content.files);
  files.set('config.json', `${JSON.stringify(content.config, null, 2)}\n`);
  if (content.sentence !== undefined) {
    const { settings, width } = content.sentence;
    for (const [name, text] of sentenceFiles(settings, width)) files.set(name, text);
  }
  const overwriteIfHas = options.overwrite ? 'config.json' : null;
  await writeFolderAtomic(path, { overwriteIfHas }, async (folder) => {
    for (const [name, data] of files) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), data);
    }
    await writeSafetensors(join(folder, 'model.safetensors'), content.weights);
  });
}
