/**
 * Which tokens of a tokenizer are special, and which of them is the mask.
 */

import { isJsonObject, type JsonValue } from '../core/json.js';
import type { TokenizerFiles } from './tokenizer-files.js';
import { textOf } from './tokenizer-settings.js';

/** Names that masks have where the settings do not say. */
const USUAL_MASKS = ['[MASK]', '<mask>'];

export class SpecialNames {
  /** Ids of the added tokens that are marked special. */
  readonly ids: ReadonlySet<number>;
  /** Text of the mask token, or null. */
  readonly mask: string | null;

  constructor({ tokenizer, config }: TokenizerFiles) {
    const list: readonly JsonValue[] = Array.isArray(tokenizer.added_tokens)
      ? tokenizer.added_tokens
      : [];
    const added = list.filter(isJsonObject).filter(({ special }) => special === true);
    this.ids = new Set(added.map(({ id }) => id).filter((id) => typeof id === 'number'));
    const usual = USUAL_MASKS.find((mask) => added.some(({ content }) => content === mask));
    this.mask = textOf(config.mask_token) ?? usual ?? null;
  }
}
