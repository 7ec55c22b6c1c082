/**
 * Models, which map words to ids.
 *
 * Old files leave the type out; the package then takes the first type that fits, in the order of MODELS.
 */

import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';
import type { Steps } from '../../core/turns.js';
import { coreWordsOf } from '../read-vocabulary.js';
import { ListedWords, type Words } from '../words.js';
import {
  anything,
  bool,
  checkFields,
  type Fields,
  optional,
  orNull,
  required,
  text,
} from './fields.js';
import { checkMerges } from './merges.js';
import type { JsonPlace } from './place.js';

/** Largest vocabulary; XLM-V has 900,000 tokens. */
export const MAX_TOKENS = 2 ** 20;
/** Longest token, in bytes: each place of a text where it is found gets a copy. */
const MAX_TOKEN = 1024;
/** Longest token of Unigram, in bytes: at each place of a text it looks up all tokens that begin there. */
const MAX_PIECE = 256;
/** Most bytes of all Unigram tokens together: each byte may become a node of a trie. */
const MAX_PIECES = 2 ** 23;
/** Tokens checked before the event loop turns. */
const PER_STEP = 2048;
/** Longest continuing_subword_prefix or end_of_word_suffix, in bytes. */
const MAX_AFFIX = 32;
/** Largest max_input_chars_per_word of WordPiece, whose time grows with the cube of it. */
const MAX_WORD = 256;

interface Model {
  readonly fields: Fields;
  readonly check: (object: JsonObject, at: JsonPlace) => Steps<CheckedVocabulary>;
}

/** What one pass over a vocabulary has found. */
export interface CheckedVocabulary {
  /** Words by id; null where ids have gaps, and for Unigram. */
  readonly words: Words | null;
  /** -1 for none. */
  readonly largestId: number;
}

const affix = orNull((value, at) => {
  at.text(value, MAX_AFFIX);
});
const flag = optional(orNull(bool));

const MODELS: Readonly<Record<string, Model>> = {
  BPE: {
    fields: {
      dropout: optional(dropout),
      unk_token: optional(orNull(text)),
      continuing_subword_prefix: optional(affix),
      end_of_word_suffix: optional(affix),
      fuse_unk: flag,
      byte_fallback: flag,
      ignore_merges: flag,
      vocab: required(anything),
      merges: required(anything),
    },
    *check({ vocab, merges, continuing_subword_prefix: prefix }, at) {
      const { ids, seen } = yield* vocabulary(vocab, at.at('vocab'));
      yield* checkMerges(merges, at.at('merges'), {
        ids,
        prefix: typeof prefix === 'string' ? prefix : '',
      });
      return seen;
    },
  },
  WordPiece: {
    fields: {
      unk_token: required(text),
      continuing_subword_prefix: required((value, at) => {
        at.text(value, MAX_AFFIX);
      }),
      max_input_chars_per_word: required((value, at) => {
        if (at.integer(value, 0) > MAX_WORD) throw at.unsupported(`at most ${MAX_WORD}`, value);
      }),
      vocab: required(anything),
    },
    check: withUnknown,
  },
  WordLevel: {
    fields: { unk_token: required(text), vocab: required(anything) },
    check: withUnknown,
  },
  Unigram: {
    fields: {
      unk_id: optional(anything),
      byte_fallback: optional(bool),
      vocab: required(anything),
    },
    check: unigram,
  },
};

/** Checks the settings at once, and the vocabulary, which may be large, in steps. */
export function checkModel(value: JsonValue | undefined, at: JsonPlace): Steps<CheckedVocabulary> {
  const object = at.object(value);
  const { type = modelTypeOf(object) } = object;
  if (typeof type !== 'string') throw at.at('type').corrupt('a text', type);
  const model = Object.hasOwn(MODELS, type) ? MODELS[type] : undefined;
  if (model === undefined) throw at.at('type').unsupported(Object.keys(MODELS).join(' or '), type);
  checkFields(object, model.fields, at);
  return model.check(object, at);
}

/** The type of a model that does not state it. */
export function modelTypeOf({
  merges,
  vocab,
  max_input_chars_per_word: longest,
}: JsonObject): string {
  if (merges !== undefined) return 'BPE';
  if (Array.isArray(vocab)) return 'Unigram';
  return longest === undefined ? 'WordLevel' : 'WordPiece';
}

/** Tokens and ids. */
function* vocabulary(
  value: JsonValue | undefined,
  at: JsonPlace,
): Steps<{ readonly ids: JsonObject; readonly seen: CheckedVocabulary }> {
  const ids = at.object(value);
  const known = coreWordsOf(value);
  // The core has checked more than is checked here.
  if (known !== null) return { ids, seen: { words: known, largestId: known.size - 1 } };
  yield;
  const tokens = Object.keys(ids);
  yield;
  if (tokens.length === 0) throw at.corrupt('a vocabulary of at least one token', value);
  if (tokens.length > MAX_TOKENS)
    throw at.unsupported(`a vocabulary of at most ${MAX_TOKENS} tokens`, tokens.length);
  const words = new Array<string>(tokens.length).fill('');
  let [largestId, placed] = [-1, 0];
  for (const [i, token] of tokens.entries()) {
    if (i % PER_STEP === 0) yield;
    if (token.length > MAX_TOKEN / 3) at.at(token).text(token, MAX_TOKEN);
    const id = ids[token] as number;
    if (!Number.isInteger(id) || id < 0 || id > 2 ** 31 - 1) {
      throw at.at(token).corrupt('an integer from 0 to 2147483647', id);
    }
    if (id > largestId) largestId = id;
    if (words[id] !== '') continue;
    words[id] = token;
    placed++;
  }
  const isWhole = placed === tokens.length;
  return { ids, seen: { words: isWhole ? new ListedWords(words) : null, largestId } };
}

function* withUnknown(
  { vocab, unk_token: unknown }: JsonObject,
  at: JsonPlace,
): Steps<CheckedVocabulary> {
  const { ids, seen } = yield* vocabulary(vocab, at.at('vocab'));
  if (typeof unknown === 'string' && Object.hasOwn(ids, unknown)) return seen;
  throw at.at('unk_token').corrupt('a token of the vocabulary', unknown);
}

/** With dropout, a text would get other ids each time. */
function dropout(value: JsonValue, at: JsonPlace): void {
  if (value === null || value === 0) return;
  if (typeof value !== 'number' || value < 0 || value > 1)
    throw at.corrupt('a number from 0 to 1', value);
  throw at.unsupported('null or 0', value);
}

function* unigram(
  { vocab, unk_id: unknown = null }: JsonObject,
  at: JsonPlace,
): Steps<CheckedVocabulary> {
  const place = at.at('vocab');
  const pieces = place.list(vocab, MAX_TOKENS);
  if (pieces.length === 0) throw place.corrupt('a vocabulary of at least one token', vocab);
  if (unknown !== null) at.at('unk_id').integer(unknown, 0, pieces.length - 1);
  let bytes = 0;
  for (const [i, piece] of pieces.entries()) {
    if (i % PER_STEP === 0) yield;
    const [token, score, ...more] = Array.isArray(piece) ? (piece as readonly JsonValue[]) : [];
    if (
      typeof token !== 'string' ||
      typeof score !== 'number' ||
      !Number.isFinite(score) ||
      more.length > 0
    ) {
      throw place.at(i).corrupt('a token and its score', isJsonObject(piece) ? 'an object' : piece);
    }
    const length = Buffer.byteLength(token);
    if (length > MAX_PIECE)
      throw place.at(i).unsupported(`a token of at most ${MAX_PIECE} bytes`, token);
    bytes += length;
  }
  if (bytes > MAX_PIECES)
    throw place.unsupported(`a vocabulary of at most ${MAX_PIECES} bytes`, bytes);
  return { words: null, largestId: pieces.length - 1 };
}
