/**
 * Finds what a saved tokenizer_config.json must say so that Python, old and new, reads the saved tokenizer.json as it was used.
 *
 * A class of transformers may build its parts anew: where they would differ, the saved files name the class that takes
 * tokenizer.json as it is.
 */

import { isJsonObject, type JsonObject, parseJsonObject } from '../core/json.js';
import { decoderOf } from './added-tokens.js';
import { jsonText } from './json-text.js';
import { endsOf } from './post-processor.js';
import type { TokenizerClass } from './tokenizer-classes.js';
import type { TokenizerFiles } from './tokenizer-files.js';
import { ROLES, type TokenizerSettings, textOf } from './tokenizer-settings.js';
import { BERT_TOKENS } from './wordpiece-vocab.js';

/** Keys to set in tokenizer_config.json; null when it needs no change. `tokenizer` has the settings applied. */
export function pinsFor(
  tokenizer: JsonObject,
  kind: TokenizerClass,
  settings: TokenizerSettings,
): JsonObject | null {
  const pins: Record<string, JsonObject[string]> = {};
  if (kind.from === 'config.json' && kind.name !== null) pins.tokenizer_class = kind.name;
  const { values } = settings;
  const { pre_tokenizer: splitter, model } = tokenizer;
  if (kind.rules === 'none' && isJsonObject(splitter) && splitter.type === 'ByteLevel') {
    const own = splitter.add_prefix_space ?? null;
    // Older versions read a missing key as false.
    if (own === true && (values.add_prefix_space ?? null) === null) pins.add_prefix_space = own;
  }
  const decoder = decoderOf(tokenizer);
  const stated = values.added_tokens_decoder;
  if (stated !== undefined && !isSameDecoder(stated, decoder)) pins.added_tokens_decoder = decoder;
  const isWordPiece = isJsonObject(model) && model.type === 'WordPiece';
  if (kind.rules === 'bert' && isWordPiece && !isUsual(tokenizer, kind)) {
    Object.assign(pins, asWritten(kind, settings));
  }
  return Object.keys(pins).length === 0 ? null : pins;
}

/** The tokenizer with Lowercase before all other normalizers, and the settings to match. */
export function withLowercase(from: TokenizerFiles): TokenizerFiles {
  const { normalizer = null } = from.tokenizer;
  const isBert = isJsonObject(normalizer) && normalizer.type === 'BertNormalizer';
  if (isBert && normalizer.lowercase === true) return from;
  const files = new Map(from.files);
  // BERT's own lower-casing strips accents too, unless strip_accents is false.
  const accents = isBert && normalizer.strip_accents === true;
  const settings = { do_lower_case: true, strip_accents: accents };
  const lower = { type: 'Lowercase' };
  const tokenizer = {
    ...from.tokenizer,
    normalizer: isBert
      ? { ...normalizer, lowercase: true, strip_accents: accents }
      : normalizer === null
        ? lower
        : { type: 'Sequence', normalizers: [lower, normalizer] },
  };
  files.set('tokenizer.json', jsonText(tokenizer, from.source));
  if (!isBert) return { ...from, tokenizer, files };
  const config = { ...from.config, ...settings };
  const stated = files.get('tokenizer_config.json');
  const saved = {
    ...(stated === undefined ? {} : parseJsonObject(stated, from.source)),
    ...settings,
  };
  files.set('tokenizer_config.json', `${jsonText(saved, from.source, 2)}\n`);
  return { ...from, config, tokenizer, files };
}

/** Whether a tokenizer has the parts that newer versions build for BERT's classes, apart from its settings. */
function isUsual(
  { normalizer, pre_tokenizer, post_processor }: JsonObject,
  { name }: TokenizerClass,
) {
  const ends = endsOf(post_processor);
  return (
    isJsonObject(normalizer) &&
    normalizer.type === 'BertNormalizer' &&
    normalizer.clean_text === true &&
    isJsonObject(pre_tokenizer) &&
    pre_tokenizer.type === 'BertPreTokenizer' &&
    (ends !== null || name === 'MPNetTokenizer')
  );
}

/** The settings with the class that takes tokenizer.json as it is, and with the values that the former class had built in. */
export function asWritten(kind: TokenizerClass, settings: TokenizerSettings): JsonObject {
  const usual: Readonly<Record<string, { readonly content: string }>> =
    kind.name === 'MPNetTokenizer' ? {} : BERT_TOKENS;
  const roles = ROLES.flatMap((key) => {
    const token = settings.role(key) ?? usual[key]?.content;
    return token === undefined ? [] : [[key, token] as const];
  });
  const segments = settings.segments ?? kind.segments;
  const names = ['input_ids', ...(segments ? ['token_type_ids'] : []), 'attention_mask'];
  return {
    ...Object.fromEntries(roles),
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_input_names: names,
  };
}

function isSameDecoder(stated: JsonObject[string], decoder: JsonObject): boolean {
  if (!isJsonObject(stated)) return false;
  const ids = Object.keys(decoder);
  return (
    ids.length === Object.keys(stated).length &&
    ids.every((id) => isSameToken(stated[id], decoder[id]))
  );
}

function isSameToken(
  a: JsonObject[string] | undefined,
  b: JsonObject[string] | undefined,
): boolean {
  if (!isJsonObject(a) || !isJsonObject(b) || textOf(a) !== textOf(b)) return false;
  return Object.keys(b).every((key) => a[key] === b[key]);
}
