/**
 * Which tokens of a tokenizer are special, and which of them is the mask.
 */

import { isJsonObject, type JsonObject, type JsonValue, parseJsonObject } from '../core/json.js';
import type { TokenizerFiles } from './tokenizer-files.js';

/** Names that masks have where the settings do not say. */
const USUAL_MASKS = ['[MASK]', '<mask>'];

export class SpecialNames {
  /** Ids of the added tokens that are marked special. */
  readonly ids: ReadonlySet<number>;
  /** Text of the mask token, or null. */
  readonly mask: string | null;

  constructor({ tokenizer, config, files, source }: TokenizerFiles) {
    const list: readonly JsonValue[] = Array.isArray(tokenizer.added_tokens)
      ? tokenizer.added_tokens
      : [];
    const added = list.filter(isJsonObject).filter(({ special }) => special === true);
    this.ids = new Set(added.map(({ id }) => id).filter((id) => typeof id === 'number'));
    const map = files.get('special_tokens_map.json');
    const stated =
      textOf(config.mask_token) ??
      textOf((map === undefined ? {} : parseJsonObject(map, source)).mask_token);
    this.mask = stated ?? USUAL_MASKS.find((mask) => added.some((a) => a.content === mask)) ?? null;
  }
}

function textOf(value: JsonValue | undefined): string | null {
  const text = isJsonObject(value) ? (value as JsonObject).content : value;
  return typeof text === 'string' ? text : null;
}
