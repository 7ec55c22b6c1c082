/**
 * The tokenizer_config.json of a model that came without one: transformers.js loads no tokenizer where it is missing, and pads
 * with the token that it names.
 *
 * The rule: what others wrote stays as it is; a special token is named only where tokenizer.json has it.
 */

import { isJsonObject, type JsonObject, parseJsonObject } from '../core/json.js';

export const TOKENIZER_CONFIG = 'tokenizer_config.json';

/** The roles of special tokens, and what the families call them. */
const ROLES: Readonly<Record<string, readonly string[]>> = {
  pad_token: ['[PAD]', '<pad>'],
  unk_token: ['[UNK]', '<unk>'],
  cls_token: ['[CLS]', '<s>'],
  sep_token: ['[SEP]', '</s>'],
  mask_token: ['[MASK]', '<mask>'],
};

/** The file's text as it is, or one made from the tokenizer's other `files`. `limit`: null leaves a stated one as it is. */
export function tokenizerConfig(
  files: ReadonlyMap<string, string>,
  { limit, maxTokens }: { readonly limit: number | null; readonly maxTokens: number },
): string {
  const text = files.get(TOKENIZER_CONFIG);
  if (text !== undefined && limit === null) return text;
  const stated = text === undefined ? roles(files) : parseJsonObject(text, TOKENIZER_CONFIG);
  const config = { ...stated, model_max_length: limit ?? maxTokens };
  return `${JSON.stringify(config, null, 2)}\n`;
}

function roles(files: ReadonlyMap<string, string>): JsonObject {
  const map = files.get('special_tokens_map.json');
  if (map !== undefined) return parseJsonObject(map, 'special_tokens_map.json');
  const tokenizer = files.get('tokenizer.json');
  const added =
    tokenizer === undefined ? [] : parseJsonObject(tokenizer, 'tokenizer.json').added_tokens;
  const list = Array.isArray(added) ? added : [];
  const special = new Set(list.filter(isJsonObject).map(({ content }) => content));
  const found = Object.entries(ROLES).flatMap(([role, names]) => {
    const name = names.find((one) => special.has(one));
    return name === undefined ? [] : [[role, name] as const];
  });
  return Object.fromEntries(found);
}
