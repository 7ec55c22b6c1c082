/**
 * Scaled dot-product attention over [batch, heads, tokens, size], the core of every fused attention operator.
 */

import type { Tensor } from '../model.js';
import type { Call } from './call.js';
import { lastTwoSwapped, matmul } from './product.js';
import { softmaxAlong } from './reduce.js';
import { transposed } from './structure.js';

/** Reshapes [batch, tokens, heads * size] to [batch, heads, tokens, size]. */
export function splitHeads(call: Call, tensor: Tensor, heads: number): Tensor {
  const [batch = 0, tokens = 0, hidden = 0] = tensor.dims;
  if (tensor.dims.length !== 3 || !(heads >= 1) || hidden % heads !== 0) {
    throw call.fail(`[${tensor.dims.join(', ')}] in ${heads} heads`);
  }
  const parts = call.reshaped(tensor, [batch, tokens, heads, hidden / heads]);
  return transposed(call, parts, [0, 2, 1, 3]);
}

/** The inverse of splitHeads. */
export function joinHeads(call: Call, tensor: Tensor): Tensor {
  const [batch = 0, heads = 0, tokens = 0, size = 0] = tensor.dims;
  return call.reshaped(transposed(call, tensor, [0, 2, 1, 3]), [batch, tokens, heads * size]);
}

export interface AttentionParts {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  readonly scale: number;
  /** Changes scaled scores [batch, heads, queries, keys] before the softmax. */
  readonly adjust: (scores: Tensor) => Tensor;
}

/** Attention over split heads: returns [batch, heads, queries, value size]. */
export function attend(call: Call, parts: AttentionParts): Tensor {
  const scores = matmul(call, parts.query, lastTwoSwapped(call, parts.key));
  const { data } = scores;
  for (let i = 0; i < data.length; i++) data[i] = (data[i] as number) * parts.scale;
  return matmul(call, softmaxAlong(call, parts.adjust(scores), 3), parts.value);
}

/** Adds f(batch, query, key) to the scores of every head. */
export function addMask(
  call: Call,
  scores: Tensor,
  mask: (batch: number, query: number, key: number) => number,
): Tensor {
  const [batch = 0, heads = 0, queries = 0, keys = 0] = scores.dims;
  const out = call.make(scores.dtype, scores.dims);
  let at = 0;
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let q = 0; q < queries; q++) {
        for (let k = 0; k < keys; k++, at++) {
          out.data[at] = (scores.data[at] as number) + mask(b, q, k);
        }
      }
    }
  }
  return out;
}
