/**
 * Reads the files beside an ONNX file: config.json, tokenizer, sentence-transformers files. Imports nothing that reads the
 * ONNX file itself.
 */

import { basename, dirname, join } from 'node:path';
import { firstPositionOf } from '../../architectures/first-position.js';
import { FileStamps } from '../../core/files.js';
import { checkStamps, fileExists, type JsonObject, readJsonObject } from '../../core/json.js';
import { type HfFolder, readTraining } from '../../formats/hf-folder.js';
import type { ImportSettings } from '../../formats/onnx/import/index.js';
import { readSentenceFiles } from '../../formats/sentence-files.js';
import { readModelMaxLength } from '../../formats/sentence-text.js';
import { stampSmallFiles } from '../../formats/small-files.js';
import type { SentenceSettings } from '../../graph/checkpoint.js';

/** Content of the files beside an ONNX file, or beside its folder `onnx`. */
export interface FilesBesideOnnx
  extends Pick<
    HfFolder,
    'tokenizerPath' | 'config' | 'sentence' | 'modelMaxLength' | 'training' | 'checkUnchanged'
  > {
  /** Whether there are tokenizer files. */
  readonly hasTokenizer: boolean;
}

/** Settings of the import that depend on the files beside the ONNX file. */
export function importSettings(
  { config }: FilesBesideOnnx,
  firstPosition: number | undefined,
): ImportSettings {
  return { firstPosition: firstPosition ?? firstPositionOf(config) };
}

/** Reads the files, before the ONNX file itself is read: `checkUnchanged` notices any change from here on. */
export async function readFilesBeside(file: string): Promise<FilesBesideOnnx> {
  const folders = [dirname(file)];
  if (basename(dirname(file)) === 'onnx') folders.push(dirname(dirname(file)));
  // External data needs no stamp here: each read of it, and of the file itself, checks the stamp from parsing.
  const stamps = [await FileStamps.take([file]), await stampSmallFiles(...folders)];
  const tokenizer = await tokenizerFolder(folders);
  return {
    config: await firstConfig(folders),
    sentence: await firstSentence(folders),
    tokenizerPath: tokenizer ?? dirname(file),
    hasTokenizer: tokenizer !== null,
    modelMaxLength: tokenizer === null ? null : await readModelMaxLength(tokenizer),
    training: await firstTraining(folders),
    checkUnchanged: async () => {
      for (const one of stamps) await checkStamps(one);
    },
  };
}

async function firstConfig(folders: readonly string[]): Promise<JsonObject> {
  for (const folder of folders) {
    const file = join(folder, 'config.json');
    if (await fileExists(file)) return readJsonObject(file);
  }
  return {};
}

async function firstSentence(folders: readonly string[]): Promise<SentenceSettings | null> {
  for (const folder of folders) {
    const files = await readSentenceFiles(folder);
    if (files !== null) return files.settings;
  }
  return null;
}

async function firstTraining(folders: readonly string[]): Promise<JsonObject | null> {
  for (const folder of folders) {
    const found = await readTraining(folder);
    if (found !== null) return found;
  }
  return null;
}

async function tokenizerFolder(folders: readonly string[]): Promise<string | null> {
  for (const folder of folders) {
    for (const file of ['tokenizer.json', 'vocab.txt', 'vocab.json']) {
      if (await fileExists(join(folder, file))) return folder;
    }
  }
  return null;
}
