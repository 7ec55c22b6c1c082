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

/** Rows of a cosine or sine table for the node's position ids, as [batch, 1, tokens, dim]. */
function angles(write: Writer, table: string, positions: string, interleaved: boolean): string {
  const rows = positions === '' ? table : write.op('Gather', [table, positions], { axis: 0 });
  const rank = write.graph.rank(rows);
  const doubled = interleaved
    ? inPairs(write, rows, rows, rank === 2 ? [0, -1] : [0, 0, -1])
    : write.op('Concat', [rows, rows], { axis: -1 });
  return write.op('Unsqueeze', [doubled, write.ints(rank === 2 ? [0, 1] : [1])]);
}

/** Interleaves the elements of `a` and `b` along the last axis; the result has `shape`. */
function inPairs(write: Writer, a: string, b: string, shape: readonly number[]): string {
  const [left, right] = [a, b].map((name) => write.op('Unsqueeze', [name, write.ints([-1])]));
  const pairs = write.op('Concat', [left ?? '', right ?? ''], { axis: -1 });
  return write.op('Reshape', [pairs, write.ints(shape)]);
}

/** x cos + y sin on [batch, heads, tokens, dim]; y is (-second half, first half), or (-second, first) of each pair. */
function rotated(write: Writer, x: string, angle: Angles): string {
  const split = { axis: -1, num_outputs: 2 };
  let turned: string;
  if (angle.interleaved) {
    const pairs = write.op('Reshape', [x, write.ints([0, 0, 0, -1, 2])]);
    const [first = '', second = ''] = write.ops('Split', [pairs], 2, split);
    const swapped = write.op('Concat', [write.op('Neg', [second]), first], { axis: -1 });
    turned = write.op('Reshape', [swapped, write.ints([0, 0, 0, -1])]);
  } else {
    const [first = '', second = ''] = write.ops('Split', [x], 2, split);
    turned = write.op('Concat', [write.op('Neg', [second]), first], { axis: -1 });
  }
  return write.op('Add', [write.op('Mul', [x, angle.cos]), write.op('Mul', [turned, angle.sin])]);
}

interface Angles {
  readonly cos: string;
  readonly sin: string;
  readonly interleaved: boolean;
}

interface RotaryInputs {
  readonly positions: string;
  readonly cos: string;
  readonly sin: string;
}

/**
 * Whether heads are an axis of the operand. One with three axes needs an attribute for its heads, so one without it has four,
 * even where its rank is unknown.
 */
function hasHeadAxis(node: OnnxNode, write: Writer): boolean {
  const rank = write.graph.rank(write.graph.input(node, 0));
  return rank === null ? numberOf(node, 'num_heads', 0) === 0 : rank === 4;
}

function writeRotary(node: OnnxNode, write: Writer, inputs: RotaryInputs): boolean {
  const { graph } = write;
  const x = graph.input(node, 0);
  const heads = numberOf(node, 'num_heads', 0);
  const dimensions = numberOf(node, 'rotary_embedding_dim', 0);
  const interleaved = numberOf(node, 'interleaved', 0) !== 0;
  const isSplit = hasHeadAxis(node, write);
  if (numberOf(node, 'scale', 1) !== 1 || (!isSplit && heads < 1)) return false;
  const table = (name: string) => angles(write, name, inputs.positions, interleaved);
  const angle = { cos: table(inputs.cos), sin: table(inputs.sin), interleaved };
  const split = isSplit ? x : splitHeads(write, x, heads);
  let result: string;
  if (dimensions === 0 || dimensions === graph.fact(split).dims?.at(-1)) {
    result = rotated(write, split, angle);
  } else {
    const [begin, at, end] = [[0], [dimensions], [2 ** 31 - 1]].map((list) => write.ints(list));
    const part = (from = '', to = '') => write.op('Slice', [split, from, to, write.ints([-1])]);
    result = write.op('Concat', [rotated(write, part(begin, at), angle), part(at, end)], {
      axis: -1,
    });
  }
  const output = node.outputs[0] ?? '';
  if (isSplit) return write.same(output, result);
  const joined = write.op('Transpose', [result], { perm: [0, 2, 1, 3] });
  return write.into(output, 'Reshape', [joined, write.ints([0, 0, -1])]);
}

const rotary: Rule = {
  name: 'rotary-embedding',
  matches:
    'com.microsoft RotaryEmbedding, of halves or interleaved, with position ids [batch, tokens] or a first position [1]',
  writes: 'Gather of the tables, Slice, Split, Neg, Concat, Mul, Add',
  roots: ['com.microsoft::RotaryEmbedding'],
  rewrite(node, write) {
    const { graph } = write;
    const ids = graph.input(node, 1);
    const rank = graph.rank(ids);
    if ((rank !== 1 && rank !== 2) || numberOf(node, 'is_packed_batching', 0) !== 0) return false;
    let positions = ids;
    if (rank === 1) {
      const tokens = write.int(hasHeadAxis(node, write) ? 2 : 1);
      const shape = write.op('Shape', [graph.input(node, 0)]);
      const count = write.op('Gather', [shape, tokens], { axis: 0 });
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
  matches:
    'RotaryEmbedding of opset 23 on [batch, tokens, width] or [batch, heads, tokens, dim], of halves or interleaved',
  writes: 'Gather of the tables, Slice, Split, Neg, Concat, Mul, Add',
  roots: ['RotaryEmbedding'],
  rewrite(node, write) {
    const input = (index: number) => write.graph.input(node, index);
    return writeRotary(node, write, { positions: input(3), cos: input(1), sin: input(2) });
  },
};

export const EMBEDDING_RULES: readonly Rule[] = [embedding, rotary, standardRotary];
