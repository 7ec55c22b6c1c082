/**
 * Facts about a value that hold without running the graph: its type and its axes.
 *
 * Rules need ranks (a positive axis is the last one or not) and types (a Cast between floats or not). Only certain facts are
 * given; null means "unknown", and a rule that needs it then leaves the node as it is.
 */

import type { Dtype, OnnxNode } from '../model.js';
import { dtypeOfCode, numberOf, numbersOf, operatorOf, stringOf, tensorOf } from './attributes.js';
import { OLD_SOFTMAX_DOMAIN } from './old-operators.js';

/** Length of each axis; null for one that differs from run to run, or is unknown. */
export type Axes = readonly (number | null)[];

export interface Fact {
  readonly dtype: Dtype | null;
  readonly dims: Axes | null;
}

export interface FactSource {
  fact(name: string): Fact;
  /** Numbers of a small constant; null for anything else. */
  small(name: string): readonly number[] | null;
  /** Known elements of a shape: null in the list for an unknown element, null for an unknown list. */
  elements(name: string): readonly (number | null)[] | null;
}

export const UNKNOWN: Fact = { dtype: null, dims: null };

/** Axes of the result of numpy's broadcasting. */
export function broadcast(...all: (Axes | null)[]): Axes | null {
  let result: (number | null)[] = [];
  for (const dims of all) {
    if (dims === null) return null;
    const rank = Math.max(result.length, dims.length);
    const next: (number | null)[] = [];
    for (let axis = 0; axis < rank; axis++) {
      const a = axis < rank - result.length ? 1 : (result[axis - rank + result.length] ?? null);
      const b = axis < rank - dims.length ? 1 : (dims[axis - rank + dims.length] ?? null);
      next.push(a === 1 ? b : b === 1 || b === null ? a : b);
    }
    result = next;
  }
  return result;
}

function product(a: Axes | null, b: Axes | null): Axes | null {
  if (a === null || b === null || a.length === 0 || b.length === 0) return null;
  if (a.length === 1 || b.length === 1) return null;
  const batch = broadcast(a.slice(0, -2), b.slice(0, -2));
  return batch === null ? null : [...batch, a.at(-2) ?? null, b.at(-1) ?? null];
}

/** `axes` counted from the front; null when one is out of range. */
export function positiveAxes(axes: readonly number[], rank: number): number[] | null {
  const result = axes.map((axis) => (axis < 0 ? axis + rank : axis));
  return result.every((axis) => axis >= 0 && axis < rank) ? result : null;
}

type Infer = (node: OnnxNode, source: FactSource) => Fact;

const at = (node: OnnxNode, source: FactSource, index: number): Fact => {
  const name = node.inputs[index] ?? '';
  return name === '' ? UNKNOWN : source.fact(name);
};
const first: Infer = (node, source) => at(node, source, 0);
const elementwise: Infer = (node, source) => ({
  dtype: at(node, source, 0).dtype ?? at(node, source, 1).dtype,
  dims: broadcast(...node.inputs.map((name) => source.fact(name).dims)),
});
const comparison: Infer = (node, source) => ({
  dtype: 'bool',
  dims: elementwise(node, source).dims,
});
/** Rank after a reduction; axes as attribute or input. */
const reduction: Infer = (node, source) => {
  const { dtype, dims } = first(node, source);
  if (dims === null) return { dtype, dims };
  const given = node.inputs[1] ?? '';
  const named = numbersOf(node, 'axes') ?? (given === '' ? [] : source.small(given));
  if (named === null) return { dtype, dims: null };
  const all = named.length === 0 && numberOf(node, 'noop_with_empty_axes', 0) === 0;
  const axes = all ? dims.map((_, axis) => axis) : positiveAxes(named, dims.length);
  if (axes === null) return { dtype, dims: null };
  const keep = numberOf(node, 'keepdims', 1) !== 0;
  const kept = dims.map((length, axis) => (axes.includes(axis) ? (keep ? 1 : -1) : length));
  return { dtype, dims: kept.filter((length) => length !== -1) };
};
const argument: Infer = (node, source) => {
  const { dims } = first(node, source);
  const axis = numberOf(node, 'axis', 0);
  const keep = numberOf(node, 'keepdims', 1) !== 0;
  if (dims === null) return { dtype: 'int64', dims };
  const at = axis < 0 ? axis + dims.length : axis;
  return {
    dtype: 'int64',
    dims: keep ? dims.map((d, i) => (i === at ? 1 : d)) : dims.filter((_, i) => i !== at),
  };
};
const reshape: Infer = (node, source) => {
  const { dtype, dims } = first(node, source);
  const shape = source.elements(node.inputs[1] ?? '');
  if (shape === null) return { dtype, dims: null };
  const copies = numberOf(node, 'allowzero', 0) === 0;
  return {
    dtype,
    dims: shape.map((n, axis) => {
      if (n === 0) return copies ? (dims?.[axis] ?? null) : 0;
      return n !== null && n > 0 ? n : null;
    }),
  };
};
const unsqueeze: Infer = (node, source) => {
  const { dtype, dims } = first(node, source);
  const axes = numbersOf(node, 'axes') ?? source.small(node.inputs[1] ?? '');
  if (dims === null || axes === null) return { dtype, dims: null };
  const rank = dims.length + axes.length;
  const inserted = positiveAxes(axes, rank);
  if (inserted === null) return { dtype, dims: null };
  const rest = [...dims];
  return {
    dtype,
    dims: Array.from({ length: rank }, (_, axis) =>
      inserted.includes(axis) ? 1 : (rest.shift() ?? null),
    ),
  };
};
const squeeze: Infer = (node, source) => {
  const { dtype, dims } = first(node, source);
  const given = node.inputs[1] ?? '';
  const axes = numbersOf(node, 'axes') ?? (given === '' ? null : source.small(given));
  if (dims === null || axes === null) return { dtype, dims: null };
  const removed = positiveAxes(axes, dims.length);
  return {
    dtype,
    dims: removed === null ? null : dims.filter((_, axis) => !removed.includes(axis)),
  };
};
const gather: Infer = (node, source) => {
  const { dtype, dims } = first(node, source);
  const indices = at(node, source, 1).dims;
  if (dims === null || indices === null) return { dtype, dims: null };
  const [axis] = positiveAxes([numberOf(node, 'axis', 0)], dims.length) ?? [];
  if (axis === undefined) return { dtype, dims: null };
  return { dtype, dims: [...dims.slice(0, axis), ...indices, ...dims.slice(axis + 1)] };
};
const concat: Infer = (node, source) => {
  const parts = node.inputs.map((name) => source.fact(name).dims);
  const { dtype, dims } = first(node, source);
  if (dims === null) return { dtype, dims };
  const [axis] = positiveAxes([numberOf(node, 'axis', 0)], dims.length) ?? [];
  let length: number | null = 0;
  for (const part of parts) {
    const own = part?.[axis ?? -1] ?? null;
    length = length === null || own === null ? null : length + own;
  }
  return { dtype, dims: dims.map((d, i) => (i === axis ? length : d)) };
};
const transpose: Infer = (node, source) => {
  const { dtype, dims } = first(node, source);
  if (dims === null) return { dtype, dims };
  const perm = numbersOf(node, 'perm') ?? dims.map((_, i) => dims.length - 1 - i);
  return { dtype, dims: perm.map((axis) => dims[axis] ?? null) };
};
/** Keeps the rank, with unknown lengths: for operators whose lengths are not followed here. */
const sameRank: Infer = (node, source) => {
  const { dtype, dims } = first(node, source);
  return { dtype, dims: dims === null ? null : dims.map(() => null) };
};
const ofShape = (name: string, source: FactSource): Axes | null =>
  source.elements(name)?.map((n) => (n !== null && n >= 0 ? n : null)) ?? null;
const expand: Infer = (node, source) => ({
  dtype: first(node, source).dtype,
  dims: broadcast(first(node, source).dims, ofShape(node.inputs[1] ?? '', source)),
});
const where: Infer = (node, source) => ({
  dtype: at(node, source, 1).dtype ?? at(node, source, 2).dtype,
  dims: broadcast(...[0, 1, 2].map((index) => at(node, source, index).dims)),
});
const lastAxis =
  (width: (node: OnnxNode, source: FactSource) => number | null): Infer =>
  (node, source) => {
    const { dtype, dims } = first(node, source);
    return { dtype, dims: dims === null ? null : [...dims.slice(0, -1), width(node, source)] };
  };
const floats = (dims: Axes | null): Fact => ({ dtype: 'float32', dims });

const TABLE: ReadonlyMap<string, Infer> = new Map<string, Infer>([
  ...[
    'Add',
    'Sub',
    'Mul',
    'Div',
    'Pow',
    'Min',
    'Max',
    'Mod',
    'Sum',
    'Mean',
    'And',
    'Or',
    'Xor',
  ].map((op) => [op, elementwise] as const),
  ...['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'].map(
    (op) => [op, comparison] as const,
  ),
  ...[
    'Sqrt',
    'Reciprocal',
    'Neg',
    'Abs',
    'Exp',
    'Log',
    'Sign',
    'Ceil',
    'Floor',
    'Round',
    'Clip',
    'Sin',
  ].map((op) => [op, first] as const),
  ...['Cos', 'CumSum', 'LayerNormalization', 'RMSNormalization', 'Gelu', 'Erf', 'Tanh', 'Relu'].map(
    (op) => [op, first] as const,
  ),
  ...['Sigmoid', 'Swish', 'Softmax', 'LogSoftmax', 'Identity', 'Dropout', 'Not', 'Trilu'].map(
    (op) => [op, first] as const,
  ),
  ...[
    'SkipLayerNormalization',
    'SkipSimplifiedLayerNormalization',
    'FastGelu',
    'BiasGelu',
    'Gelu',
  ].map((op) => [`com.microsoft::${op}`, first] as const),
  ...['QuickGelu', 'RotaryEmbedding', 'BiasSoftmax'].map(
    (op) => [`com.microsoft::${op}`, first] as const,
  ),
  ...['Mean', 'Sum', 'Max', 'Min', 'Prod', 'L1', 'L2', 'SumSquare', 'LogSumExp'].map(
    (op) => [`Reduce${op}`, reduction] as const,
  ),
  ['RotaryEmbedding', first],
  ['ArgMax', argument],
  ['ArgMin', argument],
  ['Reshape', reshape],
  ['Unsqueeze', unsqueeze],
  ['Squeeze', squeeze],
  ['Gather', gather],
  ['GatherElements', (n, s) => ({ dtype: first(n, s).dtype, dims: at(n, s, 1).dims })],
  ['Concat', concat],
  ['Transpose', transpose],
  ...['Slice', 'Split', 'Pad', 'Tile'].map((op) => [op, sameRank] as const),
  ['Expand', expand],
  ['Where', where],
  ['IsNaN', (n, s) => ({ dtype: 'bool', dims: first(n, s).dims })],
  ['IsInf', (n, s) => ({ dtype: 'bool', dims: first(n, s).dims })],
  ['Flatten', (n, s) => ({ dtype: first(n, s).dtype, dims: [null, null] })],
  ['Shape', (n, s) => ({ dtype: 'int64', dims: [shapeLength(n, s)] })],
  ['Size', () => ({ dtype: 'int64', dims: [] })],
  ['Range', (n, s) => ({ dtype: first(n, s).dtype, dims: [null] })],
  [
    'ConstantOfShape',
    (n, s) => ({
      dtype: tensorOf(n, 'value')?.dtype ?? 'float32',
      dims: ofShape(n.inputs[0] ?? '', s),
    }),
  ],
  ['Cast', (n, s) => ({ dtype: dtypeOfCode(numberOf(n, 'to', 0)), dims: first(n, s).dims })],
  ['CastLike', (n, s) => ({ dtype: at(n, s, 1).dtype, dims: first(n, s).dims })],
  [
    'MatMul',
    (n, s) => ({
      dtype: first(n, s).dtype ?? at(n, s, 1).dtype,
      dims: product(first(n, s).dims, at(n, s, 1).dims),
    }),
  ],
  ...['Softmax', 'LogSoftmax'].map((op) => [`${OLD_SOFTMAX_DOMAIN}::${op}`, first] as const),
  ['Attention', lastAxis(() => null)],
  ['Gemm', (n, s) => ({ dtype: first(n, s).dtype, dims: [null, null] })],
  ['Einsum', einsum],
  ['QuantizeLinear', (n, s) => ({ dtype: at(n, s, 2).dtype ?? 'uint8', dims: first(n, s).dims })],
  ['DequantizeLinear', (n, s) => ({ dtype: at(n, s, 1).dtype, dims: first(n, s).dims })],
  [
    'MatMulInteger',
    (n, s) => ({ dtype: 'int32', dims: product(first(n, s).dims, at(n, s, 1).dims) }),
  ],
  [
    'com.microsoft::EmbedLayerNormalization',
    (n, s) => floats([null, null, at(n, s, 2).dims?.[1] ?? null]),
  ],
  [
    'com.microsoft::QEmbedLayerNormalization',
    (n, s) => floats([null, null, at(n, s, 2).dims?.[1] ?? null]),
  ],
  ['com.microsoft::Attention', lastAxis(attentionWidth)],
  ['com.microsoft::MultiHeadAttention', lastAxis(valueWidth)],
  ['com.microsoft::MatMulNBits', lastAxis((n) => numberOf(n, 'N', 0) || null)],
  ['com.microsoft::MatMulBnb4', lastAxis((n) => numberOf(n, 'N', 0) || null)],
  ['com.microsoft::DynamicQuantizeMatMul', lastAxis((n, s) => at(n, s, 1).dims?.[1] ?? null)],
  [
    'com.microsoft::FusedMatMul',
    (n, s) => ({
      dtype: first(n, s).dtype,
      dims: broadcast(first(n, s).dims, at(n, s, 1).dims)?.map(() => null) ?? null,
    }),
  ],
]);

/** Width of the value part of a merged QKV weight. */
function attentionWidth(node: OnnxNode, source: FactSource): number | null {
  const total = at(node, source, 1).dims?.[1] ?? null;
  const given = numbersOf(node, 'qkv_hidden_sizes');
  if (given !== null && given.length > 0) return given[2] ?? null;
  return total === null || total % 3 !== 0 ? null : total / 3;
}

function valueWidth(node: OnnxNode, source: FactSource): number | null {
  const { dims } = at(node, source, 2);
  return dims?.length === 3 ? (dims[2] ?? null) : null;
}

function shapeLength(node: OnnxNode, source: FactSource): number | null {
  const rank = first(node, source).dims?.length ?? null;
  if (rank === null) return null;
  const from = numberOf(node, 'start', 0);
  const to = numberOf(node, 'end', rank);
  const clamp = (n: number) => Math.min(Math.max(n < 0 ? n + rank : n, 0), rank);
  return Math.max(clamp(to) - clamp(from), 0);
}

function einsum(node: OnnxNode, source: FactSource): Fact {
  const right = stringOf(node, 'equation', '').replace(/\s/g, '').split('->')[1];
  const known = right !== undefined && !right.includes('.');
  return {
    dtype: first(node, source).dtype,
    dims: known ? new Array<null>(right.length).fill(null) : null,
  };
}

/** Elements of a value computed from shapes; null when it is computed in another way. */
export function inferElements(node: OnnxNode, source: FactSource): Axes | null {
  const from = node.inputs[0] ?? '';
  switch (operatorOf(node)) {
    case 'Shape': {
      const dims = source.fact(from).dims;
      const plain = !node.attributes.has('start') && !node.attributes.has('end');
      return plain ? dims : null;
    }
    case 'Concat': {
      const parts = node.inputs.map((name) => source.elements(name));
      return parts.includes(null) ? null : parts.flatMap((part) => part ?? []);
    }
    case 'Cast':
    case 'Identity':
    case 'Squeeze':
    case 'Unsqueeze':
    case 'Reshape':
      return source.elements(from);
    case 'Gather': {
      const [list, picks] = [source.elements(from), source.small(node.inputs[1] ?? '')];
      if (list === null || picks === null) return null;
      return picks.map((pick) => list[pick < 0 ? pick + list.length : pick] ?? null);
    }
    default:
      return null;
  }
}

/** Facts of every output of a node, inferred from those of its inputs. */
export function inferFacts(node: OnnxNode, source: FactSource): readonly Fact[] {
  const operator = operatorOf(node);
  if (operator === 'Split') {
    const part = sameRank(node, source);
    return node.outputs.map(() => part);
  }
  if (operator === 'DynamicQuantizeLinear') {
    return [
      { dtype: 'uint8', dims: first(node, source).dims },
      { dtype: 'float32', dims: [] },
      { dtype: 'uint8', dims: [] },
    ];
  }
  if (operator.startsWith('com.microsoft::') && operator.endsWith('EmbedLayerNormalization')) {
    const sum = TABLE.get(operator)?.(node, source) ?? UNKNOWN;
    return [sum, { dtype: 'int32', dims: [null] }, sum];
  }
  const infer = TABLE.get(operator);
  return node.outputs.map((_, index) =>
    index === 0 && infer !== undefined ? infer(node, source) : UNKNOWN,
  );
}
