/**
 * onnxruntime's fused attention: com.microsoft Attention and MultiHeadAttention, written out.
 *
 * A merged weight or bias of query, key and value is cut into three initializers. Decoder caches, causal masks and cuts that
 * need run-time sizes are not supported: the node stays.
 */

import type { Initializer, OnnxNode } from '../../model.js';
import { numberOf, numbersOf } from '../attributes.js';
import { deriveSlice } from '../derive.js';
import type { Draft } from '../draft.js';
import type { Rule, Writer } from '../rule.js';
import { addendOfMaskIndex, writeAttention } from '../write-attention.js';

const FILTER = -10000;

/** Widths of query, key and value in a merged tensor. */
function widths(node: OnnxNode, total: number): readonly [number, number, number] | null {
  const given = numbersOf(node, 'qkv_hidden_sizes');
  if (given === null || given.length === 0)
    return total % 3 === 0 ? [total / 3, total / 3, total / 3] : null;
  const [q, k, v] = given;
  if (q === undefined || k === undefined || v === undefined || given.length !== 3) return null;
  return q + k + v === total && Math.min(q, k, v) > 0 ? [q, k, v] : null;
}

/** Cuts the last axis of an initializer into pieces of these widths. */
function cut(graph: Draft, from: Initializer, pieces: readonly number[]): string[] {
  const axis = from.dims.length - 1;
  let begin = 0;
  return pieces.map((width) => {
    const name = deriveSlice(graph, from, axis, begin, begin + width);
    begin += width;
    return name;
  });
}

/** Whether the node has features of a decoder, which this engine's attention lacks. */
function isDecoder(node: OnnxNode, write: Writer, past: readonly number[]): boolean {
  return (
    numberOf(node, 'unidirectional', 0) !== 0 ||
    numberOf(node, 'do_rotary', 0) !== 0 ||
    past.some((index) => write.graph.input(node, index) !== '') ||
    node.outputs.slice(1).some((output) => write.graph.isRead(output))
  );
}

/** The addends for a mask input and a bias input ('' for a missing one); null for an unsupported mask. */
function biasesOf(
  node: OnnxNode,
  write: Writer,
  mask: string,
  bias: string,
  tokens: string,
): string[] | null {
  const low = numberOf(node, 'mask_filter_value', FILTER);
  const addend = mask === '' ? '' : addendOfMaskIndex(write, mask, tokens, low);
  return addend === null ? null : [bias, addend].filter((name) => name !== '');
}

function projected(write: Writer, x: string, weight: string, bias: string | undefined): string {
  const product = write.op('MatMul', [x, weight]);
  return bias === undefined ? product : write.op('Add', [product, bias]);
}

const attention: Rule = {
  name: 'attention',
  matches:
    'com.microsoft Attention: merged QKV weight, mask as lengths, as [batch, keys] or [batch, queries, keys], bias of the scores',
  writes: 'three MatMul and Add, attention written out',
  roots: ['com.microsoft::Attention'],
  rewrite(node, write) {
    const { graph } = write;
    const [x, merged, bias, mask, , scores] = [0, 1, 2, 3, 4, 5].map((index) =>
      graph.input(node, index),
    );
    const weight = graph.initializer(merged ?? '');
    const biases = bias ? graph.initializer(bias) : null;
    const heads = numberOf(node, 'num_heads', 0);
    if (!x || weight?.dims.length !== 2 || heads < 1 || isDecoder(node, write, [4, 6]))
      return false;
    const sizes = widths(node, weight.dims[1] ?? 0);
    if (sizes === null || sizes.some((size) => size % heads !== 0) || (bias && biases === null))
      return false;
    if (biases !== null && String(biases.dims) !== String([weight.dims[1]])) return false;
    const addends = biasesOf(node, write, mask ?? '', scores ?? '', x);
    if (addends === null) return false;
    const offsets = biases === null ? [] : cut(graph, biases, sizes);
    const [query = '', key = '', value = ''] = cut(graph, weight, sizes).map((part, index) =>
      projected(write, x, part, offsets[index]),
    );
    const scale = numberOf(node, 'scale', 0) || 1 / Math.sqrt(sizes[0] / heads);
    const parts = { query, key, value, queryHeads: heads, split: false, scale, biases: addends };
    return writeAttention(write, node.outputs[0] ?? '', parts);
  },
};

/** Width of a query, from its shape, its bias or (last) the weight it was projected with. */
function queryWidth(write: Writer, query: string, biases: Initializer | null): number | null {
  const width = write.graph.fact(query).dims?.at(-1) ?? null;
  if (width !== null || biases === null) return width;
  const total = biases.dims.at(-1) ?? 0;
  return total % 3 === 0 ? total / 3 : null;
}

const multiHeadAttention: Rule = {
  name: 'multi-head-attention',
  matches: 'com.microsoft MultiHeadAttention on query, key and value [batch, tokens, width]',
  writes: 'Add of the biases, attention written out',
  roots: ['com.microsoft::MultiHeadAttention'],
  rewrite(node, write) {
    const { graph } = write;
    const input = (index: number) => graph.input(node, index);
    const inputs = [0, 1, 2].map(input);
    const heads = numberOf(node, 'num_heads', 0);
    if (inputs.some((name) => name === '' || (graph.rank(name) ?? 3) !== 3)) return false;
    if (heads < 1 || isDecoder(node, write, [6, 7, 8, 9])) return false;
    const biases = input(3) === '' ? null : graph.initializer(input(3));
    const width = queryWidth(write, input(0), biases);
    if (width === null || width % heads !== 0 || (input(3) !== '' && biases === null)) return false;
    const addends = biasesOf(node, write, input(4), input(5), input(1));
    if (addends === null) return false;
    const last = (biases?.dims.at(-1) ?? 0) - 2 * width;
    if (biases !== null && (last < 1 || biases.dims.length !== 1)) return false;
    const offsets = biases === null ? [] : cut(graph, biases, [width, width, last]);
    const [query = '', key = '', value = ''] = inputs.map((name, index) => {
      const offset = offsets[index];
      return offset === undefined ? name : write.op('Add', [name, offset]);
    });
    const scale = numberOf(node, 'scale', 0) || 1 / Math.sqrt(width / heads);
    const parts = { query, key, value, queryHeads: heads, split: false, scale, biases: addends };
    return writeAttention(write, node.outputs[0] ?? '', parts);
  },
};

/** Most heads of a node that is written out, because the rule writes a list of them. */
const MAX_HEADS = 1024;

interface Layout {
  /** Heads of the queries and of the keys; 0 and null where the file does not tell. */
  readonly heads: number;
  readonly keyHeads: number | null;
  /** Whether heads are an axis of the operands already. */
  readonly split: boolean;
}

/**
 * Heads of the operands of ONNX's own Attention; null where their numbers do not fit. Operands with three axes need an
 * attribute for their heads, so operands without it have four, even where their rank is unknown.
 */
function layoutOf(node: OnnxNode, write: Writer): Layout | null {
  const { graph } = write;
  const [query, key] = [0, 1].map((index) => graph.fact(graph.input(node, index)).dims);
  const heads = numberOf(node, 'q_num_heads', 0);
  const split = query ? query.length === 4 : heads === 0;
  const [own, others] = split
    ? [query?.[1] ?? null, key?.[1] ?? null]
    : [heads, numberOf(node, 'kv_num_heads', 0)];
  if (own === null || others === null) return { heads: 0, keyHeads: null, split };
  const fits = others >= 1 && own % others === 0 && own >= 1 && own <= MAX_HEADS;
  return fits ? { heads: own, keyHeads: others, split } : null;
}

/** 1 / sqrt(head size), computed by the graph where the size is unknown. */
function usualScale(write: Writer, query: string, { heads, split }: Layout): number | string {
  const width = write.graph.fact(query).dims?.at(-1) ?? null;
  const parts = split ? 1 : heads;
  if (width !== null) return 1 / Math.sqrt(width / parts);
  const last = write.op('Gather', [write.op('Shape', [query]), write.int(-1)], { axis: 0 });
  const size = write.op('Div', [write.op('Cast', [last], { to: 1 }), write.scalar(parts)]);
  return write.op('Div', [write.scalar(1), write.op('Sqrt', [size])]);
}

const standardAttention: Rule = {
  name: 'standard-attention',
  matches:
    'Attention of opset 23 on [batch, tokens, width] or [batch, heads, tokens, dim], mask of booleans or floats, with fewer heads of keys too',
  writes: 'Gather of the heads of keys and values where they are fewer, attention written out',
  roots: ['Attention'],
  rewrite(node, write) {
    const { graph } = write;
    const layout = layoutOf(node, write);
    const extra = ['is_causal', 'softcap'];
    if (layout === null || extra.some((name) => numberOf(node, name, 0) !== 0)) return false;
    if ([4, 5, 6].some((index) => graph.input(node, index) !== '')) return false;
    if (node.outputs.slice(1).some((output) => graph.isRead(output))) return false;
    const mask = graph.input(node, 3);
    const dtype = mask === '' ? null : graph.fact(mask).dtype;
    if (mask !== '' && dtype !== 'bool' && dtype !== 'float32') return false;
    // The standard gives 0 for a row that sees no key, this a mean; no token of a text has such a row.
    const low = -3.4028234663852886e38;
    const bias =
      dtype === 'bool' ? write.op('Where', [mask, write.scalar(0), write.scalar(low)]) : mask;
    const query = graph.input(node, 0);
    return writeAttention(write, node.outputs[0] ?? '', {
      query,
      key: graph.input(node, 1),
      value: graph.input(node, 2),
      queryHeads: layout.heads,
      keyHeads: layout.keyHeads,
      split: layout.split,
      scale: numberOf(node, 'scale', 0) || usualScale(write, query, layout),
      biases: bias === '' ? [] : [bias],
    });
  },
};

export const ATTENTION_RULES: readonly Rule[] = [attention, multiHeadAttention, standardAttention];
