/**
 * Reads config.json key by key: each method checks kind and range of a value; its error names file, key and value.
 *
 * A missing or wrong value is CORRUPT_MODEL; a valid value that Sinter cannot run is UNSUPPORTED_MODEL.
 */

import { SinterError, show } from '../core/errors.js';
import type { JsonObject, JsonValue } from '../core/json.js';

/** More than any real table size or width; a larger number is refused. */
const MAX_SIZE = 2 ** 31 - 1;
/** Longest JSON of a value in a message, in characters. */
const MAX_SHOWN = 120;

export class ConfigReader {
  readonly config: JsonObject;
  private readonly file: string;

  constructor(config: JsonObject, folder: string) {
    this.config = config;
    this.file = `${folder}/config.json`;
  }

  /** A required integer from 1 to `max`. */
  size(key: string, max = MAX_SIZE): number {
    const value = this.config[key];
    if (Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= max) {
      return value as number;
    }
    const range = max === MAX_SIZE ? 'a positive integer' : `an integer from 1 to ${max}`;
    throw this.corrupt(key, range, value);
  }

  /** A number in [low, high]; `fallback` if the key is absent or null. */
  number(key: string, low: number, high: number, fallback?: number): number {
    const value = this.config[key] ?? fallback;
    if (typeof value === 'number' && value >= low && value <= high) return value;
    throw this.corrupt(key, `a number from ${low} to ${high}`, value);
  }

  /** The entry of `choices` for the string at `key`. UNSUPPORTED_MODEL if there is no such entry. */
  choice<T>(key: string, choices: Readonly<Record<string, T>>, fallback?: string): T {
    const value = this.config[key] ?? fallback;
    if (typeof value !== 'string') throw this.corrupt(key, 'a string', value);
    const chosen = Object.hasOwn(choices, value) ? choices[value] : undefined;
    if (chosen === undefined) {
      throw this.unsupported(
        `${key} ${show(value)} (supported: ${Object.keys(choices).join(', ')})`,
      );
    }
    return chosen;
  }

  /** An integer of at least `low`; `fallback` if the key is absent or null. */
  whole(key: string, fallback: number, low = 0): number {
    const value = this.config[key] ?? fallback;
    if (Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= MAX_SIZE) {
      return value as number;
    }
    throw this.corrupt(key, `an integer from ${low}`, value);
  }

  /** true or false; `fallback` if the key is absent or null. */
  flag(key: string, fallback: boolean): boolean {
    const value = this.config[key] ?? fallback;
    if (typeof value === 'boolean') return value;
    throw this.corrupt(key, 'true or false', value);
  }

  /** Throws UNSUPPORTED_MODEL for every value except `value`; an absent key and null count as `value`. */
  fixed(key: string, value: string | number | boolean): void {
    const got = this.config[key] ?? value;
    if (got !== value) throw this.unsupported(`${key} ${show(got)} (supported: ${String(value)})`);
  }

  corrupt(key: string, what: string, got: unknown): SinterError {
    const found = got === undefined ? 'nothing' : shown(got as JsonValue);
    return new SinterError('CORRUPT_MODEL', `${this.file}: ${key} must be ${what}, got ${found}`, {
      details: { file: this.file, key },
    });
  }

  unsupported(what: string): SinterError {
    return new SinterError('UNSUPPORTED_MODEL', `${this.file}: unsupported ${what}`, {
      details: { file: this.file },
    });
  }
}

/** A value for a message: lists and objects as JSON, truncated. */
function shown(value: JsonValue): string {
  if (typeof value !== 'object' || value === null) return show(value);
  const text = JSON.stringify(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN - 3)}...` : text;
}
