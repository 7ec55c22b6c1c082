/**
 * The tokenizer files of a model folder, read and kept as text so that a saved model gets the same
 * ones.
 *
 * tokenizer.json is preferred; without it a WordPiece tokenizer is made from vocab.txt, or a byte-level one from vocab.json
 * and merges.txt.
 */

import { join } from 'node:path';
import { SinterError, show } from '../core/errors.js';
import {
  decodeUtf8,
  fileExists,
  type JsonObject,
  parseJsonObject,
  readModelFile,
} from '../core/json.js';
import { byteLevelTokenizer } from './byte-level-vocab.js';
import { wordPieceTokenizer } from './wordpiece-vocab.js';

const MAIN = 'tokenizer.json';
const CONFIG = 'tokenizer_config.json';
const SPECIALS = 'special_tokens_map.json';
const ADDED = 'added_tokens.json';
const WORDS = 'vocab.txt';
const PAIRS = 'vocab.json';
const MERGES = 'merges.txt';
const OTHERS = [CONFIG, SPECIALS, ADDED, WORDS, PAIRS, MERGES];
/** Vocabularies of sentencepiece, which only Python's slow tokenizers read. */
const SENTENCEPIECE = ['sentencepiece.bpe.model', 'spiece.model', 'spm.model', 'tokenizer.model'];

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
 * Throws CORRUPT_MODEL when there is no vocabulary, or a file is not what it should be; UNSUPPORTED_MODEL when there is only
 * one of sentencepiece.
 */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const files = new Map<string, string>();
  for (const name of [MAIN, ...OTHERS]) {
    const path = join(folder, name);
    if (await fileExists(path)) files.set(name, decodeUtf8(await readModelFile(path), path));
  }
  const parse = (name: string): JsonObject => {
    const text = files.get(name);
    return text === undefined ? {} : parseJsonObject(text, join(folder, name));
  };
  const config = parse(CONFIG);
  if (files.has(MAIN)) {
    return { source: join(folder, MAIN), tokenizer: parse(MAIN), config, files };
  }
  const settings = { ...parse(SPECIALS), ...config };
  const [words, pairs, merges] = [WORDS, PAIRS, MERGES].map((name) => files.get(name));
  const source = join(folder, words === undefined ? PAIRS : WORDS);
  let tokenizer: JsonObject;
  if (words !== undefined) tokenizer = wordPieceTokenizer(words, settings, source);
  else if (pairs !== undefined && merges !== undefined) {
    tokenizer = byteLevelTokenizer(pairs, merges, settings, source);
  } else throw await noVocabulary(folder);
  refuseAdded(parse(ADDED), tokenizer, join(folder, ADDED));
  files.set(MAIN, JSON.stringify(tokenizer));
  return { source, tokenizer, config, files };
}

/** What is wrong with a folder that no tokenizer can be made from. */
async function noVocabulary(folder: string): Promise<SinterError> {
  const file = join(folder, MAIN);
  for (const name of SENTENCEPIECE) {
    if (!(await fileExists(join(folder, name)))) continue;
    return new SinterError(
      'UNSUPPORTED_MODEL',
      `${file}: no such file, and ${name} is not read; in Python, ` +
        'AutoTokenizer.from_pretrained(folder).save_pretrained(folder) writes it',
      { details: { file } },
    );
  }
  const others = `no ${WORDS}, nor ${PAIRS} and ${MERGES}`;
  return new SinterError('CORRUPT_MODEL', `${file}: no such file, and ${others} beside it`, {
    details: { file },
  });
}

/** Tokens that were added to a vocabulary later have settings that only tokenizer.json keeps. */
function refuseAdded(added: JsonObject, tokenizer: JsonObject, file: string): void {
  const { vocab } = tokenizer.model as { readonly vocab: JsonObject };
  const unknown = Object.keys(added).find((token) => !Object.hasOwn(vocab, token));
  if (unknown === undefined) return;
  throw new SinterError(
    'UNSUPPORTED_MODEL',
    `${file}: the token ${show(unknown)} is not in the vocabulary; in Python, ` +
      'AutoTokenizer.from_pretrained(folder).save_pretrained(folder) writes a tokenizer.json that has it',
    { details: { file } },
  );
}
