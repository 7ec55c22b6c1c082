/**
 * A place in a tokenizer.json, and the readers of values at it.
 *
 * A value that is no valid one is CORRUPT_MODEL; a valid value without a known bound is UNSUPPORTED_MODEL. Both errors name the
 * file and the place.
 */

import { SinterError, type SinterErrorCode, show } from '../../core/errors.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';

/** Largest id or length: ids end in arrays of signed 32 bits. */
export const MAX_INT = 2 ** 31 - 1;

export class JsonPlace {
  private readonly file: string;
  /** Path within the file, such as `normalizer.normalizers[1]`. */
  readonly path: string;

  constructor(file: string, path: string) {
    this.file = file;
    this.path = path;
  }

  at(key: string | number): JsonPlace {
    const name = typeof key === 'string' && /^\w{1,60}$/.test(key);
    if (!name) return new JsonPlace(this.file, `${this.path}[${show(key)}]`);
    return new JsonPlace(this.file, this.path === '' ? key : `${this.path}.${key}`);
  }

  /** CORRUPT_MODEL: `file: place must be what, got value`. */
  corrupt(what: string, got: unknown): SinterError {
    return this.error('CORRUPT_MODEL', `must be ${what}, got ${show(got)}`);
  }

  /** UNSUPPORTED_MODEL: `file: place must be what, got value`. */
  unsupported(what: string, got: unknown): SinterError {
    return this.error('UNSUPPORTED_MODEL', `must be ${what}, got ${show(got)}`);
  }

  /** An error with the file and the place before `words`. */
  error(code: SinterErrorCode, words: string): SinterError {
    const place = this.path === '' ? 'the tokenizer' : this.path;
    return new SinterError(code, `${this.file}: ${place} ${words}`, {
      details: { file: this.file },
    });
  }

  object(value: JsonValue | undefined): JsonObject {
    if (isJsonObject(value)) return value;
    throw this.corrupt('a JSON object', value);
  }

  list(value: JsonValue | undefined, longest: number): readonly JsonValue[] {
    if (!Array.isArray(value)) throw this.corrupt('an array', value);
    if (value.length > longest) throw this.unsupported(`an array of at most ${longest}`, value);
    return value;
  }

  /** A text of at most `longest` bytes of UTF-8. */
  text(value: JsonValue | undefined, longest: number, shortest = 0): string {
    if (typeof value !== 'string' || !value.isWellFormed()) throw this.corrupt('a text', value);
    if (value.length < shortest)
      throw this.corrupt(`a text of at least ${shortest} character`, value);
    if (utf8Length(value) <= longest) return value;
    throw this.unsupported(`a text of at most ${longest} bytes`, value);
  }

  integer(value: JsonValue | undefined, least: number, most = MAX_INT): number {
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) {
      return value as number;
    }
    throw this.corrupt(`an integer from ${least} to ${most}`, value);
  }
}

/** Bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  return Buffer.byteLength(text);
}
