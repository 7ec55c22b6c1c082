/**
 * Spellings of a matrix product: MatMul, a constant right operand as an initializer [in, out], bias by Add.
 */

import type { OnnxNode } from '../../model.js';
import { isPermutation, numberOf, numbersOf, stringOf } from '../attributes.js';
import { deriveReshaped, deriveTransposed } from '../derive.js';
import type { Rule, Writer } from '../rule.js';

const constantTranspose: Rule = {
  name: 'transposed-constant',
  matches: 'Transpose of an initializer',
  writes: 'an initializer',
  roots: ['Transpose'],
  rewrite(node, write) {
    const from = write.graph.initializer(write.graph.input(node, 0));
    if (from === null) return false;
    const perm = numbersOf(node, 'perm') ?? from.dims.map((_, axis) => from.dims.length - 1 - axis);
    if (!isPermutation(perm, from.dims.length)) return false;
    return write.same(node.outputs[0] ?? '', deriveTransposed(write.graph, from, perm));
  },
};

/** Dims that a layout operator gives for constant `dims`; null when they are unknown. */
function newDims(node: OnnxNode, write: Writer, dims: readonly number[]): number[] | null {
  const given = write.graph.input(node, 1);
  const numbers = given === '' ? null : write.graph.small(given);
  if (node.op === 'Squeeze' && given === '') return dims.filter((length) => length !== 1);
  if (node.op === 'Flatten') {
    const axis = numberOf(node, 'axis', 1);
    const at = axis < 0 ? axis + dims.length : axis;
    const product = (part: readonly number[]) => part.reduce((a, b) => a * b, 1);
    return [product(dims.slice(0, at)), product(dims.slice(at))];
  }
  if (numbers === null) return null;
  if (node.op === 'Squeeze') {
    const gone = numbers.map((axis) => (axis < 0 ? axis + dims.length : axis));
    return dims.filter((_, axis) => !gone.includes(axis));
  }
  if (node.op === 'Unsqueeze') {
    const rank = dims.length + numbers.length;
    const added = numbers.map((axis) => (axis < 0 ? axis + rank : axis));
    const rest = [...dims];
    return Array.from({ length: rank }, (_, axis) =>
      added.includes(axis) ? 1 : (rest.shift() ?? 1),
    );
  }
  if (numberOf(node, 'allowzero', 0) !== 0 && numbers.includes(0)) return null;
  const shape = numbers.map((length, axis) => (length === 0 ? (dims[axis] ?? 0) : length));
  const known = shape.filter((length) => length !== -1).reduce((a, b) => a * b, 1);
  const total = dims.reduce((a, b) => a * b, 1);
  return shape.map((length) => (length === -1 ? total / known : length));
}

const constantReshape: Rule = {
  name: 'reshaped-constant',
  matches: 'Reshape, Squeeze, Unsqueeze or Flatten of an initializer',
  writes: 'an initializer',
  roots: ['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten'],
  rewrite(node, write) {
    const from = write.graph.initializer(write.graph.input(node, 0));
    const dims = from === null ? null : newDims(node, write, from.dims);
    if (from === null || dims === null) return false;
    const name = deriveReshaped(write.graph, from, dims);
    return name !== null && write.same(node.outputs[0] ?? '', name);
  },
};

/** `value` with its last two axes swapped; null when its rank is unknown. */
export function swapped(write: Writer, value: string): string | null {
  const constant = write.graph.initializer(value);
  const rank = write.graph.rank(value);
  if (rank === null || rank < 2) return null;
  const perm = Array.from({ length: rank }, (_, axis) => axis);
  perm.splice(rank - 2, 2, rank - 1, rank - 2);
  if (constant !== null) return deriveTransposed(write.graph, constant, perm);
  return write.op('Transpose', [value], { perm });
}

/** value * factor; the value itself for factor 1. */
export function scaled(write: Writer, value: string, factor: number): string {
  return factor === 1 ? value : write.op('Mul', [value, write.scalar(factor)]);
}

/** Activations of FusedGemm that have no parameter. */
const ACTIVATIONS = new Set(['Relu', 'Tanh', 'Sigmoid']);

/** Writes alpha a b + beta c with `inputs` a, b, c, then `activation`. */
function writeGemm(node: OnnxNode, write: Writer, activation: string): boolean {
  const { graph } = write;
  const [a, b, c] = [0, 1, 2].map((index) => graph.input(node, index));
  const swap = (value: string | undefined, flag: string, rank: number) =>
    value === undefined || value === ''
      ? null
      : numberOf(node, flag, 0) === 0
        ? value
        : rank === 2 && graph.initializer(value) === null
          ? write.op('Transpose', [value], { perm: [1, 0] })
          : swapped(write, value);
  const left = swap(a, 'transA', 2);
  const right = swap(b, 'transB', 2);
  if (left === null || right === null) return false;
  const steps: [string, readonly string[]][] = [['MatMul', [left, right]]];
  const alpha = numberOf(node, 'alpha', 1);
  if (alpha !== 1) steps.push(['Mul', ['', write.scalar(alpha)]]);
  if (c !== undefined && c !== '')
    steps.push(['Add', ['', scaled(write, c, numberOf(node, 'beta', 1))]]);
  if (activation !== '') steps.push([activation, ['']]);
  let value = '';
  steps.forEach(([op, inputs], index) => {
    const filled = inputs.map((input) => (input === '' ? value : input));
    if (index === steps.length - 1) write.into(node.outputs[0] ?? '', op, filled);
    else value = write.op(op, filled);
  });
  return true;
}

const gemm: Rule = {
  name: 'gemm',
  matches: 'Gemm',
  writes: 'MatMul, Add (Transpose and Mul where it asks for them)',
  roots: ['Gemm'],
  rewrite: (node, write) => writeGemm(node, write, ''),
};

const fusedGemm: Rule = {
  name: 'fused-gemm',
  matches: 'com.microsoft FusedGemm with Relu, Tanh or Sigmoid',
  writes: 'MatMul, Add, the activation',
  roots: ['com.microsoft::FusedGemm'],
  rewrite(node, write) {
    const activation = stringOf(node, 'activation', '');
    return (activation === '' || ACTIVATIONS.has(activation)) && writeGemm(node, write, activation);
  },
};

const gemmFastGelu: Rule = {
  name: 'gemm-fast-gelu',
  matches: 'com.microsoft GemmFastGelu',
  writes: 'MatMul, Add, Gelu(tanh)',
  roots: ['com.microsoft::GemmFastGelu'],
  rewrite(node, write) {
    const { graph } = write;
    const product = write.op('MatMul', [graph.input(node, 0), graph.input(node, 1)]);
    const bias = graph.input(node, 2);
    const sum = bias === '' ? product : write.op('Add', [product, bias]);
    return write.into(node.outputs[0] ?? '', 'Gelu', [sum], { approximate: 'tanh' });
  },
};

/** Undoes transBatchA, which reads [a, .., m] as [.., a, m]: moves the first axis behind the batch axes. */
function moveBatch(write: Writer, value: string, flag: number): string | null {
  if (flag === 0) return value;
  const rank = write.graph.rank(value);
  if (rank === null || rank < 3) return null;
  const perm = [...Array.from({ length: rank - 2 }, (_, axis) => axis + 1), 0, rank - 1];
  return write.op('Transpose', [value], { perm });
}

const fusedMatMul: Rule = {
  name: 'fused-matmul',
  matches: 'com.microsoft FusedMatMul and TransposeMatMul',
  writes: 'Transpose, MatMul, Mul by alpha',
  roots: ['com.microsoft::FusedMatMul', 'com.microsoft::TransposeMatMul'],
  rewrite(node, write) {
    const side = (index: number, name: 'A' | 'B') => {
      const moved = moveBatch(
        write,
        write.graph.input(node, index),
        numberOf(node, `transBatch${name}`, 0),
      );
      return moved === null || numberOf(node, `trans${name}`, 0) === 0
        ? moved
        : swapped(write, moved);
    };
    const [left, right] = [side(0, 'A'), side(1, 'B')];
    if (left === null || right === null) return false;
    const alpha = numberOf(node, 'alpha', 1);
    const output = node.outputs[0] ?? '';
    if (alpha === 1) return write.into(output, 'MatMul', [left, right]);
    const product = write.op('MatMul', [left, right]);
    return write.into(output, 'Mul', [product, write.scalar(alpha)]);
  },
};

export const PRODUCT_RULES: readonly Rule[] = [
  constantTranspose,
  constantReshape,
  gemm,
  fusedGemm,
  gemmFastGelu,
  fusedMatMul,
];
