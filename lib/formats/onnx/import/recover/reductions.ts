/**
 * Sums, means, maxima and lengths over an axis of a form: the parts of pooling and normalisation.
 */

import type { Tensor } from '../model.js';
import type { Value } from './draft.js';
import { coefficientAt, type Form, form, indexOf, rowsForm, sizeOf } from './form.js';
import { settle } from './rows.js';
import { Unexplained, type Walk } from './walk.js';

/** An addend, or a replacement, as low as this keeps a token from being the maximum. */
const LOW = -1000;

export interface Reduction {
  readonly axes: Tensor | null;
  readonly keepDims: boolean;
}

interface Axes {
  readonly reduced: readonly boolean[];
  readonly dims: readonly number[];
}

function axesOf(input: Form, { axes, keepDims }: Reduction): Axes {
  const rank = input.dims.length;
  const chosen = axes === null ? input.dims.map((_, i) => i) : [...axes.data].map((a) => Number(a));
  const reduced = input.dims.map((_, i) => chosen.includes(i) || chosen.includes(i - rank));
  const dims = keepDims
    ? input.dims.map((dim, i) => (reduced[i] ? 1 : dim))
    : input.dims.filter((_, i) => !reduced[i]);
  return { reduced, dims };
}

/** For each element of the input, the index of its element in the result. */
function targets(dims: readonly number[], reduced: readonly boolean[]): Int32Array {
  const size = sizeOf(dims);
  const index = new Int32Array(size);
  let [inner, stride] = [1, 1];
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    const length = dims[axis] ?? 1;
    if (!reduced[axis]) {
      for (let e = 0; e < size; e++) {
        index[e] = (index[e] ?? 0) + (Math.floor(e / inner) % length) * stride;
      }
      stride *= length;
    }
    inner *= length;
  }
  return index;
}

function overWidth(input: Form, reduced: readonly boolean[]): boolean {
  return reduced.every((flag, axis) => flag === (axis === input.dims.length - 1));
}

/** ReduceSum, or ReduceMean with `mean`. */
export function sumForm(input: Form, reduction: Reduction, mean: boolean): Form {
  const { reduced, dims } = axesOf(input, reduction);
  const [term] = input.terms;
  if (term?.basis.kind === 'square' && overWidth(input, reduced) && !mean) {
    return lengths(term.basis.value, input, dims, false);
  }
  if (term?.basis.kind !== 'rows' || input.terms.length !== 1) {
    throw new Unexplained('it sums what is not the rows of one value');
  }
  if (input.constant?.some((x) => x !== 0)) throw new Unexplained('it sums more than tokens');
  const { value } = term.basis;
  const count = sizeOf(input.dims) / sizeOf(dims);
  const to = targets(input.dims, reduced);
  const index = indexOf(term, sizeOf(input.dims));
  const rows = sizeOf(dims) / value.width;
  if (value.kind !== 'token' || dims.at(-1) !== value.width || !Number.isInteger(rows)) {
    throw new Unexplained('it sums over something else than tokens');
  }
  const weights = new Float64Array(rows * value.rows);
  for (let e = 0; e < to.length; e++) {
    const [row, column] = [Math.floor((to[e] ?? 0) / value.width), (to[e] ?? 0) % value.width];
    const element = index[e] ?? 0;
    if (element % value.width !== column) throw new Unexplained('it mixes columns');
    const at = row * value.rows + Math.floor(element / value.width);
    const weight = coefficientAt(term, e) / (mean ? count : 1);
    if (column === 0) weights[at] = (weights[at] ?? 0) + weight;
    else if (Math.abs((weights[at] ?? 0) - weight) > 1e-6) {
      throw new Unexplained('it weighs the columns of a token differently');
    }
  }
  const basis = { kind: 'sum', value, weights, rows } as const;
  return form(dims, [{ basis, index: null, coefficient: 1 }]);
}

/** ReduceMax over the tokens of each text, when padding was made small before. */
export function maxForm(walk: Walk, input: Form, reduction: Reduction): Form {
  const { probe } = walk;
  const { reduced, dims } = axesOf(input, reduction);
  const [term] = input.terms;
  if (term?.basis.kind !== 'rows' || input.terms.length !== 1) {
    throw new Unexplained('it takes the largest of what is not the rows of one value');
  }
  const { value } = term.basis;
  const to = targets(input.dims, reduced);
  const index = indexOf(term, sizeOf(input.dims));
  const seen = new Uint8Array(probe.batch * value.rows);
  for (let e = 0; e < to.length; e++) {
    const [row, column] = [Math.floor((to[e] ?? 0) / value.width), (to[e] ?? 0) % value.width];
    const element = index[e] ?? 0;
    const token = Math.floor(element / value.width);
    const added = input.constant?.[e] ?? 0;
    const inside = coefficientAt(term, e) === 1 && added === 0;
    const hidden = added <= LOW;
    if (!inside && !hidden) throw new Unexplained('it takes the largest of changed tokens');
    if (hidden) continue;
    if (element % value.width !== column || Math.floor(token / probe.length) !== row) {
      throw new Unexplained('it takes the largest of something else than the tokens of a text');
    }
    seen[row * value.rows + token] = 1;
  }
  for (let t = 0; t < value.rows; t++) {
    if (seen[Math.floor(t / probe.length) * value.rows + t] !== probe.valid[t]) {
      throw new Unexplained('it does not take the largest of all tokens of a text');
    }
  }
  const pooled = walk.once(`max ${value.id}`, () =>
    walk.value('sequence', probe.batch, value.width, { op: 'pool', kind: 'max', input: value }),
  );
  return rowsForm(pooled, dims, null);
}

/** Euclidean length of every row (ReduceL2), or its square without `root`. */
export function lengthForm(walk: Walk, input: Form, reduction: Reduction, root: boolean): Form {
  const { reduced, dims } = axesOf(input, reduction);
  const rows = overWidth(input, reduced) ? settle(walk, input) : null;
  if (rows === null) throw new Unexplained('it measures what is not the rows of one value');
  const basis = { kind: 'length', value: rows.value, root } as const;
  const index = Int32Array.from(rows.row);
  return form(dims, [{ basis, index, coefficient: 1 }]);
}

/** From the sum of squares [.., width] of whole rows in order to the length of each row (`root`), or its square. */
function lengths(value: Value, input: Form, dims: readonly number[], root: boolean): Form {
  const [term] = input.terms;
  const width = input.dims.at(-1) ?? 1;
  if (term === undefined || width !== value.width || term.coefficient !== 1) {
    throw new Unexplained('it measures what is not the rows of one value');
  }
  const index = indexOf(term, sizeOf(input.dims));
  const row = Int32Array.from({ length: index.length / width }, (_, r) =>
    Math.floor((index[r * width] ?? 0) / width),
  );
  const basis = { kind: 'length', value, root } as const;
  return form(dims, [{ basis, index: row, coefficient: 1 }]);
}

/** The element-wise square of a form. */
export function squareForm(walk: Walk, input: Form): Form {
  const rows = settle(walk, input);
  if (rows === null) throw new Unexplained('it squares what is not the rows of one value');
  const { value, row } = rows;
  const index = new Int32Array(row.length * value.width);
  row.forEach((r, i) => {
    for (let k = 0; k < value.width; k++) index[i * value.width + k] = r * value.width + k;
  });
  return form(input.dims, [{ basis: { kind: 'square', value }, index, coefficient: 1 }]);
}

/** The square root of squared lengths. */
export function rootForm(input: Form): Form {
  const [term] = input.terms;
  if (term?.basis.kind !== 'length' || term.basis.root || input.terms.length !== 1) {
    throw new Unexplained('it takes the root of an activation');
  }
  return form(input.dims, [{ ...term, basis: { ...term.basis, root: true } }]);
}

/** x / |x|: each row divided by its own Euclidean length. */
export function divideByLength(walk: Walk, input: Form, divisor: Form): Form {
  const rows = settle(walk, input);
  const [term] = divisor.terms;
  if (rows === null || term?.basis.kind !== 'length' || divisor.terms.length !== 1) {
    throw new Unexplained('it divides an activation by another');
  }
  const { value, row } = rows;
  const { basis } = term;
  const size = sizeOf(divisor.dims);
  const index = indexOf(term, size);
  // The divisor has one element per row, or one per column with equal values in each row.
  const each = size / row.length;
  const own =
    basis.root && basis.value === value && index.every((r, e) => r === row[Math.floor(e / each)]);
  if (!own) throw new Unexplained('it divides an activation by the length of another');
  const made = walk.once(`normalize ${value.id}`, () =>
    walk.value(value.kind, value.rows, value.width, { op: 'normalize', input: value }),
  );
  const index2 = new Int32Array(row.length * value.width);
  row.forEach((r, i) => {
    for (let k = 0; k < value.width; k++) index2[i * value.width + k] = r * value.width + k;
  });
  return rowsForm(made, input.dims, index2);
}
