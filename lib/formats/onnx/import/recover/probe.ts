/**
 * The batch with which a graph is walked: small, ragged, and with ids that differ from positions and segments.
 *
 * Nothing here reads a weight; a probe costs only a few integers.
 */

import type { Tensor, ValueInfo } from '../model.js';

export type Role = 'ids' | 'mask' | 'segments' | 'positions';

export interface Probe {
  readonly batch: number;
  readonly length: number;
  /** Number of tokens of each text; the rest of its row is padding. */
  readonly lengths: readonly number[];
  /** 1 for tokens, 0 for padding, [batch * length]. */
  readonly valid: Uint8Array;
  readonly ids: Int32Array;
  readonly segments: Int32Array;
  /** Position of each token of a text, [length]: ascending, with gaps where few tokens stand for a long text. */
  readonly positions: Int32Array;
  /** Value of an input of positions for the first token. */
  readonly firstPosition: number;
  /** Whether texts are padded: only where the graph has a mask. */
  readonly padded: boolean;
}

export interface ProbeShape {
  readonly batch: number;
  readonly length: number;
  readonly padded: boolean;
  /** Upper limit of ids, exclusive. */
  readonly vocabulary: number;
  readonly segments: number;
  readonly firstPosition: number;
  readonly seed: number;
  /** Positions [length]; default: 0, 1, 2 ... */
  readonly positions?: Int32Array;
}

/** Position of a token, given its index in the batch. */
export function positionOf({ positions, length }: Probe, token: number): number {
  return positions[token % length] ?? 0;
}

/** Smallest id in a large enough vocabulary: special tokens (padding!) come first in every vocabulary. */
const FIRST_ID = 5;

export function makeProbe(shape: ProbeShape): Probe {
  const { batch, length, padded, vocabulary, segments: kinds, firstPosition } = shape;
  const random = generator(shape.seed);
  const lengths = Array.from({ length: batch }, (_, b) => {
    if (!padded || b === 0) return length;
    return Math.max(Math.min(2, length), Math.floor((length * (batch - b)) / (batch + 1)));
  });
  const total = batch * length;
  const valid = new Uint8Array(total);
  const ids = new Int32Array(total);
  const segments = new Int32Array(total);
  const first = vocabulary > 2 * FIRST_ID ? FIRST_ID : 0;
  for (let t = 0; t < total; t++) {
    const [b, s] = [Math.floor(t / length), t % length];
    valid[t] = s < (lengths[b] ?? 0) ? 1 : 0;
    ids[t] = first + Math.floor(random() * (vocabulary - first));
    if (valid[t] === 1) segments[t] = kinds > 1 && random() < 0.5 ? 1 : 0;
  }
  const positions = shape.positions ?? Int32Array.from({ length }, (_, p) => p);
  return { batch, length, lengths, valid, ids, segments, positions, firstPosition, padded };
}

/** Tensor to feed to an input of this role. */
export function feedFor(probe: Probe, role: Role, { dtype, dims }: ValueInfo): Tensor {
  const { batch, length } = probe;
  const values = {
    ids: probe.ids,
    mask: probe.valid,
    segments: probe.segments,
    positions: probe.ids.map((_, t) => probe.firstPosition + positionOf(probe, t)),
  }[role];
  const shape = dims?.length === 1 ? [batch * length] : [batch, length];
  if (dtype === 'float32') return { dtype, dims: shape, data: Float32Array.from(values) };
  if (dtype === 'bool') return { dtype, dims: shape, data: Uint8Array.from(values) };
  if (dtype === 'int32') return { dtype, dims: shape, data: Int32Array.from(values) };
  return { dtype: 'int64', dims: shape, data: Float64Array.from(values) };
}

/** Mulberry32: random numbers in [0, 1). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
