/**
 * Exchanges kept and removed units within a layer, so that what the removed ones do together hurts less (Kwon et al. 2022):
 * the Fisher matrix of a layer in place of its diagonal alone.
 *
 * The number of kept units of every layer stays, and the measure never grows.
 */

import { throwIfAborted } from '../core/errors.js';
import { inTurns, type Steps } from '../core/turns.js';
import type { UnitPart } from '../graph/rewrite/units.js';
import type { UnitGradients } from './importance.js';
import type { UnitMasks } from './mask-search.js';

/** Passes over the removed units of a layer; it ends earlier when a pass exchanges nothing. */
const MOST_PASSES = 8;

/** Vectors of gradients of one layer: vectors[s * units + u]. */
interface Layer {
  readonly vectors: Float64Array;
  readonly samples: number;
  readonly units: number;
}

/**
 * The masks after greedy exchanges. Per layer and kind of unit, the removed units are taken from the least important on (of
 * equal ones the lower index first); each changes places with the kept unit that makes ||sum of the gradients of the removed
 * units||^2 smallest, if that is smaller than before (of equal ones with the lower index), until nothing changes any more or
 * after 8 passes.
 */
export async function rearrangeMasks(
  masks: UnitMasks,
  gradients: UnitGradients,
  options: { readonly where: string; readonly signal?: AbortSignal | undefined },
): Promise<UnitMasks> {
  const done = new Map<Float64Array, Uint8Array>();
  const of = async (part: UnitPart) => {
    const found: Uint8Array[] = [];
    for (const [layer, mask] of masks[part].entries()) {
      throwIfAborted(options.signal, options.where);
      const vectors = gradients[part][layer] as Float64Array;
      const known = done.get(vectors);
      const units = mask.length;
      const own =
        known ?? (await inTurns(exchanged(mask, { vectors, samples: gradients.samples, units })));
      done.set(vectors, own);
      found.push(own);
    }
    return found;
  };
  return { heads: await of('heads'), neurons: await of('neurons') };
}

/** ||sum of the gradients of the removed units||^2 of one layer. */
export function removedNorm(mask: Uint8Array, vectors: Float64Array, samples: number): number {
  const sum = removedSum(mask, { vectors, samples, units: mask.length });
  return sum.reduce((total, value) => total + value * value, 0);
}

function removedSum(mask: Uint8Array, { vectors, samples, units }: Layer): Float64Array {
  const sum = new Float64Array(samples);
  for (let s = 0; s < samples; s++) {
    for (let u = 0; u < units; u++) {
      if (mask[u] === 0) sum[s] = (sum[s] as number) + (vectors[s * units + u] as number);
    }
  }
  return sum;
}

function* exchanged(given: Uint8Array, layer: Layer): Steps<Uint8Array> {
  const mask = Uint8Array.from(given);
  const squares = squaresOf(layer);
  const sum = removedSum(mask, layer);
  for (let pass = 0; pass < MOST_PASSES; pass++) {
    const removed = Array.from(mask.keys()).filter((unit) => mask[unit] === 0);
    removed.sort((a, b) => (squares[a] as number) - (squares[b] as number) || a - b);
    let changes = 0;
    for (const unit of removed) {
      if (exchangeOne(unit, mask, sum, squares, layer)) changes += 1;
      yield;
    }
    if (changes === 0) break;
  }
  // Sums that were changed in place drift; what was given stays unless the new mask is better computed anew.
  const norm = (own: Uint8Array) => removedNorm(own, layer.vectors, layer.samples);
  return norm(mask) < norm(given) ? mask : Uint8Array.from(given);
}

function squaresOf({ vectors, samples, units }: Layer): Float64Array {
  const squares = new Float64Array(units);
  for (let s = 0; s < samples; s++) {
    for (let u = 0; u < units; u++) {
      const value = vectors[s * units + u] as number;
      squares[u] = (squares[u] as number) + value * value;
    }
  }
  return squares;
}

/** Lets the removed `unit` change places with the best kept one, if any makes the norm of `sum` smaller. */
function exchangeOne(
  unit: number,
  mask: Uint8Array,
  sum: Float64Array,
  squares: Float64Array,
  { vectors, samples, units }: Layer,
): boolean {
  const products = new Float64Array(units);
  let [before, without] = [0, 0];
  for (let s = 0; s < samples; s++) {
    const whole = sum[s] as number;
    const rest = whole - (vectors[s * units + unit] as number);
    before += whole * whole;
    without += rest * rest;
    for (let u = 0; u < units; u++) {
      products[u] = (products[u] as number) + rest * (vectors[s * units + u] as number);
    }
  }
  let [best, least] = [-1, before];
  for (let u = 0; u < units; u++) {
    if (mask[u] === 0) continue;
    const after = without + 2 * (products[u] as number) + (squares[u] as number);
    if (after < least) [best, least] = [u, after];
  }
  if (best < 0) return false;
  mask[unit] = 1;
  mask[best] = 0;
  for (let s = 0; s < samples; s++) {
    const change = (vectors[s * units + best] as number) - (vectors[s * units + unit] as number);
    sum[s] = (sum[s] as number) + change;
  }
  return true;
}
