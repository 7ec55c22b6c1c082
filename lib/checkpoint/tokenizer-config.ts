/**
 * The tokenizer_config.json to write beside a model. transformers.js loads no tokenizer where it is missing, pads with the token
 * that it names, and takes the segments of pairs from its class.
 *
 * The rule: what others wrote stays as it is, unless readers would cut texts into other tokens than the model does; a special
 * token is named only where tokenizer.json has it.
 */

import { setImmediate } from 'node:timers/promises';
import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  parseJsonObject,
  parseLongJsonObject,
} from '../core/json.js';
import { readVocabulary } from '../tokenize/read-vocabulary.js';
import { statedClass } from '../tokenize/stated-class.js';
import { ROLES, textOf } from '../tokenize/tokenizer-settings.js';

export const TOKENIZER_CONFIG = 'tokenizer_config.json';
export const TOKENIZER = 'tokenizer.json';
const SPECIALS = 'special_tokens_map.json';

/** What the families call their special tokens. */
const USUAL: Readonly<Record<string, readonly string[]>> = {
  pad_token: ['[PAD]', '<pad>'],
  unk_token: ['[UNK]', '<unk>'],
  cls_token: ['[CLS]', '<s>'],
  sep_token: ['[SEP]', '</s>'],
  mask_token: ['[MASK]', '<mask>'],
};

export interface TokenizerConfigOptions {
  /** The model's longest text, which a made file states. */
  readonly maxTokens: number;
  /** Whether a stated longest text is replaced by the model's. */
  readonly replaceLimit: boolean;
  /** Type of the model in the config.json that is written. */
  readonly modelType: JsonValue | undefined;
  /** Whether transformers.js reads the file: what only it obeys is then set to what the tokenizer does. Default: false. */
  readonly forJs?: boolean;
}

/** The file's text as it is where it says all that it must; else with what is missing, or one made from the other `files`. */
export async function tokenizerConfig(
  files: ReadonlyMap<string, string>,
  { maxTokens, replaceLimit, modelType, forJs = false }: TokenizerConfigOptions,
): Promise<string> {
  const text = files.get(TOKENIZER_CONFIG);
  const own = text === undefined ? null : parseJsonObject(text, TOKENIZER_CONFIG);
  const namesClass = own !== null && (own.tokenizer_class ?? null) !== null;
  const tokenizer = namesClass ? null : await tokenizerOf(files);
  const stated = own ?? roles(files, tokenizer);
  const added = {
    ...(tokenizer !== null && statedClass(stated, tokenizer, files, modelType)),
    ...((text === undefined || replaceLimit || forJs) && { model_max_length: maxTokens }),
    // Tokenizers that are read from tokenizer.json keep spaces, whatever this says; only transformers.js takes them away.
    ...(forJs && stated.remove_space === true && { remove_space: false }),
  };
  const isSaid = Object.entries(added).every(([key, value]) => stated[key] === value);
  if (text !== undefined && isSaid) return text;
  return `${JSON.stringify({ ...stated, ...added }, null, 2)}\n`;
}

/** The value of tokenizer.json; null without one. Its words stay in the core: a large vocabulary would hold the event loop for 10 ms. */
async function tokenizerOf(files: ReadonlyMap<string, string>): Promise<JsonObject | null> {
  const text = files.get(TOKENIZER);
  if (text === undefined) return null;
  // What was done before, the model's configuration, has taken a turn already.
  await setImmediate();
  return parseLongJsonObject(text, TOKENIZER, readVocabulary);
}

/** The special tokens as texts: transformers.js refuses the objects of special_tokens_map.json. */
function roles(files: ReadonlyMap<string, string>, tokenizer: JsonObject | null): JsonObject {
  const map = parseJsonObject(files.get(SPECIALS) ?? '{}', SPECIALS);
  const added = tokenizer?.added_tokens;
  const list = Array.isArray(added) ? added : [];
  const special = new Set(list.filter(isJsonObject).map(({ content }) => content));
  const found = ROLES.flatMap((role) => {
    const text = textOf(map[role]) ?? USUAL[role]?.find((one) => special.has(one));
    return text === undefined ? [] : [[role, text] as const];
  });
  return Object.fromEntries(found);
}
