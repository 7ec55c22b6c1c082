/**
 * Finds what tokenizer_config.json must add where it names no class, because readers then take the class of the model's type: a
 * model that came without config.json or without a type gets one when it is written, and with it that class and its rules.
 */

import { isJsonObject, type JsonObject, type JsonValue, parseJsonObject } from '../core/json.js';
import { applySettings } from './apply-settings.js';
import { asWritten, pinsFor } from './saved-settings.js';
import { tokenizerClassOf } from './tokenizer-classes.js';
import { TokenizerSettings } from './tokenizer-settings.js';

const CONFIG = 'tokenizer_config.json';

/**
 * Keys to add to `config`, the content of tokenizer_config.json beside `tokenizer`, the value of tokenizer.json, and the other `files`,
 * for a model of type `model_type`: the type's class with the settings that tokenizer.json has, or the class that takes tokenizer.json as it is where the type's
 * would change it. Empty where the file names a class, or the type has none.
 */
export function statedClass(
  config: JsonObject,
  tokenizer: JsonObject,
  files: ReadonlyMap<string, string>,
  model_type: JsonValue | undefined,
): JsonObject {
  const isStated = (config.tokenizer_class ?? null) !== null;
  if (isStated || model_type === undefined) return {};
  const kind = tokenizerClassOf({ folder: '', config, model: { model_type }, whole: true });
  if (kind.name === null) return {};
  const parse = (name: string): JsonObject => parseJsonObject(files.get(name) ?? '{}', name);
  const others = {
    specials: parse('special_tokens_map.json'),
    added: parse('added_tokens.json'),
    file: CONFIG,
  };
  const stated = { ...ownSettings(tokenizer), tokenizer_class: kind.name };
  try {
    const settings = new TokenizerSettings({ config: { ...config, ...stated }, ...others });
    const same = applySettings(tokenizer, kind, settings) === tokenizer;
    // Newer versions of BERT's classes make a WordPiece of any tokenizer.json.
    const fits = kind.rules !== 'bert' || isWordPiece(tokenizer);
    if (same && fits && pinsFor(tokenizer, kind, settings) === null) return stated;
  } catch {
    // The class refuses this tokenizer.
  }
  return asWritten(kind, new TokenizerSettings({ config, ...others }));
}

function isWordPiece({ model }: JsonObject): boolean {
  return isJsonObject(model) && model.type === 'WordPiece';
}

/** The settings of tokenizer_config.json as tokenizer.json has them. */
function ownSettings({ normalizer, pre_tokenizer, post_processor }: JsonObject): JsonObject {
  const own: Record<string, JsonValue> = {};
  const set = (key: string, value: JsonValue | undefined) => {
    if (value !== undefined) own[key] = value;
  };
  if (isJsonObject(normalizer) && normalizer.type === 'BertNormalizer') {
    set('do_lower_case', normalizer.lowercase);
    set('strip_accents', normalizer.strip_accents);
    set('tokenize_chinese_chars', normalizer.handle_chinese_chars);
  }
  if (isJsonObject(pre_tokenizer) && pre_tokenizer.type === 'ByteLevel') {
    set('add_prefix_space', pre_tokenizer.add_prefix_space);
  }
  if (isJsonObject(post_processor)) set('trim_offsets', post_processor.trim_offsets);
  return own;
}
