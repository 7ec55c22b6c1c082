/**
 * For each operator that the writer may use: the opset that it needs in the form used, and what comes out.
 *
 * A rule throws when types or shapes do not fit; shapes are numbers, shape arithmetic is computed.
 */

import type { Known } from './check-model.js';
import type { ParsedNode } from './parse.js';

export interface Operator {
  readonly since: number;
  readonly infer: (inputs: readonly Known[], node: ParsedNode, opset: number) => readonly Known[];
}

const [FLOAT, UINT8, INT8, INT32, INT64, BOOL, HALF, UINT4, INT4] = [1, 2, 3, 6, 7, 9, 10, 21, 22];

type Rule = (inputs: readonly Known[], node: ParsedNode, opset: number) => Known;

function need(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

function value(
  type: number,
  dims: readonly number[],
  ints: readonly number[] | null = null,
): Known {
  need(
    dims.every((dim) => Number.isInteger(dim) && dim >= 0),
    `shape [${dims}]`,
  );
  return { type, dims, ints };
}

function input(inputs: readonly Known[], index: number): Known {
  const found = inputs[index];
  if (found === undefined) throw new Error(`input ${index} is missing`);
  return found;
}

function attribute(node: ParsedNode, name: string): readonly number[] {
  const found = node.attributes.get(name);
  if (found === undefined) throw new Error(`attribute ${name} is missing`);
  return found.map(Number);
}

function axisOf(node: ParsedNode, rank: number, name = 'axis'): number {
  const [axis = Number.NaN] = attribute(node, name);
  need(axis >= -rank && axis < rank, `axis ${axis}`);
  return axis < 0 ? axis + rank : axis;
}

function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [x = 1, y = 1] = [a[a.length - rank + i], b[b.length - rank + i]];
    need(x === y || x === 1 || y === 1, 'shapes do not broadcast');
    return x === 1 ? y : x;
  });
}

const isFloat = (type: number): boolean => type === FLOAT || type === HALF;

/** The rule of an operator with two inputs of one type, element by element. */
const pairwise =
  (compute: ((a: number, b: number) => number) | null, result?: number): Rule =>
  (inputs) => {
    const [a, b] = [input(inputs, 0), input(inputs, 1)];
    need(inputs.length === 2 && a.type === b.type, 'types differ');
    const dims = broadcast(a.dims, b.dims);
    const both = compute !== null && a.ints !== null && b.ints !== null && dims.length <= 1;
    const length = dims[0] ?? 1;
    const at = (ints: readonly number[], i: number): number => ints[ints.length === 1 ? 0 : i] ?? 0;
    const ints = both
      ? Array.from({ length }, (_, i) => compute(at(a.ints ?? [], i), at(b.ints ?? [], i)))
      : null;
    return value(result ?? a.type, dims, ints);
  };

/** The rule of an operator with one float tensor in, and one of the same shape out. */
const pointwise: Rule = (inputs) => {
  const x = input(inputs, 0);
  need(inputs.length === 1 && isFloat(x.type), 'one float tensor');
  return value(x.type, x.dims);
};

const reduce: (axesSince: number) => Rule = (axesSince) => (inputs, node, opset) => {
  const x = input(inputs, 0);
  const axes = opset >= axesSince ? (input(inputs, 1).ints ?? []) : attribute(node, 'axes');
  need(inputs.length === (opset >= axesSince ? 2 : 1), 'axes are an attribute or an input');
  const [keep] = attribute(node, 'keepdims');
  const reduced = axes.map((axis) => (axis < 0 ? axis + x.dims.length : axis));
  const dims = x.dims.flatMap((dim, i) => (reduced.includes(i) ? (keep === 1 ? [1] : []) : [dim]));
  return value(x.type, dims);
};

function matmul(a: readonly number[], b: readonly number[]): number[] {
  need(a.length >= 2 && b.length >= 2 && a.at(-1) === b.at(-2), 'inner sizes differ');
  return [...broadcast(a.slice(0, -2), b.slice(0, -2)), a.at(-2) ?? 0, b.at(-1) ?? 0];
}

const reshape: Rule = (inputs) => {
  const [x, shape] = [input(inputs, 0), input(inputs, 1)];
  const wanted = shape.ints ?? [];
  const dims = wanted.map((size, i) => (size === 0 ? (x.dims[i] ?? Number.NaN) : size));
  const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);
  need(product(dims) === product(x.dims), 'sizes differ');
  return value(x.type, dims);
};

const gather: Rule = (inputs, node) => {
  const [x, rows] = [input(inputs, 0), input(inputs, 1)];
  const axis = node.attributes.has('axis') ? axisOf(node, x.dims.length) : 0;
  need(rows.type === INT64 || rows.type === INT32, 'indices are integers');
  const dims = [...x.dims.slice(0, axis), ...rows.dims, ...x.dims.slice(axis + 1)];
  const known = x.ints !== null && rows.ints !== null && x.dims.length === 1;
  return value(x.type, dims, known ? rows.ints.map((i) => x.ints?.at(i) ?? 0) : null);
};

/** Q and DQ: input, scale, zero point; one scale, one per channel, or one per block. */
const dequantize: Rule = (inputs, node, opset) => {
  const [x, scale] = [input(inputs, 0), input(inputs, 1)];
  const zero = inputs[2];
  const small = [UINT8, INT8, ...(opset >= 21 ? [UINT4, INT4] : [])];
  need(small.includes(x.type) && isFloat(scale.type), 'types');
  need(scale.type === FLOAT || opset >= 19, 'f16 scales are new in opset 19');
  need(zero === undefined || (zero.type === x.type && `${zero.dims}` === `${scale.dims}`), 'zero');
  if (scale.dims.length > 0) {
    const axis = axisOf(node, x.dims.length);
    const [block] = node.attributes.get('block_size') ?? [];
    need(block === undefined || opset >= 21, 'blocks are new in opset 21');
    const wanted =
      block === undefined
        ? [x.dims[axis]]
        : x.dims.map((dim, i) => (i === axis ? Math.ceil(dim / Number(block)) : dim));
    need(`${wanted}` === `${scale.dims}`, 'shape of the scales');
  }
  return value(scale.type, x.dims);
};

const quantize: Rule = (inputs) => {
  const [x, scale, zero] = [input(inputs, 0), input(inputs, 1), input(inputs, 2)];
  need(x.type === FLOAT && scale.type === FLOAT && scale.dims.length === 0, 'one scale');
  need(zero.type === UINT8 || zero.type === INT8, 'zero point');
  return value(zero.type, x.dims);
};

const slice: Rule = (inputs) => {
  const [x, starts, ends, axes] = [0, 1, 2, 3].map((i) => input(inputs, i)) as [
    Known,
    Known,
    Known,
    Known,
  ];
  const dims = x.dims.map((dim, i) => {
    const k = axes.ints?.indexOf(i) ?? -1;
    if (k < 0) return dim;
    const [start = 0, end = 0] = [starts.ints?.[k], ends.ints?.[k]];
    return Math.min(end, dim) - start;
  });
  return value(x.type, dims);
};

const squeeze: Rule = (inputs) => {
  const [x, axes] = [input(inputs, 0), input(inputs, 1)];
  const gone = (axes.ints ?? []).map((axis) => (axis < 0 ? axis + x.dims.length : axis));
  need(
    gone.every((axis) => x.dims[axis] === 1),
    'axis has a size',
  );
  return value(
    x.type,
    x.dims.filter((_, i) => !gone.includes(i)),
    x.ints,
  );
};

const unsqueeze: Rule = (inputs) => {
  const [x, axes] = [input(inputs, 0), input(inputs, 1)];
  const [axis = Number.NaN] = axes.ints ?? [];
  need(axes.ints?.length === 1 && axis >= 0 && axis <= x.dims.length, 'axis');
  return value(x.type, x.dims.toSpliced(axis, 0, 1));
};

const concat: Rule = (inputs, node) => {
  const first = input(inputs, 0);
  const axis = axisOf(node, first.dims.length);
  const rest = (dims: readonly number[]): string => `${dims.toSpliced(axis, 1, -1)}`;
  need(
    inputs.every(({ type, dims }) => type === first.type && rest(dims) === rest(first.dims)),
    'inputs differ',
  );
  const size = inputs.reduce((sum, { dims }) => sum + (dims[axis] ?? 0), 0);
  const known = first.dims.length === 1 && inputs.every(({ ints }) => ints !== null);
  const ints = known ? inputs.flatMap((part) => part.ints ?? []) : null;
  return value(first.type, first.dims.toSpliced(axis, 1, size), ints);
};

const split: Operator['infer'] = (inputs, node) => {
  const [x, sizes] = [input(inputs, 0), input(inputs, 1)];
  const axis = axisOf(node, x.dims.length);
  const parts = sizes.ints ?? [];
  need(parts.reduce((a, b) => a + b, 0) === x.dims[axis], 'parts do not add up');
  return parts.map((size) => value(x.type, x.dims.toSpliced(axis, 1, size)));
};

const layerNorm: Rule = (inputs, node) => {
  const x = input(inputs, 0);
  const width = x.dims.at(-1);
  need(axisOf(node, x.dims.length) === x.dims.length - 1, 'axis');
  attribute(node, 'epsilon');
  need(
    inputs.slice(1).every((w) => w.type === x.type && `${w.dims}` === `${width}`),
    'weights',
  );
  return value(x.type, x.dims);
};

const shape: Rule = (inputs, node, opset) => {
  const { dims } = input(inputs, 0);
  need(opset >= 15 || node.attributes.size === 0, 'start and end are new in opset 15');
  const [start = 0] = node.attributes.has('start') ? attribute(node, 'start') : [0];
  const [end = dims.length] = node.attributes.has('end') ? attribute(node, 'end') : [];
  const cut = dims.slice(start, end);
  return value(INT64, [cut.length], cut);
};

const matMulNBits: Rule = (inputs, node) => {
  const [a, b, scales] = [input(inputs, 0), input(inputs, 1), input(inputs, 2)];
  const [[k = 0], [n = 0], [bits = 0], [size = 0]] = ['K', 'N', 'bits', 'block_size'].map((name) =>
    attribute(node, name),
  ) as [number[], number[], number[], number[]];
  const blocks = Math.ceil(k / size);
  need(a.type === scales.type && a.dims.at(-1) === k, 'input');
  need(b.type === UINT8 && `${b.dims}` === `${[n, blocks, (size * bits) / 8]}`, 'weight');
  need(scales.dims.reduce((x, y) => x * y, 1) === n * blocks, 'scales');
  const zero = inputs[3];
  need(zero === undefined || zero.dims[0] === n * Math.ceil((blocks * bits) / 8), 'zero points');
  return value(a.type, [...a.dims.slice(0, -1), n]);
};

const RULES: Readonly<Record<string, readonly [since: number, rule: Rule]>> = {
  Abs: [13, (inputs) => value(input(inputs, 0).type, input(inputs, 0).dims)],
  Add: [14, pairwise((a, b) => a + b)],
  And: [7, pairwise(null, BOOL)],
  Cast: [13, (inputs, node) => value(attribute(node, 'to')[0] ?? 0, input(inputs, 0).dims)],
  Clip: [13, (inputs) => value(input(inputs, 0).type, input(inputs, 0).dims)],
  Concat: [13, concat],
  Cos: [7, pointwise],
  CumSum: [14, (inputs) => value(input(inputs, 0).type, input(inputs, 0).dims)],
  DequantizeLinear: [13, dequantize],
  Div: [14, pairwise(null)],
  Erf: [13, pointwise],
  Expand: [
    13,
    (inputs) =>
      value(input(inputs, 0).type, broadcast(input(inputs, 0).dims, input(inputs, 1).ints ?? [])),
  ],
  Gather: [13, gather],
  GatherElements: [
    13,
    (inputs, node) => {
      const [x, rows] = [input(inputs, 0), input(inputs, 1)];
      const axis = axisOf(node, x.dims.length);
      const others = (dims: readonly number[]): string => `${dims.toSpliced(axis, 1)}`;
      need(rows.type === INT64 && others(x.dims) === others(rows.dims), 'indices');
      return value(x.type, rows.dims);
    },
  ],
  GatherND: [
    13,
    (inputs, node) => {
      const [x, rows] = [input(inputs, 0), input(inputs, 1)];
      const [batch = 0] = attribute(node, 'batch_dims');
      need(batch === 1 && x.dims[0] === rows.dims[0], 'batch');
      return value(x.type, [
        ...rows.dims.slice(0, -1),
        ...x.dims.slice(1 + (rows.dims.at(-1) ?? 0)),
      ]);
    },
  ],
  Gelu: [20, pointwise],
  Identity: [14, (inputs) => input(inputs, 0)],
  LayerNormalization: [17, layerNorm],
  LessOrEqual: [12, pairwise(null, BOOL)],
  MatMul: [
    13,
    (inputs) => {
      const [a, b] = [input(inputs, 0), input(inputs, 1)];
      need(a.type === b.type && isFloat(a.type), 'types');
      return value(a.type, matmul(a.dims, b.dims));
    },
  ],
  MatMulInteger: [
    10,
    (inputs) => {
      const [a, b, azero, bzero] = [0, 1, 2, 3].map((i) => input(inputs, i)) as [
        Known,
        Known,
        Known,
        Known,
      ];
      need(a.type === UINT8 && azero.type === a.type && bzero.type === b.type, 'types');
      return value(INT32, matmul(a.dims, b.dims));
    },
  ],
  Max: [13, pairwise(Math.max)],
  Mul: [14, pairwise(null)],
  Neg: [13, pointwise],
  Pow: [13, (inputs) => value(input(inputs, 0).type, input(inputs, 0).dims)],
  QuantizeLinear: [13, quantize],
  Range: [
    11,
    (inputs) => {
      const [start, limit, step] = [0, 1, 2].map((i) => input(inputs, i)) as [Known, Known, Known];
      need(
        [start, limit, step].every(({ type, dims }) => type === INT64 && dims.length === 0),
        'scalars',
      );
      const [from = 0, to = Number.NaN] = [start.ints?.[0], limit.ints?.[0]];
      return value(INT64, [to - from]);
    },
  ],
  ReduceL2: [13, reduce(18)],
  ReduceMax: [13, reduce(18)],
  ReduceMean: [13, reduce(18)],
  ReduceMin: [13, reduce(18)],
  ReduceSum: [13, reduce(13)],
  Relu: [14, pointwise],
  Reshape: [14, reshape],
  Shape: [13, shape],
  Sigmoid: [13, pointwise],
  Sin: [7, pointwise],
  Slice: [13, slice],
  Softmax: [13, pointwise],
  Sqrt: [13, pointwise],
  Squeeze: [13, squeeze],
  Sub: [14, pairwise((a, b) => a - b)],
  Tanh: [13, pointwise],
  Transpose: [
    13,
    (inputs, node) => {
      const { type, dims } = input(inputs, 0);
      const perm = attribute(node, 'perm');
      need(`${perm.toSorted((a, b) => a - b)}` === `${dims.map((_, i) => i)}`, 'perm');
      return value(
        type,
        perm.map((axis) => dims[axis] ?? 0),
      );
    },
  ],
  Unsqueeze: [13, unsqueeze],
  Where: [
    9,
    (inputs) => {
      const [which, a, b] = [0, 1, 2].map((i) => input(inputs, i)) as [Known, Known, Known];
      need(which.type === BOOL && a.type === b.type, 'types');
      return value(a.type, broadcast(which.dims, broadcast(a.dims, b.dims)));
    },
  ],
  'com.microsoft.MatMulNBits': [1, matMulNBits],
};

export const OPERATORS: Readonly<Record<string, Operator>> = {
  ...Object.fromEntries(
    Object.entries(RULES).map(([name, [since, rule]]) => [
      name,
      { since, infer: (inputs, node, opset) => [rule(inputs, node, opset)] } satisfies Operator,
    ]),
  ),
  Split: { since: 13, infer: split },
  DynamicQuantizeLinear: {
    since: 11,
    infer: (inputs) => {
      const x = input(inputs, 0);
      need(x.type === FLOAT, 'f32');
      return [value(UINT8, x.dims), value(FLOAT, []), value(UINT8, [])];
    },
  },
};
