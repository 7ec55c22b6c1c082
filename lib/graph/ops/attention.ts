/** Softmax attention, with its ways to use positions. */

import { number, object, optional, orNull, training, value, weight } from '../fields.js';
import { LIMITS } from '../limits.js';
import { isSize, listOf, type OpRow, type ShapeContext } from './row.js';

/**
 * Rotary position embedding (Su et al. 2021, RoFormer): the first `dimensions` of every query and key head are rotated,
 * element i with element i + dimensions / 2, by the angle position * theta^(-2i / dimensions).
 */
export interface Rotary {
  /** Base of the angles, at least 1. */
  readonly theta: number;
  /** Number of rotated elements per head: even, at most headDim. */
  readonly dimensions: number;
}

/**
 * A learned number per head and distance, added to the scaled score: weight[bucket(key - query)][head]. `weight` is
 * [buckets, heads]; the buckets are those of T5 (Raffel et al. 2020), both directions, and distances from `maxDistance` on
 * share the last.
 */
export interface RelativeBias {
  readonly weight: string;
  readonly maxDistance: number;
}

/**
 * Disentangled attention (He et al. 2021, DeBERTa). The distance d = query - key, in logarithmic buckets unless `buckets` is
 * 0, selects a row p = clamp(d + span, 0, 2 span - 1) of two `table` values [2 span, heads * headDim]: the score is scale *
 * (q . k + q . keys[p] + k . queries[p'])  with p' = clamp(-d' + span, 0, 2 span - 1) for the distance d' seen from the key.
 * null leaves a term out.
 */
export interface Disentangled {
  readonly keys: string | null;
  readonly queries: string | null;
  /** position_buckets of the config; 0: every distance has its own row. span = buckets, or maxDistance without them. */
  readonly buckets: number;
  /** max_relative_positions of the config. */
  readonly maxDistance: number;
}

/** Softmax attention inside each sequence. `input` is [tokens, 3 * heads * headDim]: query, key and value concatenated. */
export interface AttentionNode {
  readonly op: 'attention';
  readonly input: string;
  readonly heads: number;
  readonly headDim: number;
  readonly scale: number;
  /** Probability of dropping an attention weight in training. */
  readonly dropout: number;
  readonly rotary?: Rotary;
  /** A query attends to keys at most this many tokens away, on each side; left out: to its whole sequence. */
  readonly window?: number;
  readonly relativeBias?: RelativeBias;
  readonly disentangled?: Disentangled;
  readonly output: string;
}

export const attention: OpRow<AttentionNode> = {
  fields: {
    input: value,
    heads: number,
    headDim: number,
    scale: number,
    dropout: training(number),
    rotary: optional(object({ theta: number, dimensions: number })),
    window: optional(number),
    relativeBias: optional(object({ weight, maxDistance: number })),
    disentangled: optional(
      object({ keys: orNull(value), queries: orNull(value), buckets: number, maxDistance: number }),
    ),
  },
  shape(node, see) {
    const { width } = see.input(node.input, 'token');
    const { heads, headDim, scale, dropout } = node;
    if (!isSize(heads) || !isSize(headDim) || 3 * heads * headDim !== width) {
      throw see.fail(`3 x ${heads} heads x ${headDim} must be the input width, got ${width}`);
    }
    if (heads > LIMITS.heads || headDim > LIMITS.headDim) {
      throw see.fail(`${heads} heads x ${headDim} are more than any encoder has`);
    }
    if (!Number.isFinite(scale) || !(dropout >= 0 && dropout < 1)) {
      throw see.fail(`scale ${scale} or dropout ${dropout} is out of range`);
    }
    checkRotary(node, see);
    checkRelativeBias(node, see);
    checkDisentangled(node, see);
    return { kind: 'token', width: heads * headDim, rows: 0 };
  },
  detail({ heads, headDim, rotary, window, relativeBias, disentangled }) {
    return [
      `${heads} heads x ${headDim}`,
      ...(rotary === undefined ? [] : [`rotary ${rotary.theta}`]),
      ...(window === undefined ? [] : [`window ${window}`]),
      ...(relativeBias === undefined ? [] : ['relative bias']),
      ...(disentangled === undefined ? [] : ['disentangled']),
    ].join(', ');
  },
};

function checkRotary({ headDim, rotary, window }: AttentionNode, see: ShapeContext): void {
  if (rotary !== undefined) {
    const { theta, dimensions } = rotary;
    const even = isSize(dimensions) && dimensions % 2 === 0 && dimensions <= headDim;
    if (!even || !(Number.isFinite(theta) && theta >= 1)) {
      throw see.fail(`rotary: theta ${theta}, ${dimensions} of ${headDim} dimensions`);
    }
  }
  if (window !== undefined && !(Number.isSafeInteger(window) && window >= 0)) {
    throw see.fail(`window must be an integer from 0, got ${window}`);
  }
}

function checkRelativeBias({ heads, relativeBias }: AttentionNode, see: ShapeContext): void {
  if (relativeBias === undefined) return;
  const [buckets, columns] = see.weight(relativeBias.weight, 2) as [number, number];
  see.plain(relativeBias.weight);
  const { maxDistance } = relativeBias;
  const fits = buckets >= 4 && buckets % 4 === 0 && columns === heads;
  if (fits && isDistance(maxDistance) && maxDistance > buckets / 4) return;
  const got = `${listOf([buckets, columns])}, maxDistance ${maxDistance}`;
  throw see.fail(`relative bias must be [4 n, ${heads}], maxDistance above n, got ${got}`);
}

function checkDisentangled(node: AttentionNode, see: ShapeContext): void {
  if (node.disentangled === undefined) return;
  const width = node.heads * node.headDim;
  const { keys, queries, buckets, maxDistance } = node.disentangled;
  const span = buckets === 0 ? maxDistance : buckets;
  const logarithmic = buckets >= 4 && maxDistance > buckets / 2 + 1;
  if (!isDistance(span) || !isDistance(maxDistance) || (buckets !== 0 && !logarithmic)) {
    throw see.fail(`disentangled: ${buckets} buckets, maxDistance ${maxDistance}`);
  }
  for (const name of [keys, queries]) {
    if (name === null) continue;
    const table = see.input(name, 'table');
    if (table.rows === 2 * span && table.width === width) continue;
    const [want, got] = [listOf([2 * span, width]), listOf([table.rows, table.width])];
    throw see.fail(`${name} must be ${want}, got ${got}`);
  }
}

function isDistance(value: number): boolean {
  return isSize(value) && value <= LIMITS.distance;
}
