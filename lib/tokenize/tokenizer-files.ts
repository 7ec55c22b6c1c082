/**
 * The tokenizer files of a model folder, read and kept as text so that a saved model gets the same
 * ones.
 *
 * tokenizer.json is preferred; without it a WordPiece tokenizer is made from vocab.txt.
 */

import { join } from 'node:path';
import { SinterError } from '../core/errors.js';
import {
  decodeUtf8,
  fileExists,
  type JsonObject,
  parseJsonObject,
  readModelFile,
} from '../core/json.js';
import { wordPieceTokenizer } from './wordpiece-vocab.js';

const MAIN = 'tokenizer.json';
const CONFIG = 'tokenizer_config.json';
const VOCABULARY = 'vocab.txt';
const OTHERS = [CONFIG, 'special_tokens_map.json', 'added_tokens.json', VOCABULARY];

export interface TokenizerFiles {
  /** Path of the file that the tokenizer comes from, for messages. */
  readonly source: string;
  /** tokenizer.json as a value. */
  readonly tokenizer: JsonObject;
  /** tokenizer_config.json, empty when absent. */
  readonly config: JsonObject;
  /** File name -> text, to be written beside a saved model. tokenizer.json is always among them. */
  readonly files: ReadonlyMap<string, string>;
}

/**
 * Throws CORRUPT_MODEL when there is neither tokenizer.json nor vocab.txt, or a file is not what it
 * should be.
 */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const files = new Map<string, string>();
  for (const name of [MAIN, ...OTHERS]) {
    const path = join(folder, name);
    if (await fileExists(path)) files.set(name, decodeUtf8(await readModelFile(path), path));
  }
  const configText = files.get(CONFIG);
  const config = configText === undefined ? {} : parseJsonObject(configText, join(folder, CONFIG));
  const main = files.get(MAIN);
  if (main !== undefined) {
    const source = join(folder, MAIN);
    return { source, tokenizer: parseJsonObject(main, source), config, files };
  }
  const vocabulary = files.get(VOCABULARY);
  if (vocabulary === undefined) {
    const file = join(folder, MAIN);
    throw new SinterError(
      'CORRUPT_MODEL',
      `${file}: no such file, and no ${VOCABULARY} beside it`,
      {
        details: { file },
      },
    );
  }
  const source = join(folder, VOCABULARY);
  const tokenizer = wordPieceTokenizer(vocabulary, config, source);
  files.set(MAIN, JSON.stringify(tokenizer));
  return { source, tokenizer, config, files };
}
