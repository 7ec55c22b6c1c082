/**
 * Checks an options object, option by option; every error reads `where must be what, got value`.
 *
 * `known` holds every option's name, so a misspelt option is refused instead of ignored. An option that is undefined counts
 * as left out.
 */

import { rangeMistake, typeMistake } from './errors.js';

/** Names of all options of T as keys; the type makes sure that none is forgotten. */
export type KnownOptions<T> = Readonly<Record<keyof Required<T>, true>>;

type NamesOf<T> = keyof T & string;

/** Starts checking `options` of the call `where`. Throws TypeError if it is not an object or has an unknown option. */
export function readOptions<T extends object>(
  where: string,
  options: T,
  known: KnownOptions<T>,
): OptionReader<T> {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw typeMistake(`${where}: options`, 'an object', options);
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue;
    const names = Object.keys(known);
    const close = names.find((other) => other.toLowerCase() === name.toLowerCase());
    const hint = close === undefined ? `it has ${names.join(', ')}` : `did you mean ${close}?`;
    throw new TypeError(`${where}: unknown option ${JSON.stringify(name)}; ${hint}`);
  }
  return new OptionReader(where, options);
}

/** One method per kind of value. Each returns the option, or `fallback` if it is left out. */
export class OptionReader<T extends object> {
  private readonly where: string;
  private readonly options: T;

  constructor(where: string, options: T) {
    this.where = where;
    this.options = options;
  }

  /** A finite number that `accept` allows; `what` describes the allowed numbers for the error. */
  number(
    name: NamesOf<T>,
    fallback: number,
    what: string,
    accept: (value: number) => boolean,
  ): number {
    const value: unknown = this.options[name];
    if (value === undefined) return fallback;
    if (typeof value !== 'number') throw typeMistake(this.at(name), what, value);
    if (!Number.isFinite(value) || !accept(value)) throw rangeMistake(this.at(name), what, value);
    return value;
  }

  /** A number above 0. */
  positive(name: NamesOf<T>, fallback: number): number {
    return this.number(name, fallback, 'a positive number', (value) => value > 0);
  }

  /** A number of at least 0. */
  nonNegative(name: NamesOf<T>, fallback: number): number {
    return this.number(name, fallback, 'a number from 0', (value) => value >= 0);
  }

  /** A whole number of at least `least`. */
  count<F extends number | undefined>(name: NamesOf<T>, fallback: F, least = 1): number | F {
    if (this.options[name] === undefined) return fallback;
    const what = `a whole number from ${least}`;
    return this.number(name, 0, what, (value) => Number.isSafeInteger(value) && value >= least);
  }

  boolean<F extends boolean | undefined>(name: NamesOf<T>, fallback: F): boolean | F {
    const value: unknown = this.options[name];
    if (value === undefined) return fallback;
    if (typeof value !== 'boolean') throw typeMistake(this.at(name), 'true or false', value);
    return value;
  }

  /** One of `choices`. */
  choice<C extends string | number, F extends C | undefined>(
    name: NamesOf<T>,
    fallback: F,
    choices: readonly C[],
  ): C | F {
    const value: unknown = this.options[name];
    if (value === undefined) return fallback;
    const chosen = choices.find((choice) => choice === value);
    if (chosen !== undefined) return chosen;
    const what = `one of ${choices.map((choice) => JSON.stringify(choice)).join(', ')}`;
    const mistake = choices.some((choice) => typeof choice === typeof value)
      ? rangeMistake
      : typeMistake;
    throw mistake(this.at(name), what, value);
  }

  /** A string that is not empty. */
  text<F extends string | undefined>(name: NamesOf<T>, fallback: F): string | F {
    const value: unknown = this.options[name];
    if (value === undefined) return fallback;
    if (typeof value !== 'string') throw typeMistake(this.at(name), 'a text', value);
    if (value === '') throw rangeMistake(this.at(name), 'a text that is not empty', value);
    return value;
  }

  /** A function, or undefined if left out; its signature is not checked. */
  callback<K extends NamesOf<T>>(name: K): T[K] | undefined {
    const value = this.options[name];
    if (value === undefined || typeof value === 'function') return value;
    throw typeMistake(this.at(name), 'a function', value);
  }

  /** The option `signal`: an AbortSignal, or undefined if left out. */
  signal(): AbortSignal | undefined {
    const value: unknown = (this.options as { readonly signal?: unknown }).signal;
    if (value === undefined || value instanceof AbortSignal) return value;
    throw typeMistake(this.at('signal'), 'an AbortSignal', value);
  }

  private at(name: string): string {
    return `${this.where}: ${name}`;
  }
}
