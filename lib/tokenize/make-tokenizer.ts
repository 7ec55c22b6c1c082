/**
 * Makes the instance of the `tokenizers` package for a tokenizer.json that has been checked.
 *
 * The package parses a whole tokenizer.json on the JavaScript thread (30,000 words in some 30 ms), but reads a vocabulary file
 * off it. So a large WordPiece vocabulary goes through such a file wherever that gives the very same tokenizer.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Model, Tokenizer } from 'tokenizers';
import { SinterError } from '../core/errors.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { inTurns, type Steps } from '../core/turns.js';
import { jsonText } from './json-text.js';
import { tokenizersPackage } from './package.js';

/** Least words of a vocabulary worth a file; smaller ones are parsed in a few milliseconds. */
const LARGE = 8192;
/** Settings that are passed on beside the vocabulary file; a model with any other is parsed from JSON. */
const OPTIONS = ['unk_token', 'continuing_subword_prefix', 'max_input_chars_per_word'];

export interface MadeTokenizer {
  readonly tokenizer: Tokenizer;
  /** Words that the package knows under another name, by id; no text contains them. */
  readonly renamed: ReadonlyMap<number, string>;
}

/** Throws CORRUPT_MODEL, with `source`, for a tokenizer that the package refuses. `words`: the vocabulary by id, or null. */
export async function makeTokenizer(
  tokenizer: JsonObject,
  words: readonly string[] | null,
  source: string,
): Promise<MadeTokenizer> {
  tokenizersPackage();
  await setImmediate();
  const listed = words && words.length >= LARGE ? await fromWords(tokenizer, words, source) : null;
  if (listed !== null) return listed;
  // The text is written from the checked value: in the file's own text the package might read something else, such as the first
  // of two equal keys.
  const text = jsonText(tokenizer, source);
  await setImmediate();
  return { tokenizer: tokenizerFrom(text, source), renamed: new Map() };
}

/** Parses a tokenizer synchronously, on this thread. */
export function tokenizerFrom(json: string, source: string): Tokenizer {
  try {
    const tokenizer = tokenizersPackage().Tokenizer.fromString(json);
    tokenizer.disablePadding();
    tokenizer.disableTruncation();
    return tokenizer;
  } catch (cause) {
    throw brokenTokenizer(source, 'not a tokenizer', cause);
  }
}

/** An error for a failure of the package, which is the fault of the file `source`. */
export function brokenTokenizer(source: string, what: string, cause: unknown): SinterError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SinterError('CORRUPT_MODEL', `${source}: ${what}: ${reason}`, {
    details: { file: source },
    cause,
  });
}

/** As `makeTokenizer`, through a vocabulary file; null where that can't give the same tokenizer. */
export async function fromWords(
  tokenizer: JsonObject,
  words: readonly string[],
  source: string,
): Promise<MadeTokenizer | null> {
  const { model } = tokenizer;
  if (!isJsonObject(model) || model.type !== 'WordPiece' || !isJsonObject(model.vocab)) return null;
  const known = Object.keys(model).every((key) => ['type', 'vocab', ...OPTIONS].includes(key));
  const few = known ? ownWords(tokenizer, model, model.vocab) : null;
  if (few === null) return null;
  await setImmediate();
  const renamed = new Map<number, string>();
  const lines = await inTurns(linesOf(tokenizer, model, words, renamed));
  if (lines === null) return null;
  await setImmediate();
  const found = await readWords(model, lines.join('\n'));
  if (found === null) return null;
  await setImmediate();
  // Added tokens get their ids from the model that is there when they are added, so it must have the words that they name.
  const made = tokenizerFrom(
    jsonText({ ...tokenizer, model: { ...model, vocab: few } }, source),
    source,
  );
  made.setModel(found);
  return isComplete(made, lines) ? { tokenizer: made, renamed } : null;
}

/**
 * The vocabulary entries of the added tokens and the unknown token. null where an added token is not in the vocabulary or has
 * another id there: the package would number it by the size of the vocabulary.
 */
function ownWords(
  { added_tokens: added = [] }: JsonObject,
  { unk_token: unknown }: JsonObject,
  vocab: JsonObject,
): JsonObject | null {
  if (typeof unknown !== 'string' || !Array.isArray(added)) return null;
  const own: [string, JsonValue][] = [[unknown, vocab[unknown] ?? 0]];
  for (const token of added as readonly JsonValue[]) {
    if (!isJsonObject(token) || typeof token.content !== 'string') return null;
    const { content, id = null } = token;
    if (!Object.hasOwn(vocab, content) || vocab[content] !== id) return null;
    own.push([content, id]);
  }
  return Object.fromEntries(own);
}

/**
 * A word with white space at its end, which the package cuts off from a line; matching more of it than the package does no harm.
 */
const SPACE_AT_END = /[\s\u0085]$/u;

/** A word of white space alone, none of it ASCII; some vocabularies have such entries. */
const BLANK = /^(?=\P{ASCII}+$)\p{White_Space}+$/u;
/** Words listed before the event loop turns. */
const PER_STEP = 2048;

/**
 * One line per word; null where a word would not survive as a line. Under a splitter that drops white space no text has a word of
 * white space: such words, which Chinese vocabularies have, are `renamed`.
 */
function* linesOf(
  { pre_tokenizer: splitter = null }: JsonObject,
  { vocab, continuing_subword_prefix: prefix }: JsonObject,
  words: readonly string[],
  renamed: Map<number, string>,
): Steps<readonly string[] | null> {
  const dropped = isJsonObject(splitter) && splitter.type === 'BertPreTokenizer';
  const inside = String(prefix);
  const lines: string[] = [];
  for (const [id, word] of words.entries()) {
    if (id % PER_STEP === 0) yield;
    if (word === '' || word.includes('\n') || !word.isWellFormed()) return null;
    if (!SPACE_AT_END.test(word)) {
      lines.push(word);
      continue;
    }
    const before = inside !== '' && word.startsWith(inside) ? inside : '';
    const line = `${before}${nameOf(id)}`;
    const isFree = isJsonObject(vocab) && !Object.hasOwn(vocab, line);
    if (!dropped || !isFree || !BLANK.test(word.slice(before.length))) return null;
    renamed.set(id, word.slice(before.length));
    lines.push(line);
  }
  return lines;
}

/** The other name of a word: begins with white space, as the word does, but does not end with it. */
function nameOf(id: number): string {
  return `\u3000${id};`;
}

/** A decoded text with the renamed words under their own names. */
export function withOwnNames(text: string, renamed: ReadonlyMap<number, string>): string {
  if (renamed.size === 0) return text;
  return text.replaceAll(/\u3000(\d+);/g, (name, id) => renamed.get(Number(id)) ?? name);
}

/** The model that the package reads from a temporary file; null where none can be written. */
async function readWords(model: JsonObject, text: string): Promise<Model | null> {
  let folder: string;
  try {
    folder = await mkdtemp(join(tmpdir(), 'sinter-vocabulary-'));
  } catch {
    return null;
  }
  try {
    const file = join(folder, 'vocab.txt');
    await writeFile(file, text);
    return await tokenizersPackage().WordPiece.fromFile(file, {
      unkToken: String(model.unk_token),
      continuingSubwordPrefix: String(model.continuing_subword_prefix),
      maxInputCharsPerWord: Number(model.max_input_chars_per_word),
    });
  } catch {
    return null;
  } finally {
    await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}

/** Whether the package has read the list to its end. */
function isComplete(tokenizer: Tokenizer, words: readonly string[]): boolean {
  const last = words.length - 1;
  return (
    tokenizer.getVocabSize(false) === words.length &&
    tokenizer.idToToken(last) === words[last] &&
    tokenizer.tokenToId(words[last] ?? '') === last
  );
}
