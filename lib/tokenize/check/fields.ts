/**
 * Checks objects of a tokenizer.json against tables of their fields.
 *
 * A key that is not in the table is refused: the package might skip it, or take the object for another component.
 */

import type { JsonObject, JsonValue } from '../../core/json.js';
import { type JsonPlace, MAX_INT } from './place.js';

/** Throws when the value of a field is not one that the package can take. */
export type Check = (value: JsonValue, at: JsonPlace) => void;

export interface Field {
  readonly check: Check;
  /** May be left out. */
  readonly optional: boolean;
}

export type Fields = Readonly<Record<string, Field>>;

/** Longest text of a setting: a prefix, a replacement, the text of a special token. */
export const MAX_TEXT = 512;

export const required = (check: Check): Field => ({ check, optional: false });
export const optional = (check: Check): Field => ({ check, optional: true });

export const bool: Check = (value, at) => {
  if (typeof value !== 'boolean') throw at.corrupt('true or false', value);
};
export const text: Check = (value, at) => {
  at.text(value, MAX_TEXT);
};
export const character: Check = (value, at) => {
  if (typeof value !== 'string' || !value.isWellFormed() || [...value].length !== 1) {
    throw at.corrupt('one character', value);
  }
};
export const count: Check = (value, at) => {
  at.integer(value, 0);
};
export const positive: Check = (value, at) => {
  at.integer(value, 1);
};
/** No check of its own: the check of the whole component looks at this field. */
export const anything: Check = () => {};

export const orNull =
  (check: Check): Check =>
  (value, at) => {
    if (value !== null) check(value, at);
  };

export const oneOf =
  (...names: readonly string[]): Check =>
  (value, at) => {
    if (typeof value !== 'string' || !names.includes(value))
      throw at.corrupt(names.join(' or '), value);
  };

/** `[text, id]`. */
export const tokenAndId: Check = (value, at) => {
  const pair = at.list(value, 2);
  if (pair.length !== 2) throw at.corrupt('a token and its id', value);
  at.at(0).text(pair[0], MAX_TEXT);
  at.at(1).integer(pair[1], 0, MAX_INT);
};

/** Throws unless every required field is there, and every field is known and valid. The caller checks `type`. */
export function checkFields(object: JsonObject, fields: Fields, at: JsonPlace): void {
  for (const key of Object.keys(object)) {
    if (key === 'type' || Object.hasOwn(fields, key)) continue;
    const known = Object.keys(fields).join(', ') || 'no field but type';
    throw at.error(
      'UNSUPPORTED_MODEL',
      `must have only known fields (${known}), got ${JSON.stringify(key.slice(0, 60))}`,
    );
  }
  for (const [key, { check, optional: free }] of Object.entries(fields)) {
    const value = object[key];
    if (value !== undefined) check(value, at.at(key));
    else if (!free) throw at.at(key).corrupt('given', value);
  }
}
