/**
 * The tokenizer files of a model folder, read and kept as text so that a saved model gets the same
 * ones.
 *
 * tokenizer.json is preferred; without it a WordPiece tokenizer is made from vocab.txt, or a byte-level one from vocab.json
 * and merges.txt. Settings of the other files are applied to it, and the saved tokenizer.json has them.
 */

import { basename, dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { SinterError, show } from '../core/errors.js';
import {
  decodeUtf8,
  fileExists,
  type JsonObject,
  parseJsonObject,
  readLongJsonObject,
  readModelFile,
} from '../core/json.js';
import { applySettings } from './apply-settings.js';
import { byteLevelTokenizer } from './byte-level-vocab.js';
import { jsonText } from './json-text.js';
import { readVocabulary } from './read-vocabulary.js';
import { pinsFor } from './saved-settings.js';
import { type TokenizerClass, tokenizerClassOf } from './tokenizer-classes.js';
import { TokenizerSettings } from './tokenizer-settings.js';
import { wordPieceTokenizer } from './wordpiece-vocab.js';

export const MAIN = 'tokenizer.json';
export const CONFIG = 'tokenizer_config.json';
const SPECIALS = 'special_tokens_map.json';
export const ADDED = 'added_tokens.json';
export const WORDS = 'vocab.txt';
export const PAIRS = 'vocab.json';
export const MERGES = 'merges.txt';
const OTHERS = [CONFIG, SPECIALS, ADDED, WORDS, PAIRS, MERGES];
/** Sentencepiece vocabularies, which only Python's slow tokenizers read. */
const SENTENCEPIECE = ['sentencepiece.bpe.model', 'spiece.model', 'spm.model', 'tokenizer.model'];
/** Merges of PhoBERT and BERTweet, beside a vocab.txt that is not WordPiece. */
const CODES = 'bpe.codes';

export interface TokenizerFiles {
  /** Path of the file that the tokenizer comes from, for messages. */
  readonly source: string;
  /** tokenizer.json as a value, with all settings applied. */
  readonly tokenizer: JsonObject;
  /** Settings as Python has them, from tokenizer_config.json and special_tokens_map.json. */
  readonly config: JsonObject;
  /** File name -> text, to be written beside a saved model. tokenizer.json is always among them. */
  readonly files: ReadonlyMap<string, string>;
  /** false: all tokens of a pair are of segment 0, whatever tokenizer.json says. Default: true. */
  readonly segments?: boolean;
}

/**
 * Reads the tokenizer of a folder. Throws CORRUPT_MODEL when there is no vocabulary or a file is invalid; UNSUPPORTED_MODEL for a
 * sentencepiece vocabulary alone, or a class or setting that is not supported.
 */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const files = new Map<string, string>();
  const main = join(folder, MAIN);
  const whole = (await fileExists(main)) ? await readLongJsonObject(main, readVocabulary) : null;
  if (whole !== null) files.set(MAIN, whole.text);
  for (const name of OTHERS) {
    const path = join(folder, name);
    if (await fileExists(path)) files.set(name, decodeUtf8(await readModelFile(path), path));
  }
  await setImmediate();
  const parse = (name: string): JsonObject => {
    const text = files.get(name);
    return text === undefined ? {} : parseJsonObject(text, join(folder, name));
  };
  const config = parse(CONFIG);
  const stated = { config, specials: parse(SPECIALS), added: parse(ADDED) };
  const settings = new TokenizerSettings({ ...stated, file: join(folder, CONFIG) });
  const model = await modelConfig(folder);
  const kind = tokenizerClassOf({ folder, config, model, whole: whole !== null });
  const { source, made } =
    whole === null
      ? await fromVocabulary(folder, files, kind, settings)
      : { source: main, made: whole.object };
  // Parsing a large vocabulary gets a turn of the event loop to itself.
  await setImmediate();
  const tokenizer = applySettings(made, kind, settings);
  if (tokenizer !== made || whole === null) files.set(MAIN, jsonText(tokenizer, source));
  const pins = pinsFor(tokenizer, kind, settings);
  if (pins !== null) files.set(CONFIG, `${jsonText({ ...config, ...pins }, source, 2)}\n`);
  return {
    source,
    tokenizer,
    config: settings.values,
    files,
    segments: settings.segments ?? kind.segments,
  };
}

/** config.json of the model, from the folder, or from its parent for a folder of ONNX files. */
async function modelConfig(folder: string): Promise<JsonObject> {
  const folders = basename(folder) === 'onnx' ? [folder, dirname(folder)] : [folder];
  for (const path of folders.map((one) => join(one, 'config.json'))) {
    if (await fileExists(path))
      return parseJsonObject(decodeUtf8(await readModelFile(path), path), path);
  }
  return {};
}

interface Made {
  /** Path of the vocabulary file. */
  readonly source: string;
  readonly made: JsonObject;
}

async function fromVocabulary(
  folder: string,
  files: ReadonlyMap<string, string>,
  kind: TokenizerClass,
  settings: TokenizerSettings,
): Promise<Made> {
  const [words, pairs, merges] = [WORDS, PAIRS, MERGES].map((name) => files.get(name));
  const hasPairs = pairs !== undefined && merges !== undefined;
  if (words === undefined && !hasPairs) throw await noVocabulary(folder);
  const vocabulary =
    kind.name === null ? (words === undefined ? 'pairs' : 'words') : kind.vocabulary;
  if (vocabulary === 'words' && words !== undefined) {
    const source = join(folder, WORDS);
    const codes = join(folder, CODES);
    if (await fileExists(codes)) throw unsupported(codes, `merges ${CODES}`);
    return { source, made: wordPieceTokenizer(words, settings, kind.name, source) };
  }
  if (vocabulary === 'pairs' && hasPairs) {
    const source = join(folder, PAIRS);
    return { source, made: byteLevelTokenizer(pairs, merges, settings, source) };
  }
  throw unsupported(
    join(folder, words === undefined ? PAIRS : WORDS),
    `tokenizer ${show(kind.name)}`,
  );
}

function unsupported(file: string, what: string): SinterError {
  return new SinterError(
    'UNSUPPORTED_MODEL',
    `${file}: unsupported ${what} without tokenizer.json; save it with the fast tokenizer of transformers`,
    { details: { file } },
  );
}

/** The error for a folder from which no tokenizer can be made. */
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
