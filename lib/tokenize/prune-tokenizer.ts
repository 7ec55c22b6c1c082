/**
 * Takes tokens out of a tokenizer: all of its files are written anew, with new ids.
 *
 * The rule: tokens that stay keep their order, so a new id is the number of tokens before it that stay. Special tokens at the
 * start of a vocabulary keep their ids.
 */

import { SinterError, show } from '../core/errors.js';
import { isJsonObject, type JsonObject, type JsonValue, parseJsonObject } from '../core/json.js';
import { inTurns, Turn } from '../core/turns.js';
import { jsonText } from './json-text.js';
import { TextTokenizer } from './text-tokenizer.js';
import {
  ADDED,
  CONFIG,
  MAIN,
  MERGES,
  PAIRS,
  type TokenizerFiles,
  WORDS,
} from './tokenizer-files.js';
import { ROLES, textOf } from './tokenizer-settings.js';
import { type NewIds, type VocabularyKind, vocabularyKind } from './vocabulary-kinds.js';

/** What is known of a tokenizer whose tokens may be taken out. */
export interface PrunableTokenizer {
  readonly tokenizer: TextTokenizer;
  readonly from: TokenizerFiles;
  readonly kind: VocabularyKind;
  /** The largest id of a token, and 1. */
  readonly size: number;
  /** Ids of added tokens by their texts, as the tokenizer gives them out. */
  readonly added: ReadonlyMap<string, number>;
  /** Ids that stay whatever the texts are: added and special tokens, what the files name, and what any text may need. */
  readonly always: ReadonlySet<number>;
  /** The id of the token that pads; null where the files name none. */
  readonly padding: number | null;
}

/** Reads the tokenizer's files. Throws UNSUPPORTED_MODEL for a tokenizer that is not WordPiece, BPE or Unigram. */
export async function prunableTokenizer(
  where: string,
  tokenizer: TextTokenizer,
): Promise<PrunableTokenizer> {
  if (!tokenizer.files.has(MAIN)) {
    throw new SinterError('UNSUPPORTED_MODEL', `${where}: the model has no tokenizer`);
  }
  const from = await tokenizer.source();
  const json = from.tokenizer;
  const kind = await inTurns(vocabularyKind(json.model, from.source));
  const added = new Map<string, number>();
  for (const token of listOf(json.added_tokens).filter(isJsonObject)) {
    const content = String(token.content);
    const id = tokenizer.tokenToId(content);
    if (id !== null) added.set(content, id);
  }
  const always = new Set([...kind.needed, ...added.values(), ...idsIn(json)]);
  for (const role of ROLES) {
    const id = tokenizer.tokenToId(textOf(from.config[role]) ?? '');
    if (id !== null) always.add(id);
  }
  let largest = 0;
  for (const ids of [kind.tokens.keys(), always]) {
    for (const id of ids) largest = Math.max(largest, id);
  }
  const padding = paddingOf(tokenizer, from);
  return { tokenizer, from, kind, size: largest + 1, added, always, padding };
}

/** The id of the token that pads, from the settings, tokenizer.json or its usual names. */
function paddingOf(tokenizer: TextTokenizer, { config, tokenizer: json }: TokenizerFiles) {
  const { padding } = json;
  const stated = textOf(config.pad_token) ?? textOf(isJsonObject(padding) ? padding.pad_token : '');
  const ids = [stated, '[PAD]', '<pad>'].map((name) => tokenizer.tokenToId(name || ''));
  return ids.find((id) => id !== null) ?? null;
}

/** The ids that the post-processor and the padding of a tokenizer.json name. */
function idsIn({ post_processor: processor, padding }: JsonObject): number[] {
  const found: number[] = [];
  const note: NewIds = (id) => {
    found.push(id);
    return id;
  };
  renumberedProcessor(processor ?? null, note);
  renumberedPadding(padding ?? null, note);
  return found;
}

/**
 * A tokenizer with these ids only, in increasing order; `from.always` and the parts of all of them must be among them. Throws
 * UNSUPPORTED_MODEL where the tokens that stay do not get the ids that they should have.
 */
export async function prunedTokenizer(
  where: string,
  before: PrunableTokenizer,
  kept: readonly number[],
): Promise<TextTokenizer> {
  const { from, kind, added } = before;
  const numbers = new Map(kept.map((id, now) => [id, now]));
  const newIds: NewIds = (id) => numbers.get(id);
  const idOf = (content: string, stated: JsonValue | undefined): JsonValue => {
    const id = added.get(content) ?? before.tokenizer.tokenToId(content) ?? stated;
    return typeof id === 'number' ? (newIds(id) ?? id) : (stated ?? null);
  };
  const model = await inTurns(kind.reduced(newIds));
  const json = from.tokenizer;
  const tokenizer: JsonObject = {
    ...json,
    ...(json.added_tokens !== undefined && {
      added_tokens: listOf(json.added_tokens).map((token) =>
        isJsonObject(token) ? { ...token, id: idOf(String(token.content), token.id) } : token,
      ),
    }),
    ...(json.post_processor !== undefined && {
      post_processor: renumberedProcessor(json.post_processor, newIds),
    }),
    ...(json.padding !== undefined && { padding: renumberedPadding(json.padding, newIds) }),
    model,
  };
  const made = await TextTokenizer.fromFiles({
    ...from,
    tokenizer,
    config: renumberedConfig(from.config, idOf),
    files: filesOf(from, tokenizer, idOf),
  });
  await checkIds(where, before, made, newIds);
  return made;
}

/** Throws unless each token that stays has its new id. */
async function checkIds(
  where: string,
  { tokenizer, kind, added, from }: PrunableTokenizer,
  made: TextTokenizer,
  newIds: NewIds,
): Promise<void> {
  const turn = new Turn();
  const check = (token: string, id: number) => {
    const wanted = newIds(id);
    if (wanted === undefined || made.tokenToId(token) === wanted) return;
    // A list of tokens may have one twice, which has one id only.
    if (tokenizer.tokenToId(token) !== id) return;
    const got = made.tokenToId(token);
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${where}: ${from.source}: the token ${show(token)} would get the id ${got}, not ${wanted}`,
      { details: { file: from.source } },
    );
  };
  for (const [id, token] of kind.tokens) {
    if (turn.isOver) await turn.end();
    check(token, id);
  }
  for (const [token, id] of added) check(token, id);
}

function renumberedProcessor(processor: JsonValue, newIds: NewIds): JsonValue {
  if (!isJsonObject(processor)) return processor;
  const { type, processors, special_tokens: special, cls, sep } = processor;
  if (type === 'Sequence') {
    const parts = listOf(processors).map((part) => renumberedProcessor(part, newIds));
    return { ...processor, processors: parts };
  }
  if (isJsonObject(special)) {
    const entries = Object.entries(special).map(([name, token]) => {
      if (!isJsonObject(token)) return [name, token] as const;
      return [name, { ...token, ids: listOf(token.ids).map((id) => renumbered(id, newIds)) }];
    });
    return { ...processor, special_tokens: Object.fromEntries(entries) };
  }
  if (!Array.isArray(cls) || !Array.isArray(sep)) return processor;
  const pair = ([name, id]: readonly JsonValue[]): JsonValue => [
    name ?? null,
    renumbered(id ?? null, newIds),
  ];
  return { ...processor, sep: pair(sep), cls: pair(cls) };
}

function renumberedPadding(padding: JsonValue, newIds: NewIds): JsonValue {
  if (!isJsonObject(padding)) return padding;
  return { ...padding, pad_id: renumbered(padding.pad_id ?? null, newIds) };
}

function renumbered(id: JsonValue, newIds: NewIds): JsonValue {
  return typeof id === 'number' ? (newIds(id) ?? id) : id;
}

type IdOf = (content: string, stated: JsonValue | undefined) => JsonValue;

/** The settings with the new ids of added tokens. */
function renumberedConfig(config: JsonObject, idOf: IdOf): JsonObject {
  const { added_tokens_decoder: decoder } = config;
  if (!isJsonObject(decoder)) return config;
  const entries = Object.entries(decoder).map(([id, token]) => {
    const content = textOf(token);
    return [content === null ? id : String(idOf(content, Number(id))), token] as const;
  });
  return { ...config, added_tokens_decoder: Object.fromEntries(entries) };
}

/** The texts of all files. A plain vocabulary that cannot say what tokenizer.json says is left out. */
function filesOf(
  { files, source }: TokenizerFiles,
  tokenizer: JsonObject,
  idOf: IdOf,
): ReadonlyMap<string, string> {
  const made = new Map(files);
  made.set(MAIN, jsonText(tokenizer, source));
  const config = files.get(CONFIG);
  if (config !== undefined) {
    const old = parseJsonObject(config, CONFIG);
    const now = renumberedConfig(old, idOf);
    if (now !== old) made.set(CONFIG, `${jsonText(now, source, 2)}\n`);
  }
  const added = files.get(ADDED);
  if (added !== undefined) {
    const tokens = Object.entries(parseJsonObject(added, ADDED));
    const now = Object.fromEntries(tokens.map(([content, id]) => [content, idOf(content, id)]));
    made.set(ADDED, `${jsonText(now, source, 2)}\n`);
  }
  const plain = plainFiles(isJsonObject(tokenizer.model) ? tokenizer.model : {}, source);
  for (const name of [WORDS, PAIRS, MERGES]) {
    const text = plain.get(name);
    if (!made.has(name)) continue;
    if (text === undefined) made.delete(name);
    else made.set(name, text);
  }
  return made;
}

/** The vocabulary files of a model by name: vocab.txt of WordPiece, vocab.json and merges.txt of BPE, where these can say it. */
function plainFiles(model: JsonObject, source: string): ReadonlyMap<string, string> {
  const { vocab, merges } = model;
  if (!isJsonObject(vocab)) return new Map();
  if (merges === undefined) {
    const words = Object.keys(vocab).sort((a, b) => Number(vocab[a]) - Number(vocab[b]));
    const isList = words.every((word, id) => vocab[word] === id && !/[\r\n]/.test(word));
    return new Map(isList ? [[WORDS, `${words.join('\n')}\n`]] : []);
  }
  const lines = listOf(merges).map((merge) =>
    typeof merge === 'string' ? merge : (merge as readonly string[]).join(' '),
  );
  if (lines[0]?.startsWith('#version')) lines.shift();
  if (lines.some((line) => line.split(' ').length !== 2 || /[\r\n]/.test(line))) return new Map();
  return new Map([
    [PAIRS, `${jsonText(vocab, source)}\n`],
    [MERGES, `${['#version: 0.2', ...lines].join('\n')}\n`],
  ]);
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}
