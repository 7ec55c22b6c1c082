/**
 * The attention operators of com.microsoft: Attention, MultiHeadAttention, QAttention.
 *
 * Masks come in five forms. A masked key gets the addend `mask_filter_value`, which is finite: a row without any visible key
 * becomes an average, not NaN. States of earlier calls (decoders) are refused.
 */

import type { Tensor } from '../model.js';
import type { Call, Operator, OperatorTable } from './call.js';
import { zip } from './elementwise.js';
import { addMask, attend, joinHeads, splitHeads } from './heads.js';
import { matmul } from './product.js';
import { dequantizedProduct } from './quantized-product.js';
import { sliced } from './structure.js';

type Mask = (batch: number, query: number, key: number) => number;

/**
 * Addends for the mask input: lengths [B], ends and starts [2 B], allowed keys [B, K], allowed pairs [B, Q, K], or Megatron's
 * [B, 1, M, M].
 */
function maskOf(call: Call, mask: Tensor, batch: number, queries: number, keys: number): Mask {
  const filter = call.number('mask_filter_value', -10000);
  const { data, dims } = mask;
  const allowed = (index: number) => ((data[index] as number) > 0 ? 0 : filter);
  const [first = 0, second = 0, third = 0] = dims;
  if (dims.length === 1 && first === batch) {
    return (b, _, k) => (k < (data[b] as number) ? 0 : filter);
  }
  if (dims.length === 1 && first === 2 * batch) {
    const inside = (b: number, k: number) =>
      k < (data[b] as number) && k >= (data[batch + b] as number);
    return (b, _, k) => (inside(b, k) ? 0 : filter);
  }
  if (dims.length === 2 && first === batch && second === keys) {
    return (b, _, k) => allowed(b * keys + k);
  }
  if (dims.length === 3 && first === batch && second === queries && third === keys) {
    return (b, q, k) => allowed((b * queries + q) * keys + k);
  }
  if (dims.length === 4 && first === batch && second === 1 && third >= keys && dims[3] === third) {
    return (b, q, k) => allowed((b * third + (keys - queries + q)) * third + k);
  }
  throw call.unsupported(`a mask of [${dims.join(', ')}]`);
}

interface MaskInputs {
  readonly mask: Tensor | null;
  readonly bias: Tensor | null;
}

function adjustment(call: Call, { mask, bias }: MaskInputs): (scores: Tensor) => Tensor {
  const causal = call.number('unidirectional', 0) === 1;
  const filter = call.number('mask_filter_value', -10000);
  return (scores) => {
    const [batch = 0, , queries = 0, keys = 0] = scores.dims;
    let out = scores;
    if (mask) out = addMask(call, out, maskOf(call, mask, batch, queries, keys));
    if (causal) out = addMask(call, out, (_, q, k) => (k > keys - queries + q ? filter : 0));
    return bias ? zip(call, out.dtype, out, bias, (x, y) => x + y) : out;
  };
}

/** Attention with query, key and value in one tensor [B, S, sum of their sizes]. */
function attendStacked(call: Call, stacked: Tensor, inputs: MaskInputs): Tensor {
  const heads = call.number('num_heads', 0);
  const width = stacked.dims.at(-1) ?? 0;
  const sizes = call.numbers('qkv_hidden_sizes') ?? [width / 3, width / 3, width / 3];
  const [q = 0, k = 0, v = 0] = sizes;
  if (q !== k || q + k + v !== width) throw call.fail(`${width} columns as ${sizes.join(' + ')}`);
  const part = (start: number, size: number) =>
    splitHeads(call, sliced(call, stacked, 2, start, size), heads);
  const given = call.number('scale', 0);
  return joinHeads(
    call,
    attend(call, {
      query: part(0, q),
      key: part(q, k),
      value: part(q + k, v),
      scale: given === 0 ? 1 / Math.sqrt(q / heads) : given,
      adjust: adjustment(call, inputs),
    }),
  );
}

function refusePast(call: Call, ...indices: number[]): void {
  if (indices.some((index) => call.optional(index)))
    throw call.unsupported('states of earlier calls');
  if (call.number('do_rotary', 0) === 1) throw call.unsupported('do_rotary');
}

const attention: Operator = (call) => {
  refusePast(call, 4, 6);
  const bias = call.optional(2);
  const product = matmul(call, call.input(0), call.input(1));
  const stacked = bias ? zip(call, product.dtype, product, bias, (x, y) => x + y) : product;
  return attendStacked(call, stacked, { mask: call.optional(3), bias: call.optional(5) });
};

const qAttention: Operator = (call) => {
  refusePast(call, 8);
  const product = dequantizedProduct(call, {
    a: call.input(0),
    b: call.input(1),
    aScale: call.input(3),
    bScale: call.input(4),
    aZero: call.optional(6),
    bZero: call.optional(7),
    bias: call.input(2),
  });
  return attendStacked(call, product, { mask: call.optional(5), bias: null });
};

/**
 * Takes query, key and value as separate [B, S, H], packed as [B, S, heads, 3, size], or key and value with heads already
 * split.
 */
const multiHeadAttention: Operator = (call) => {
  refusePast(call, 6, 7);
  const heads = call.number('num_heads', 0);
  const { query, key, value } = separate(call, heads);
  const size = query.dims[3] as number;
  const given = call.number('scale', 0);
  return joinHeads(
    call,
    attend(call, {
      query,
      key,
      value,
      scale: given === 0 ? 1 / Math.sqrt(size) : given,
      adjust: adjustment(call, { mask: call.optional(4), bias: call.optional(5) }),
    }),
  );
};

function separate(call: Call, heads: number) {
  const input = call.input(0);
  const key = call.optional(1);
  const value = call.optional(2);
  const bias = call.optional(3);
  if (!key) return unpacked(call, input, [0, 1, 2], bias);
  const width = input.dims.at(-1) ?? 0;
  const keyWidth = key.dims.length === 3 ? (key.dims[2] as number) : width;
  const biasPart = (start: number, size: number) => bias && sliced(call, bias, 0, start, size);
  const query = splitHeads(call, plus(call, input, biasPart(0, width)), heads);
  if (key.dims.length === 5) {
    if (bias) throw call.unsupported('a bias with packed keys and values');
    const [k, v] = packedParts(call, key, 2);
    return { query, key: k as Tensor, value: v as Tensor };
  }
  if (!value) throw call.fail('has keys without values');
  if (key.dims.length === 4) return { query, key, value };
  const split = (tensor: Tensor, start: number) =>
    splitHeads(call, plus(call, tensor, biasPart(start, tensor.dims[2] as number)), heads);
  return { query, key: split(key, width), value: split(value, width + keyWidth) };
}

function unpacked(call: Call, packed: Tensor, order: readonly number[], bias: Tensor | null) {
  if (bias) throw call.unsupported('a bias with packed queries, keys and values');
  const parts = packedParts(call, packed, order.length);
  return { query: parts[0] as Tensor, key: parts[1] as Tensor, value: parts[2] as Tensor };
}

/** Splits [B, S, heads, n, size] into n tensors [B, heads, S, size]. */
function packedParts(call: Call, packed: Tensor, count: number): Tensor[] {
  const [batch = 0, tokens = 0, heads = 0, parts = 0, size = 0] = packed.dims;
  if (packed.dims.length !== 5 || parts !== count) {
    throw call.fail(`[${packed.dims.join(', ')}] as ${count} packed tensors`);
  }
  return Array.from({ length: count }, (_, i) => {
    const part = call.reshaped(sliced(call, packed, 3, i, 1), [batch, tokens, heads * size]);
    return splitHeads(call, part, heads);
  });
}

function plus(call: Call, tensor: Tensor, bias: Tensor | null): Tensor {
  return bias ? zip(call, tensor.dtype, tensor, bias, (x, y) => x + y) : tensor;
}

export const MS_ATTENTION: OperatorTable = {
  Attention: attention,
  MultiHeadAttention: multiHeadAttention,
  QAttention: qAttention,
};
