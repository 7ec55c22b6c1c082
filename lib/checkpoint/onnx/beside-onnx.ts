/**
 * What lies beside an ONNX file: config.json, tokenizer, files of sentence-transformers. Without what reads the file itself.
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

/** What lies beside an ONNX file, or above its folder `onnx`. */
export interface BesideOnnx
  extends Pick<
    HfFolder,
    'tokenizerPath' | 'config' | 'sentence' | 'modelMaxLength' | 'training' | 'checkUnchanged'
  > {
  /** Whether tokenizer files lie beside it. */
  readonly hasTokenizer: boolean;
}

/** What the import depends on beside the file. */
export function importSettings(
  { config }: BesideOnnx,
  firstPosition: number | undefined,
): ImportSettings {
  return { firstPosition: firstPosition ?? firstPositionOf(config) };
}

/** Read before the file itself: what changes from here on is noticed. */
export async function besideOnnx(file: string): Promise<BesideOnnx> {
  const folders = [dirname(file)];
  if (basename(dirname(file)) === 'onnx') folders.push(dirname(dirname(file)));
  // Each read of the file itself, and of external data, compares it with what it was when it was parsed.
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
