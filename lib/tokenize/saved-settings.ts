/**
 * What a saved tokenizer_config.json must say so that Python, old and new, makes of the saved tokenizer.json what was used.
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

/** Keys to set in tokenizer_config.json; null when it says all of it. `tokenizer` has the settings applied. */
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
    // Older versions take silence for false.
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

/** With texts in lower case before all else, whatever the tokenizer does by itself; the files say the same. */
export function withLowercase(from: TokenizerFiles): TokenizerFiles {
  const { normalizer = null } = from.tokenizer;
  const isBert = isJsonObject(normalizer) && normalizer.type === 'BertNormalizer';
  if (isBert && normalizer.lowercase === true) return from;
  const files = new Map(from.files);
  // BERT's own lower case takes accents along unless it is told not to.
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

/** What newer versions build for BERT's classes, apart from its settings. */
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

/** The class that takes tokenizer.json as it is, with what the former one knew by itself. */
function asWritten(kind: TokenizerClass, settings: TokenizerSettings): JsonObject {
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
