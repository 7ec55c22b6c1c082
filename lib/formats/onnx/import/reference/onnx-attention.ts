/**
 * Attention and RotaryEmbedding of ONNX's own domain (opset 23 and later), and com.microsoft's RotaryEmbedding.
 *
 * A query whose keys are all masked gives zeros, as the standard's errata say.
 */

import type { Tensor } from '../model.js';
import type { Call, Operator, OperatorTable } from './call.js';
import { zip } from './elementwise.js';
import { attend, joinHeads, splitHeads } from './heads.js';
import { strided } from './structure.js';
import { stridesOf } from './tensors.js';

const attention: Operator = (call) => {
  if ([4, 5, 6].some((index) => call.optional(index))) {
    throw call.unsupported('states of earlier calls');
  }
  if (call.node.outputs.slice(1).some((name) => name !== '')) {
    throw call.unsupported('outputs beside the first');
  }
  const flat = call.input(0).dims.length === 3;
  const queryHeads = call.number('q_num_heads', 0);
  const keyHeads = call.number('kv_num_heads', 0);
  const heads = (index: number, count: number) =>
    flat ? splitHeads(call, call.input(index), count) : call.input(index);
  const query = heads(0, queryHeads);
  const groups = (tensor: Tensor) => repeatedHeads(call, tensor, query.dims[1] as number);
  const key = groups(heads(1, keyHeads));
  const value = groups(heads(2, keyHeads));
  const given = call.number('scale', 0);
  const masked = new Set<number>();
  const out = attend(call, {
    query,
    key,
    value,
    scale: given === 0 ? 1 / Math.sqrt(query.dims[3] as number) : given,
    adjust: (scores) => adjusted(call, scores, masked),
  });
  const size = out.dims[3] as number;
  for (const row of masked) out.data.fill(0, row * size, (row + 1) * size);
  return flat ? joinHeads(call, out) : out;
};

/** Repeats the heads of keys or values where queries have more: each serves a group of neighbours. */
function repeatedHeads(call: Call, tensor: Tensor, heads: number): Tensor {
  const [batch = 0, own = 0, tokens = 0, size = 0] = tensor.dims;
  if (own === heads) return tensor;
  if (tensor.dims.length !== 4 || own === 0 || heads % own !== 0) {
    throw call.fail(`${own} heads of keys for ${heads} of queries`);
  }
  const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = stridesOf(tensor.dims);
  const dims = [batch, own, heads / own, tokens, size];
  return call.reshaped(strided(call, tensor, dims, [s0, s1, 0, s2, s3]), [
    batch,
    heads,
    tokens,
    size,
  ]);
}

/** Applies softcap, then the mask; rows without a visible key are added to `masked`. */
function adjusted(call: Call, scores: Tensor, masked: Set<number>): Tensor {
  const softcap = call.number('softcap', 0);
  const [, , queries = 0, keys = 0] = scores.dims;
  let out = scores;
  if (softcap > 0) {
    for (let i = 0; i < out.data.length; i++) {
      out.data[i] = softcap * Math.tanh((out.data[i] as number) / softcap);
    }
  }
  const mask = call.optional(3);
  if (mask) {
    const boolean = mask.dtype === 'bool';
    out = zip(call, out.dtype, out, mask, (x, y) => (boolean ? (y === 0 ? -Infinity : x) : x + y));
  }
  const causal = call.number('is_causal', 0) === 1;
  const rows = keys === 0 ? 0 : out.data.length / keys;
  for (let row = 0; row < rows; row++) {
    const line = out.data.subarray(row * keys, (row + 1) * keys);
    if (causal) line.fill(-Infinity, Math.min(keys, (row % queries) + 1));
    if (line.every((value) => value === -Infinity)) {
      masked.add(row);
      line.fill(0);
    }
  }
  return out;
}

interface Rotation {
  readonly x: Tensor;
  readonly cos: Tensor;
  readonly sin: Tensor;
  readonly positions: Tensor | null;
}

/**
 * Rotates x [B, S, heads * size] or [B, heads, S, size] with tables [positions, half] or, without position ids, [B, S, half].
 */
function rotated(call: Call, { x, cos, sin, positions }: Rotation): Tensor {
  const flat = x.dims.length === 3;
  const half = cos.dims.at(-1) ?? 0;
  const heads = call.number('num_heads', 0) || (flat ? (x.dims[2] as number) / (2 * half) : 1);
  const split = flat ? splitHeads(call, x, heads) : x;
  const [batch = 0, count = 0, tokens = 0, size = 0] = split.dims;
  const width = call.number('rotary_embedding_dim', 0) || size;
  if (width !== 2 * half || width > size) throw call.fail(`tables of ${half} for heads of ${size}`);
  const rows = cos.data.length / half;
  const rowOf = (b: number, t: number) => {
    const index = !positions
      ? b * tokens + t
      : positions.data.length === 1
        ? (positions.data[0] as number) + t
        : (positions.data[b * tokens + t] as number);
    if (!(index >= 0 && index < rows)) throw call.fail(`position ${index} of ${rows}`);
    return index * half;
  };
  const out = call.make(x.dtype, split.dims);
  out.data.set(split.data);
  const interleaved = call.number('interleaved', 0) === 1;
  for (let row = 0; row < batch * count * tokens; row++) {
    const t = row % tokens;
    const from = rowOf(Math.floor(row / (count * tokens)), t);
    for (let i = 0; i < half; i++) {
      const a = row * size + (interleaved ? 2 * i : i);
      const b = interleaved ? a + 1 : a + half;
      const [c, s] = [cos.data[from + i] as number, sin.data[from + i] as number];
      const [u, v] = [split.data[a] as number, split.data[b] as number];
      out.data[a] = u * c - v * s;
      out.data[b] = u * s + v * c;
    }
  }
  return flat ? joinHeads(call, out) : out;
}

const rotary: Operator = (call) =>
  rotated(call, {
    x: call.input(0),
    cos: call.input(1),
    sin: call.input(2),
    positions: call.optional(3),
  });

const msRotary: Operator = (call) => {
  if (call.number('is_packed_batching', 0) === 1) throw call.unsupported('packed batches');
  return rotated(call, {
    x: call.input(0),
    cos: call.input(2),
    sin: call.input(3),
    positions: call.input(1),
  });
};

export const ONNX_ATTENTION: OperatorTable = { Attention: attention, RotaryEmbedding: rotary };
export const MS_ROTARY: OperatorTable = { RotaryEmbedding: msRotary };
