/**
 * The files of a model folder beside its weights: one list for reading a folder and for downloading one.
 *
 * The rule: every small file that Sinter reads is in this list. A file that is not in it is neither fetched from the
 * hub nor checked for changes while a model is read.
 */

import { join } from 'node:path';
import { FileStamps } from '../core/files.js';
import { SINTER_FILE } from '../graph/sinter-file.js';
import { ADAPTER_CONFIG } from './adapter-folder.js';
import { LENGTH_FILES } from './sentence-text.js';

export const SMALL_FILES: readonly string[] = [
  'config.json',
  SINTER_FILE,
  // Adapters are not applied, but a folder with one must be refused.
  ADAPTER_CONFIG,
  ...['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json'],
  ...['vocab.txt', 'vocab.json', 'merges.txt'],
  ...['modules.json', 'config_sentence_transformers.json', ...LENGTH_FILES],
];

/**
 * Stamps the small files of `folders` before any of them is read, so that a file that changes meanwhile is noticed:
 * they must all be of one version.
 */
export async function stampSmallFiles(...folders: readonly string[]): Promise<FileStamps> {
  return FileStamps.take(
    folders.flatMap((folder) => SMALL_FILES.map((name) => join(folder, name))),
  );
}
