/**
 * The special tokens of a folder without tokenizer.json: their texts from the settings, their ids from the vocabulary.
 */

import { SinterError } from '../core/errors.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';

export interface SpecialToken {
  readonly content: string;
  readonly id: number;
  /** Takes the spaces before it along. */
  readonly lstrip: boolean;
}

/** A special token that is used where the settings name none. */
export interface SpecialDefault {
  readonly content: string;
  readonly lstrip?: boolean;
}

/** Keys of the tokens without which no text can be encoded. */
const NEEDED = ['cls_token', 'sep_token', 'unk_token'] as const;
type Needed = (typeof NEEDED)[number];

/**
 * Finds tokens by their key (`cls_token`) in `config`, else in `defaults`. Throws CORRUPT_MODEL when the vocabulary of `file`
 * lacks a required one; others that it lacks are left out.
 */
export function specialTokens<K extends string>(
  config: JsonObject,
  defaults: Readonly<Record<K | Needed, SpecialDefault>>,
  ids: ReadonlyMap<string, number>,
  file: string,
): Readonly<Record<Needed, SpecialToken>> {
  const find = (key: string, fallback: SpecialDefault): readonly [string, SpecialToken][] => {
    const stated = config[key];
    const settings = isJsonObject(stated) ? stated : {};
    const text = isJsonObject(stated) ? stated.content : stated;
    const content = typeof text === 'string' ? text : fallback.content;
    const { lstrip = fallback.lstrip ?? false } = settings;
    const id = ids.get(content);
    if (id !== undefined) return [[key, { content, id, lstrip: lstrip === true }]];
    if (!NEEDED.some((needed) => needed === key)) return [];
    throw new SinterError('CORRUPT_MODEL', `${file}: must have the ${key} ${content}`, {
      details: { file },
    });
  };
  const entries = Object.entries<SpecialDefault>(defaults);
  const found = entries.flatMap(([key, one]) => find(key, one));
  return Object.fromEntries(found) as Record<Needed, SpecialToken>;
}

/** `added_tokens` of a tokenizer.json, each once, by id. */
export function addedTokens(tokens: readonly SpecialToken[]): JsonValue {
  const byId = new Map(tokens.map((token) => [token.id, token]));
  return [...byId.values()]
    .sort((a, b) => a.id - b.id)
    .map(({ content, id, lstrip }) => {
      const flags = { single_word: false, lstrip, rstrip: false, normalized: false };
      return { id, special: true, content, ...flags };
    });
}

/** A template of one text between two tokens, and of two texts with one separator between them, or two. */
export function template(
  cls: SpecialToken,
  sep: SpecialToken,
  pairs: { readonly separators: 1 | 2; readonly secondSegment: 0 | 1 },
): JsonValue {
  const segment = pairs.secondSegment;
  const token = ({ content }: SpecialToken, type_id: number): JsonObject => ({
    SpecialToken: { id: content, type_id },
  });
  const text = (id: string, type_id: number): JsonObject => ({ Sequence: { id, type_id } });
  const single = [token(cls, 0), text('A', 0), token(sep, 0)];
  const between = pairs.separators === 2 ? [token(sep, 0)] : [];
  const entries = [cls, sep].map(({ content, id }) => [
    content,
    { id: content, ids: [id], tokens: [content] },
  ]);
  return {
    type: 'TemplateProcessing',
    single,
    pair: [...single, ...between, text('B', segment), token(sep, segment)],
    special_tokens: Object.fromEntries(entries),
  };
}
