/**
 * onnxruntime's fused embedding layer, and rotary position embedding as an operator.
 */

import type { OnnxNode } from '../../model.js';
import { numberOf } from '../attributes.js';
import type { Rule, Writer } from '../rule.js';
import { positionsOf, splitHeads } from '../write-attention.js';

const embedding: Rule = {
  name: 'embed-layer-norm',
  matches: 'com.microsoft EmbedLayerNormalization, with or without segments, position ids and mask',
  writes: 'Gather, Add, LayerNormalization; ReduceSum of the mask',
  roots: ['com.microsoft::EmbedLayerNormalization'],
  rewrite(node, write) {
    const { graph } = write;
    const input = (index: number) => graph.input(node, index);
    const [normed, lengths, sum] = [0, 1, 2].map((index) => node.outputs[index] ?? '');
    if (graph.isRead(lengths ?? '')) {
      if (input(7) === '') return false;
      const mask = write.op('Cast', [input(7)], { to: 6 });
      write.into(lengths ?? '', 'ReduceSum', [mask, write.ints([1])], { keepdims: 0 });
    }
    const lookup = (table: number, ids: string) =>
      write.op('Gather', [input(table), ids], { axis: 0 });
    const positions = input(8) === '' ? positionsOf(write, input(0)) : input(8);
    const words = lookup(2, input(0));
    const placed = write.op('Add', [words, lookup(3, positions)]);
    const parts = input(4) === '' || input(1) === '' ? null : lookup(4, input(1));
    const total =
      sum !== '' && sum !== undefined && graph.isRead(sum) ? sum : graph.freshName(normed ?? 'sum');
    if (parts === null) write.same(total, placed);
    else write.into(total, 'Add', [placed, parts]);
    return write.into(normed ?? '', 'LayerNormalization', [total, input(5), input(6)], {
      axis: -1,
      epsilon: numberOf(node, 'epsilon', 1e-12),
    });
  },
};

/** Rows of a cosine or sine table for the node's position ids, made [batch, 1, tokens, dim]. */
function angles(write: Writer, table: string, positions: string): string {
  const rows = positions === '' ? table : write.op('Gather', [table, positions], { axis: 0 });
  const doubled = write.op('Concat', [rows, rows], { axis: -1 });
  const axes = write.graph.rank(rows) === 2 ? [0, 1] : [1];
  return write.op('Unsqueeze', [doubled, write.ints(axes)]);
}

/** x cos + (-second half, first half) sin on [batch, heads, tokens, dim]. */
function rotated(write: Writer, x: string, cos: string, sin: string): string {
  const [first = '', second = ''] = write.ops('Split', [x], 2, { axis: -1, num_outputs: 2 });
  const turned = write.op('Concat', [write.op('Neg', [second]), first], { axis: -1 });
  return write.op('Add', [write.op('Mul', [x, cos]), write.op('Mul', [turned, sin])]);
}

interface RotaryInputs {
  readonly positions: string;
  readonly cos: string;
  readonly sin: string;
}

function writeRotary(node: OnnxNode, write: Writer, inputs: RotaryInputs): boolean {
  const { graph } = write;
  const x = graph.input(node, 0);
  const rank = graph.rank(x);
  const heads = numberOf(node, 'num_heads', 0);
  const dimensions = numberOf(node, 'rotary_embedding_dim', 0);
  const factor = numberOf(node, 'scale', 1);
  if (numberOf(node, 'interleaved', 0) !== 0 || factor !== 1) return false;
  if (rank !== 4 && (rank !== 3 || heads < 1)) return false;
  const cos = angles(write, inputs.cos, inputs.positions);
  const sin = angles(write, inputs.sin, inputs.positions);
  const split = rank === 4 ? x : splitHeads(write, x, heads);
  const dim =
    graph.fact(split).dims?.at(-1) ?? (graph.fact(x).dims?.at(-1) ?? 0) / (rank === 4 ? 1 : heads);
  let result: string;
  if (dimensions === 0 || dimensions === dim) result = rotated(write, split, cos, sin);
  else {
    if (dim === 0) return false;
    const sizes = write.ints([dimensions, dim - dimensions]);
    const [turned = '', rest = ''] = write.ops('Split', [split, sizes], 2, { axis: -1 });
    result = write.op('Concat', [rotated(write, turned, cos, sin), rest], { axis: -1 });
  }
  const output = node.outputs[0] ?? '';
  if (rank === 4) return write.same(output, result);
  const joined = write.op('Transpose', [result], { perm: [0, 2, 1, 3] });
  return write.into(output, 'Reshape', [joined, write.ints([0, 0, -1])]);
}

const rotary: Rule = {
  name: 'rotary-embedding',
  matches:
    'com.microsoft RotaryEmbedding (not interleaved) with position ids [batch, tokens] or a first position [1]',
  writes: 'Gather of the tables, Split, Neg, Concat, Mul, Add',
  roots: ['com.microsoft::RotaryEmbedding'],
  rewrite(node, write) {
    const { graph } = write;
    const ids = graph.input(node, 1);
    const x = graph.input(node, 0);
    const rank = graph.rank(ids);
    if (rank !== 1 && rank !== 2) return false;
    let positions = ids;
    if (rank === 1) {
      const tokens = graph.rank(x) === 4 ? 2 : 1;
      const count = write.op('Gather', [write.op('Shape', [x]), write.int(tokens)], { axis: 0 });
      positions = write.op('Add', [ids, write.op('Range', [write.int(0), count, write.int(1)])]);
    }
    return writeRotary(node, write, {
      positions,
      cos: graph.input(node, 2),
      sin: graph.input(node, 3),
    });
  },
};

const standardRotary: Rule = {
  name: 'standard-rotary-embedding',
  matches: 'RotaryEmbedding of opset 23 (not interleaved)',
  writes: 'Gather of the tables, Split, Neg, Concat, Mul, Add',
  roots: ['RotaryEmbedding'],
  rewrite(node, write) {
    const input = (index: number) => write.graph.input(node, index);
    return writeRotary(node, write, { positions: input(3), cos: input(1), sin: input(2) });
  },
};

export const EMBEDDING_RULES: readonly Rule[] = [embedding, rotary, standardRotary];
