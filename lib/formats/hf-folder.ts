/**
 * A model folder in the Hugging Face layout: config.json, safetensors, tokenizer, sentence-transformers files.
 *
 * Reading opens the weights but loads none of them. hf-folder-writer.ts writes such a folder.
 */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SinterError } from '../core/errors.js';
import { checkStamps, fileExists, type JsonObject, readJsonObject } from '../core/json.js';
import type { Checkpoint, SentenceModule, SentenceSettings } from '../graph/checkpoint.js';
import { fromSinterFile, SINTER_FILE } from '../graph/sinter-file.js';
import { refuseAdapter } from './adapter-folder.js';
import { insteadOfModel } from './other-weights.js';
import { readSentenceFiles } from './sentence-files.js';
import { readModelMaxLength } from './sentence-text.js';
import { stampSmallFiles } from './small-files.js';
import { openWeightFiles, type StoredTensor, type WeightFiles } from './weight-files.js';

/** Record of a training: its options, the model that it began with, versions. */
export const TRAINING_FILE = 'training.json';
/** Record of a compression: what was wanted, what was done, and what it cost. */
export const COMPRESSION_FILE = 'compression.json';

/** An open folder; end it with close. */
export interface HfFolder extends Checkpoint {
  readonly path: string;
  readonly config: JsonObject;
  /** All stored tensors by name; those of a sentence-transformers module have the module's name as prefix. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly weights: WeightFiles;
  /** Folder of the tokenizer's files. */
  readonly tokenizerPath: string;
  readonly sentence: SentenceSettings | null;
  readonly modelMaxLength: number | null;
  /** Record of the model's last training, as `save` wrote it; null when the folder has none. */
  readonly training: JsonObject | null;
  /** Record of the compression that made the model; null when the folder has none. */
  readonly compression: JsonObject | null;
  /** Throws CORRUPT_MODEL where a file has changed since it was opened. Call it after the last read. */
  checkUnchanged(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Reads the small files and checks the headers of the weights. NOT_FOUND where there is no folder; the messages of CORRUPT_MODEL
 * and UNSUPPORTED_MODEL name the file.
 */
export async function readHfFolder(path: string): Promise<HfFolder> {
  const stats = await stat(path).catch(() => null);
  if (stats === null || !stats.isDirectory()) {
    const what =
      stats === null
        ? 'no such file or folder'
        : 'is a file; a model is a folder or an .onnx file: give the folder that it is in';
    const code = stats === null ? 'NOT_FOUND' : 'CORRUPT_MODEL';
    throw new SinterError(code, `${path}: ${what}`, { details: { file: path } });
  }
  await refuseAdapter(path);
  const stamps = await stampSmallFiles(path);
  const files = await readSentenceFiles(path);
  if (files !== null) await refuseAdapter(files.transformer);
  // Older libraries put the transformer and its tokenizer into a folder of their own.
  const transformer =
    files !== null && (await hasConfig(files.transformer)) ? files.transformer : path;
  const config = await readConfig(transformer);
  const sentence = files?.settings ?? null;
  const modelMaxLength = await readModelMaxLength(transformer);
  const training = await readTraining(path);
  const compression = await readRecord(join(path, COMPRESSION_FILE));
  const weights = await openAll(path, transformer, sentence?.modules ?? []);
  return {
    path,
    config,
    tensors: weights.tensors,
    weights,
    tokenizerPath: transformer,
    sentence,
    modelMaxLength,
    training,
    compression,
    checkUnchanged: async () => {
      await checkStamps(stamps);
      await weights.checkUnchanged();
    },
    close: () => weights.close(),
  };
}

async function hasConfig(folder: string): Promise<boolean> {
  const names = ['config.json', SINTER_FILE];
  const found = await Promise.all(names.map((name) => fileExists(join(folder, name))));
  return found.includes(true);
}

/** Reads config.json, or sinter.json, which takes its place for models that config.json cannot describe. */
async function readConfig(folder: string): Promise<JsonObject> {
  const file = join(folder, 'config.json');
  const own = join(folder, SINTER_FILE);
  if (await fileExists(own)) {
    if (!(await fileExists(file))) return fromSinterFile(await readJsonObject(own), own);
    throw new SinterError(
      'CORRUPT_MODEL',
      `${folder}: must have config.json or ${SINTER_FILE}, not both: they may say different things of one model`,
      { details: { file: own } },
    );
  }
  if (await fileExists(file)) return readJsonObject(file);
  const instead = await insteadOfModel(folder);
  throw new SinterError('CORRUPT_MODEL', `${file}: no such file${instead}`, { details: { file } });
}

/** Reads the training.json of a model folder; null when there is none. */
export async function readTraining(path: string): Promise<JsonObject | null> {
  return readRecord(join(path, TRAINING_FILE));
}

async function readRecord(file: string): Promise<JsonObject | null> {
  return (await fileExists(file)) ? readJsonObject(file) : null;
}

/** Opens the weights of the transformer and of the modules that have weights. */
async function openAll(
  path: string,
  transformer: string,
  modules: readonly SentenceModule[],
): Promise<WeightFiles> {
  let weights = await openWeightFiles(transformer);
  try {
    for (const module of modules) {
      if (module.kind === 'normalize') continue;
      const own = await openWeightFiles(join(path, module.name));
      weights = weights.with(`${module.name}.`, own);
    }
    return weights;
  } catch (error) {
    await weights.close();
    throw error;
  }
}
