/**
 * MatMul: a linear layer, scores of queries and keys, attention weights times values, or a weighted sum of tokens.
 */

import { attend } from './attention.js';
import { broadcastDims, broadcastForm } from './broadcast.js';
import type { Matrix, Value } from './draft.js';
import { coefficientAt, type Form, form, indexOf, rowsForm, sizeOf } from './form.js';
import { literalMatrix, wholeMatrix } from './matrix.js';
import { indexFor, settle } from './rows.js';
import { constantVectors, isValidRow, type Vectors, vectorsOf } from './vectors.js';
import { type Data, type Known, Misfit, Unexplained, type Walk } from './walk.js';

export function matMul(walk: Walk, a: Known, b: Known): Form {
  if (a.kind === 'form' && b.kind === 'form') {
    if (a.terms[0]?.basis.kind === 'softmax') return attend(walk, a, b);
    return dot(a, b, vectorsOf(walk, a, -1), vectorsOf(walk, b, -2));
  }
  if (a.kind === 'form' && b.kind === 'data') {
    if (b.dims.length === 2) return linear(walk, a, b);
    return dot(a, b, vectorsOf(walk, a, -1), constantVectors(b.read(), -2));
  }
  if (b.kind === 'form' && a.kind === 'data') return weightedSum(a, b);
  throw new Unexplained('it multiplies constants');
}

function linear(walk: Walk, input: Form, weight: Data): Form {
  const [inputs = 1, outputs = 1] = weight.dims;
  if (input.dims.at(-1) !== inputs) {
    const name = weight.initializer?.name ?? 'a constant';
    throw new Misfit(
      `${name} is [${weight.dims.join(', ')}] but its input is ${input.dims.at(-1)} wide`,
    );
  }
  const factors = columnFactors(walk, input);
  const rows = settle(walk, factors === null ? input : withoutFactors(input));
  if (rows === null) throw new Unexplained('its left operand is not the rows of one value');
  const { value } = rows;
  if (factors !== null) walk.notes.add('factors of columns are multiplied into the weights');
  const matrix =
    weight.initializer && factors === null
      ? wholeMatrix(weight.initializer, true)
      : transposedLiteral(weight, inputs, outputs, factors);
  const node = { op: 'linear', input: value, matrix, bias: null } as const;
  const made: Value = walk.value(value.kind, value.rows, outputs, node);
  return rowsForm(made, [...input.dims.slice(0, -1), outputs], indexFor(walk, rows, outputs));
}

/** Factor of each column, equal in all rows (smoothing before quantization); null when there is none. */
function columnFactors({ probe }: Walk, input: Form): Float32Array | null {
  const [term] = input.terms;
  if (term?.basis.kind !== 'rows' || input.terms.length !== 1) return null;
  if (typeof term.coefficient === 'number') return null;
  const width = input.dims.at(-1) ?? 1;
  const { value } = term.basis;
  const index = indexOf(term, sizeOf(input.dims));
  let factors: Float32Array | null = null;
  for (let start = 0; start < index.length; start += width) {
    if (!isValidRow(probe, value, Math.floor((index[start] ?? 0) / value.width))) continue;
    const own = term.coefficient.subarray(start, start + width);
    factors ??= own;
    if (own.some((x, k) => x !== factors?.[k])) return null;
  }
  return factors?.every((x) => x === 1) ? null : factors;
}

function withoutFactors(input: Form): Form {
  return { ...input, terms: input.terms.map((term) => ({ ...term, coefficient: 1 })) };
}

function transposedLiteral(
  weight: Data,
  inputs: number,
  outputs: number,
  factors: Float32Array | null,
): Matrix {
  const { data } = weight.read();
  const literal = new Float32Array(inputs * outputs);
  for (let i = 0; i < inputs; i++) {
    const factor = factors?.[i] ?? 1;
    for (let o = 0; o < outputs; o++)
      literal[o * inputs + i] = (data[i * outputs + o] ?? 0) * factor;
  }
  return literalMatrix(outputs, inputs, literal);
}

/** Dot products of all left with all right vectors, batch item by batch item; leading axes broadcast. */
function dot(a: Known, b: Known, left: Vectors | null, right: Vectors | null): Form {
  if (left === null || right === null) {
    throw new Unexplained('its operands are not vectors of rows of one value');
  }
  const [m = 1] = a.dims.slice(-2);
  const n = b.dims.at(-1) ?? 1;
  const outer = broadcastDims(a.dims.slice(0, -2), b.dims.slice(0, -2));
  const wide = [widen(left, a.dims, outer, m), widen(right, b.dims, outer, n)] as const;
  const basis = {
    kind: 'dot',
    left: wide[0],
    right: wide[1],
    leftCount: m,
    rightCount: n,
  } as const;
  return form([...outer, m, n], [{ basis, index: null, coefficient: 1 }]);
}

/** Repeats the vectors for the batch items of a broadcast product. */
function widen(
  vectors: Vectors,
  dims: readonly number[],
  outer: readonly number[],
  count: number,
): Vectors {
  const own = dims.slice(0, -2);
  if (sizeOf(own) === sizeOf(outer)) return vectors;
  const { terms } = broadcastForm(rowsLike([...own, count]), [...outer, count]);
  const at = indexOf(terms[0] ?? { basis: NOTHING, index: null, coefficient: 1 }, 0);
  const row = Int32Array.from(at, (v) => vectors.row[v] ?? -1);
  const head = Int32Array.from(at, (v) => vectors.head[v] ?? 0);
  return { ...vectors, row, head };
}

const NOTHING = {
  kind: 'rows',
  value: {
    id: -1,
    kind: 'table',
    rows: 1,
    width: 1,
    origin: '',
    node: { op: 'parameter', matrix: { rows: 1, columns: 1, pieces: [] } },
  },
} as const;

function rowsLike(dims: readonly number[]): Form {
  return form(dims, [{ basis: NOTHING, index: null, coefficient: 1 }]);
}

/** numbers [.., m, tokens] x [.., tokens, width]: weighted sums of tokens. */
function weightedSum(weights: Data, input: Form): Form {
  const [term] = input.terms;
  if (term?.basis.kind !== 'rows' || input.terms.length !== 1) {
    throw new Unexplained('its right operand is not the rows of one value');
  }
  const { value } = term.basis;
  const { data } = weights.read();
  const [m = 1, k = 1] = weights.dims.length === 1 ? [1, ...weights.dims] : weights.dims.slice(-2);
  const n = input.dims.at(-1) ?? 1;
  const batch = sizeOf(input.dims) / (k * n);
  if (sizeOf(weights.dims) !== batch * m * k || n !== value.width || value.kind !== 'token') {
    throw new Unexplained('its operands do not fit');
  }
  const index = indexOf(term, sizeOf(input.dims));
  const sums = new Float64Array(batch * m * value.rows);
  for (let b = 0; b < batch; b++) {
    for (let s = 0; s < k; s++) {
      const token = Math.floor((index[(b * k + s) * n] ?? 0) / n);
      for (let i = 0; i < m; i++) {
        const weight = data[(b * m + i) * k + s] ?? 0;
        const at = (b * m + i) * value.rows + token;
        sums[at] = (sums[at] ?? 0) + weight * coefficientAt(term, (b * k + s) * n);
      }
    }
  }
  const basis = { kind: 'sum', value, weights: sums, rows: batch * m } as const;
  const dims = [...input.dims.slice(0, -2), ...(weights.dims.length === 1 ? [] : [m]), n];
  return form(dims, [{ basis, index: null, coefficient: 1 }]);
}
