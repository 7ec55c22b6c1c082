/**
 * The numbers of test/fixtures/compression, and plain loops in float64 to compare with.
 */
import { readFileSync } from 'node:fs';
import type { NativeGram } from '../../lib/native/compression.js';
import { native } from '../../lib/native/native.js';

const path = (name: string) => new URL(`../fixtures/compression/${name}`, import.meta.url);

/** The f32 tensors of a safetensors file. */
export function tensorsOf(name: string): ReadonlyMap<string, Float32Array> {
  const file = readFileSync(path(name));
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<
    string,
    { readonly data_offsets: readonly [number, number] }
  >;
  const body = Uint8Array.from(file.subarray(8 + length));
  return new Map(
    Object.entries(header).map(
      ([
        key,
        {
          data_offsets: [begin, end],
        },
      ]) => [key, new Float32Array(body.buffer, begin, (end - begin) / 4)],
    ),
  );
}

export function jsonOf<T>(name: string): T {
  return JSON.parse(readFileSync(path(name), 'utf8')) as T;
}

const linear = tensorsOf('linear.safetensors');
export const OUTPUTS = 24;
export const INPUTS = 32;
export const ROWS = 200;
/** W [OUTPUTS, INPUTS]. */
export const WEIGHT = linear.get('weight') as Float32Array;
/** X [ROWS, INPUTS]. */
export const INPUT = linear.get('input') as Float32Array;

type Numbers = Float32Array | Float64Array;

/** X W^T [rows, outputs]. */
export function outputsOf(x: Numbers, weight: Numbers, inputs = INPUTS): Float64Array {
  const [rows, outputs] = [x.length / inputs, weight.length / inputs];
  return Float64Array.from({ length: rows * outputs }, (_, i) => {
    let sum = 0;
    for (let p = 0; p < inputs; p++) {
      sum += at(x, Math.floor(i / outputs) * inputs + p) * at(weight, (i % outputs) * inputs + p);
    }
    return sum;
  });
}

/** ||X (W - V)^T||^2. */
export function errorOf(v: Numbers, x: Numbers = INPUT, weight: Numbers = WEIGHT): number {
  const difference = Float64Array.from(weight, (one, i) => one - at(v, i));
  return outputsOf(x, difference).reduce((sum, one) => sum + one * one, 0);
}

/** B A for A [rank, inputs] and B [outputs, rank], with only the first `used` of the rank. */
export function factorsProduct(
  a: Float32Array,
  b: Float32Array,
  rank: number,
  inputs: number,
  used = rank,
): Float64Array {
  const outputs = b.length / rank;
  return Float64Array.from({ length: outputs * inputs }, (_, i) => {
    let sum = 0;
    for (let r = 0; r < used; r++) {
      sum += at(b, Math.floor(i / inputs) * rank + r) * at(a, r * inputs + (i % inputs));
    }
    return sum;
  });
}

export function at(values: ArrayLike<number>, i: number): number {
  return values[i] as number;
}

/** The largest |a - b| over the largest |b|. */
export function relativeDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [largest, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    largest = Math.max(largest, Math.abs(at(a, i) - at(b, i)));
    size = Math.max(size, Math.abs(at(b, i)));
  }
  return a.length === b.length ? largest / size : Number.POSITIVE_INFINITY;
}

/** The sums over the fixture's rows with Y = X W^T. */
export async function fixtureGram(x = INPUT, intercept = false): Promise<NativeGram> {
  const gram = new (native().Gram)({ inputs: INPUTS, outputs: OUTPUTS, intercept });
  await gram.add(x, Float32Array.from(outputsOf(x, WEIGHT)), null);
  return gram;
}
