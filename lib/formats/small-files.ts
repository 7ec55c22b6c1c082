/**
 * The files of a model folder beside its weights: one list for who reads a folder and for who downloads one.
 *
 * The rule: a small file that Sinter reads is named here. One that is missing is neither fetched from the hub nor noticed when
 * it changes while a model is read.
 */

import { join } from 'node:path';
import { FileStamps } from '../core/files.js';
import { SINTER_FILE } from '../graph/sinter-file.js';
import { ADAPTER_CONFIG } from './adapter-folder.js';
import { LENGTH_FILES } from './sentence-text.js';

export const SMALL_FILES: readonly string[] = [
  'config.json',
  SINTER_FILE,
  // Not applied, but it must not be left out in silence.
  ADAPTER_CONFIG,
  ...['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json'],
  ...['vocab.txt', 'vocab.json', 'merges.txt'],
  ...['modules.json', 'config_sentence_transformers.json', ...LENGTH_FILES],
];

/** The small files of `folders` as they are before any of them is read: what they say together must be of one time. */
export async function stampSmallFiles(...folders: readonly string[]): Promise<FileStamps> {
  return FileStamps.take(
    folders.flatMap((folder) => SMALL_FILES.map((name) => join(folder, name))),
  );
}
