/**
 * Einsum of two operands as a product: a projection by a constant, a batched matrix product, or an outer product.
 *
 * The kind of an index follows from where it occurs: in both operands and the result (batch), in both operands only (summed),
 * in one operand and the result (rows, columns). Anything else stays.
 */

import type { OnnxNode } from '../../model.js';
import { stringOf } from '../attributes.js';
import { deriveReshaped, deriveTransposed } from '../derive.js';
import type { Rule, Writer } from '../rule.js';

interface Indices {
  readonly a: string;
  readonly b: string;
  readonly out: string;
  readonly batch: string;
  readonly summed: string;
  readonly rows: string;
  readonly columns: string;
}

function only(letters: string, keep: (letter: string) => boolean): string {
  return [...letters].filter(keep).join('');
}

function indicesOf(node: OnnxNode): Indices | null {
  const equation = stringOf(node, 'equation', '').replace(/\s/g, '');
  const [, a, b, out] = /^([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)$/.exec(equation) ?? [];
  if (a === undefined || b === undefined || out === undefined) return null;
  if ([a, b, out].some((letters) => new Set(letters).size !== letters.length)) return null;
  const [inA, inB, inOut] = [a, b, out].map(
    (letters) => (letter: string) => letters.includes(letter),
  );
  if (!inA || !inB || !inOut) return null;
  const known = [...a, ...b, ...out].every(
    (letter) => (inA(letter) ? 1 : 0) + (inB(letter) ? 1 : 0) + (inOut(letter) ? 1 : 0) >= 2,
  );
  return known
    ? {
        ...{ a, b, out },
        batch: only(a, (letter) => inB(letter) && inOut(letter)),
        summed: only(a, (letter) => inB(letter) && !inOut(letter)),
        rows: only(a, (letter) => !inB(letter)),
        columns: only(b, (letter) => !inA(letter)),
      }
    : null;
}

/** Transposes `value` from the order `from` of its axes to the order `to`. */
function ordered(write: Writer, value: string, from: string, to: string): string {
  if (from === to) return value;
  return write.op('Transpose', [value], { perm: [...to].map((letter) => from.indexOf(letter)) });
}

/** A product with a constant that has only summed and column axes: reshaped to one MatMul. */
function projection(node: OnnxNode, write: Writer, at: Indices): boolean {
  const { graph } = write;
  const weight = graph.initializer(graph.input(node, 1));
  const natural = at.a === at.rows + at.summed && at.out === at.rows + at.columns;
  if (weight === null || at.batch !== '' || at.summed === '' || at.columns === '' || !natural)
    return false;
  if (weight.dims.length !== at.b.length) return false;
  const size = (letters: string) =>
    [...letters].reduce((product, letter) => product * (weight.dims[at.b.indexOf(letter)] ?? 1), 1);
  const perm = [...(at.summed + at.columns)].map((letter) => at.b.indexOf(letter));
  const straight = graph.initializer(deriveTransposed(graph, weight, perm));
  const matrix = straight && deriveReshaped(graph, straight, [size(at.summed), size(at.columns)]);
  if (matrix === null) return false;
  const keep = at.rows.length;
  const zeros = new Array<number>(keep).fill(0);
  const x = graph.input(node, 0);
  const flat = at.summed.length === 1 ? x : write.op('Reshape', [x, write.ints([...zeros, -1])]);
  const output = node.outputs[0] ?? '';
  if (at.columns.length === 1) return write.into(output, 'MatMul', [flat, matrix]);
  const shape = write.ints([...zeros, ...[...at.columns].map((letter) => size(letter))]);
  return write.into(output, 'Reshape', [write.op('MatMul', [flat, matrix]), shape]);
}

/** A batched product: one index of each kind, but any number of batch axes. */
function batched(node: OnnxNode, write: Writer, at: Indices): boolean {
  if (at.summed.length !== 1 || at.rows.length !== 1 || at.columns.length !== 1) return false;
  const a = ordered(write, write.graph.input(node, 0), at.a, at.batch + at.rows + at.summed);
  const b = ordered(write, write.graph.input(node, 1), at.b, at.batch + at.summed + at.columns);
  const made = at.batch + at.rows + at.columns;
  const output = node.outputs[0] ?? '';
  if (made === at.out) return write.into(output, 'MatMul', [a, b]);
  return write.same(output, ordered(write, write.op('MatMul', [a, b]), made, at.out));
}

/** An outer product, where nothing is summed: both operands are broadcast to the axes of the result. */
function outer(node: OnnxNode, write: Writer, at: Indices): boolean {
  if (at.summed !== '') return false;
  const spread = (index: number, letters: string) => {
    const own = only(at.out, (letter) => letters.includes(letter));
    const value = ordered(write, write.graph.input(node, index), letters, own);
    const axes = [...at.out].flatMap((letter, axis) => (letters.includes(letter) ? [] : [axis]));
    return axes.length === 0 ? value : write.op('Unsqueeze', [value, write.ints(axes)]);
  };
  return write.into(node.outputs[0] ?? '', 'Mul', [spread(0, at.a), spread(1, at.b)]);
}

const einsum: Rule = {
  name: 'einsum',
  matches: 'Einsum of two operands: by a constant, one row and one column index, or nothing summed',
  writes: 'MatMul or Mul, with Reshape, Transpose and Unsqueeze around it',
  roots: ['Einsum'],
  rewrite(node, write) {
    const at = node.inputs.length === 2 ? indicesOf(node) : null;
    if (at === null) return false;
    return projection(node, write, at) || batched(node, write, at) || outer(node, write, at);
  },
};

export const EINSUM_RULES: readonly Rule[] = [einsum];
