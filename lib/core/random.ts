/**
 * Seeded random numbers for shuffles and splits: xoshiro128**, seeded by splitmix32.
 *
 * The rule: the same seed gives the same order on every machine and in every release; not for secrets.
 */
import { rangeMistake } from './errors.js';

const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by));

/** State of a generator: four 32-bit numbers. */
export type RandomState = readonly [number, number, number, number];

export class SeededRandom {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  /** `seed` is a whole number from 0 to 2^53 - 1. Its high and its low 32 bits both count. */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw rangeMistake('seed', 'a whole number from 0', seed);
    }
    let state = (seed >>> 0) ^ Math.imul(Math.floor(seed / 2 ** 32), 0x85ebca6b);
    const next = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return (z ^ (z >>> 15)) | 0;
    };
    this.a = next();
    this.b = next();
    this.c = next();
    this.d = next();
  }

  /** A generator that continues from a saved state. */
  static from(state: RandomState): SeededRandom {
    const random = new SeededRandom(0);
    [random.a, random.b, random.c, random.d] = state;
    return random;
  }

  /** The state to continue from later. */
  get state(): RandomState {
    return [this.a, this.b, this.c, this.d];
  }

  /** A whole number from 0 to 2^32 - 1. */
  next(): number {
    const result = Math.imul(rotate(Math.imul(this.b, 5), 7), 9) >>> 0;
    const t = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= t;
    this.d = rotate(this.d, 11);
    return result;
  }

  /** A whole number from 0 to `limit` - 1, every one equally likely. `limit` is 1 to 2^32. */
  below(limit: number): number {
    const fair = 2 ** 32 - (2 ** 32 % limit);
    let value = this.next();
    while (value >= fair) value = this.next();
    return value % limit;
  }
}

/** A shuffled copy (Fisher-Yates). */
export function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const held = result[i] as T;
    result[i] = result[j] as T;
    result[j] = held;
  }
  return result;
}
