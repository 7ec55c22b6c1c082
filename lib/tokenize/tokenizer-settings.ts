/**
 * The settings of a tokenizer as Python's AutoTokenizer has them: tokenizer_config.json, and what older files keep in
 * special_tokens_map.json and added_tokens.json.
 *
 * `setting-keys.ts` tells what each key means; unknown keys do nothing in Python either.
 */

import { SinterError, show } from '../core/errors.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import type { SettingKey } from './setting-keys.js';

/** Keys of the role tokens, in the order in which Python adds those that a vocabulary lacks. */
export const ROLES = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
] as const;

/** An entry of `added_tokens` in tokenizer.json, without its id. */
export interface AddedToken {
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

export interface SettingsFiles {
  readonly config: JsonObject;
  readonly specials: JsonObject;
  readonly added: JsonObject;
  /** Path of tokenizer_config.json, for messages. */
  readonly file: string;
}

/** Reads the settings; a wrong one throws CORRUPT_MODEL or UNSUPPORTED_MODEL with the key. */
export class TokenizerSettings {
  /** tokenizer_config.json with what special_tokens_map.json adds to it. */
  readonly values: JsonObject;
  /** Tokens that the files add to the vocabulary, by the id that they state. */
  readonly added: readonly AddedToken[];
  /** The role tokens that are stated, and further special ones, in Python's order. */
  readonly specials: readonly AddedToken[];
  /** Whether the model gets segments; null where the files do not say. */
  readonly segments: boolean | null;
  private readonly file: string;

  constructor({ config, specials, added, file }: SettingsFiles) {
    this.file = file;
    // A list of added tokens means a newer file: Python then reads neither of the two older ones.
    const newer = config.added_tokens_decoder !== undefined;
    this.values = newer ? config : { ...config, ...specials };
    this.specials = [...this.roles(), ...this.furtherSpecials()];
    const special = new Set(this.specials.map(({ content }) => content));
    this.added = newer ? this.decoder() : this.olderAdded(added, special);
    this.checkSide();
    const { model_input_names: names = null } = this.values;
    if (names !== null && !Array.isArray(names)) {
      throw this.wrong('model_input_names', 'an array', names);
    }
    this.segments = names === null ? null : names.includes('token_type_ids');
    if (this.values.split_special_tokens === true) {
      throw this.unsupported('split_special_tokens true: texts must not name special tokens');
    }
    const versions = this.values.fast_tokenizer_files;
    const other = Array.isArray(versions)
      ? versions.find((name) => name !== 'tokenizer.json')
      : undefined;
    if (other !== undefined) throw this.unsupported(`fast_tokenizer_files ${show(other)}`);
  }

  /** true or false; `fallback` where the files do not say. */
  flag<T>(key: SettingKey, fallback: T): boolean | T {
    const value = this.values[key];
    if (value === undefined || typeof value === 'boolean') return value ?? fallback;
    if (value === null) return fallback;
    throw this.wrong(key, 'true or false', value);
  }

  /** The text of a role token, or null. */
  role(key: (typeof ROLES)[number]): string | null {
    return textOf(this.values[key]);
  }

  unsupported(what: string): SinterError {
    return new SinterError('UNSUPPORTED_MODEL', `${this.file}: unsupported ${what}`, {
      details: { file: this.file },
    });
  }

  private roles(): AddedToken[] {
    return ROLES.flatMap((key) => {
      const value = this.values[key];
      if (value === undefined || value === null) return [];
      return [this.token(value, key, true)];
    });
  }

  private furtherSpecials(): AddedToken[] {
    const { additional_special_tokens: more, extra_special_tokens: extra } = this.values;
    const lists = { additional_special_tokens: more, extra_special_tokens: extra };
    return Object.entries(lists).flatMap(([key, value]) => {
      if (value === undefined || value === null) return [];
      if (typeof value !== 'object') throw this.wrong(key, 'an array or an object', value);
      return Object.values(value).map((one: JsonValue) => this.token(one, key, true));
    });
  }

  private decoder(): AddedToken[] {
    const { added_tokens_decoder: list = null } = this.values;
    if (!isJsonObject(list ?? {})) throw this.wrong('added_tokens_decoder', 'an object', list);
    const entries = Object.entries(list ?? {}).map(([id, value]) => {
      if (!/^\d+$/.test(id)) throw this.wrong('a key of added_tokens_decoder', 'an id', id);
      return [Number(id), value] as const;
    });
    return entries
      .sort(([a], [b]) => a - b)
      .map(([id, value]) => this.token(value as JsonValue, `added_tokens_decoder ${id}`, false));
  }

  private olderAdded(added: JsonObject, special: ReadonlySet<string>): AddedToken[] {
    const ids = Object.entries(added).map(([content, id]) => [content, Number(id)] as const);
    return ids
      .sort(([, a], [, b]) => a - b)
      .map(([content]) => plainToken(content, special.has(content)));
  }

  /** Reads a token that is a text, or an object with its flags; one with a `role` is special. */
  private token(value: JsonValue, key: string, role: boolean): AddedToken {
    const content = textOf(value);
    if (content === null) throw this.wrong(key, 'a token', value);
    const stated = isJsonObject(value) ? value : {};
    const usual = plainToken(content, role || stated.special === true);
    const flag = (name: 'single_word' | 'lstrip' | 'rstrip' | 'normalized'): boolean => {
      const set = stated[name] ?? usual[name];
      if (typeof set === 'boolean') return set;
      throw this.wrong(`${key}: ${name}`, 'true or false', set);
    };
    return {
      content,
      single_word: flag('single_word'),
      lstrip: flag('lstrip'),
      rstrip: flag('rstrip'),
      normalized: flag('normalized'),
      special: usual.special,
    };
  }

  private checkSide(): void {
    const { truncation_side: side = null } = this.values;
    if (side === null || side === 'left' || side === 'right') return;
    throw this.wrong('truncation_side', '"left" or "right"', side);
  }

  private wrong(key: string, what: string, got: unknown): SinterError {
    const message = `${this.file}: ${key} must be ${what}, got ${show(got)}`;
    return new SinterError('CORRUPT_MODEL', message, { details: { file: this.file } });
  }
}

/** The text of a token that is a text, or an object with its flags. */
export function textOf(value: JsonValue | undefined): string | null {
  const text = isJsonObject(value) ? value.content : value;
  return typeof text === 'string' ? text : null;
}

function plainToken(content: string, special: boolean): AddedToken {
  const flags = { single_word: false, lstrip: false, rstrip: false };
  return { content, ...flags, normalized: !special, special };
}
