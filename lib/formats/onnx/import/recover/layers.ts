/**
 * Recovers norms, biases, residual sums, activations and gates: operations on whole rows, which become nodes of the draft at
 * once.
 */

import type { Tensor } from '../model.js';
import { asArray, broadcastDims, broadcastForm, broadcastNumbers } from './broadcast.js';
import type { DraftActivationKind, DraftNode, Value, Vector } from './draft.js';
import { type Form, form, rowsForm, sizeOf } from './form.js';
import { addForms, addNumbers } from './linear-forms.js';
import { indexFor, type Rows, settle } from './rows.js';
import { isValidRow } from './vectors.js';
import { type Data, type Known, Misfit, Unexplained, type Walk } from './walk.js';

/** Recovers LayerNormalization or RMSNormalization of rows. */
export function normForm(
  walk: Walk,
  kind: 'layer' | 'rms',
  epsilon: number,
  [input, scale, bias]: readonly (Known | null | undefined)[],
): Form {
  const rows = input?.kind === 'form' ? settle(walk, input) : null;
  if (rows === null || input?.kind !== 'form') {
    throw new Unexplained('it normalises what is not the rows of one value');
  }
  const { value } = rows;
  const weight = vectorOf(scale, value.width) ?? ones(value.width);
  const shift = vectorOf(bias, value.width);
  if (scale?.kind === 'form' || bias?.kind === 'form') {
    throw new Unexplained('its scale is computed from the text');
  }
  const written = walk.half ? unrounded(walk, epsilon) : epsilon;
  const node: DraftNode = { op: 'norm', kind, input: value, weight, bias: shift, epsilon: written };
  return newRows(walk, rows, value.width, node, input);
}

/** The usual epsilon 1e-12 in place of one near 1e-7: converters to 16 bits raise it, because it would be 0 there. */
function unrounded(walk: Walk, epsilon: number): number {
  const raised = epsilon > 5e-8 && epsilon < 1.3e-7;
  if (raised)
    walk.notes.add(`epsilon ${epsilon.toPrecision(3)} of a 16-bit file is taken for 1e-12`);
  return raised ? 1e-12 : Number(epsilon.toPrecision(3));
}

function ones(width: number): Vector {
  return { values: new Float32Array(width).fill(1), source: '' };
}

function vectorOf(known: Known | null | undefined, width: number): Vector | null {
  if (known?.kind !== 'data') return null;
  const { data } = known.read();
  if (data.length !== width) {
    throw new Misfit(`${known.initializer?.name} has ${data.length} numbers, not ${width}`);
  }
  return { values: Float32Array.from(data), source: known.initializer?.name ?? '' };
}

/** Makes a new value with a row for each row of `rows.value`; returns its form with the dims of `like` but the new width. */
function newRows(walk: Walk, rows: Rows, width: number, node: DraftNode, like: Form): Form {
  const { value } = rows;
  const made = walk.value(value.kind, value.rows, width, node);
  return rowsForm(made, [...like.dims.slice(0, -1), width], indexFor(walk, rows, width));
}

export function activate(walk: Walk, kind: DraftActivationKind, input: Form): Form {
  const rows = settle(walk, input);
  if (rows === null) throw new Unexplained('its input is not the rows of one value');
  const node = { op: 'activation', kind, input: rows.value } as const;
  return newRows(walk, rows, rows.value.width, node, input);
}

/** x + y: a residual sum if both are whole rows of two values, otherwise a sum of forms. */
export function addTwo(walk: Walk, a: Form, b: Form): Form {
  const [left, right] = [wholeRows(walk, a, b), wholeRows(walk, b, a)];
  if (left === null || right === null || left.value === right.value) return addForms(a, b);
  const [first, second] = [left.value, right.value];
  const alike = first.kind === second.kind && first.width === second.width;
  if (!alike || !sameOrder(walk, left, right)) return addForms(a, b);
  const larger = sizeOf(a.dims) < sizeOf(b.dims) ? b : a;
  return newRows(walk, left, first.width, { op: 'add', left: first, right: second }, larger);
}

/** Whether the vectors are in the same order, padding aside. */
function sameOrder({ probe }: Walk, a: Rows, b: Rows): boolean {
  return a.row.every((r, i) => !isValidRow(probe, a.value, r) || r === b.row[i]);
}

/** The form as rows of one value; null for scores, masks, sums of table rows and parts of rows. */
function wholeRows(walk: Walk, input: Form, other: Form): Rows | null {
  const [term] = input.terms;
  const beside = other.terms[0]?.basis.kind;
  // Rows of a table of positions are those of one text, which all texts of a batch share.
  const isShared = (table: Form, rows: Form) =>
    sizeOf(broadcastDims(table.dims, rows.dims)) === sizeOf(rows.dims);
  if (term?.basis.kind === 'table') {
    // Table rows become an embedding of their own only when the other operand is none.
    if (beside !== 'rows' || !isShared(input, other)) return null;
    return settle(walk, broadcastForm(input, other.dims));
  }
  const fits =
    beside === 'table' ? isShared(other, input) : sizeOf(input.dims) === sizeOf(other.dims);
  if (!fits) return null;
  if (term?.basis.kind !== 'rows' || term.basis.value.width !== input.dims.at(-1)) return null;
  return settle(walk, input);
}

/** x + numbers: a bias if x is a product and every row gets the same numbers, otherwise a constant of the form. */
export function addData(walk: Walk, input: Form, numbers: Data): Form {
  const tensor = numbers.read();
  const dims = broadcastDims(input.dims, tensor.dims);
  const width = dims.at(-1) ?? 1;
  if (tensor.data.every((x) => x === 0)) {
    return sizeOf(dims) === sizeOf(input.dims) ? { ...input, dims } : addNumbers(input, tensor);
  }
  const whole = input.terms[0]?.basis.kind === 'rows' && sizeOf(dims) === sizeOf(input.dims);
  const rows = whole && input.dims.at(-1) === width ? settle(walk, input) : null;
  if (rows !== null) {
    const bias = biasOf(walk, rows, tensor, dims, numbers.initializer?.name ?? '');
    const made = bias && biased(walk, rows.value, bias);
    if (made) return rowsForm(made, dims, indexFor(walk, rows, width));
  }
  return addNumbers(input, tensor);
}

/** The numbers that every row gets; null when rows get different ones. */
function biasOf(
  walk: Walk,
  { value, row }: Rows,
  tensor: Tensor,
  dims: readonly number[],
  source: string,
): Vector | null {
  const width = dims.at(-1) ?? 1;
  const isRow = tensor.data.length === width && tensor.dims.at(-1) === width;
  if (isRow) return { values: Float32Array.from(tensor.data), source };
  const numbers = asArray(broadcastNumbers(tensor, dims), sizeOf(dims));
  const first = row.findIndex((r) => isValidRow(walk.probe, value, r));
  const values = numbers.slice(first * width, (first + 1) * width);
  for (let i = 0; i < row.length; i++) {
    if (!isValidRow(walk.probe, value, row[i] ?? 0)) continue;
    for (let k = 0; k < width; k++) if (numbers[i * width + k] !== values[k]) return null;
  }
  return { values, source };
}

function biased(walk: Walk, value: Value, bias: Vector): Value | null {
  const { node } = value;
  if (node.op !== 'linear' && node.op !== 'norm') return null;
  const sum = node.bias && {
    values: node.bias.values.map((x, k) => x + (bias.values[k] ?? 0)),
    source: '',
  };
  return walk.value(value.kind, value.rows, value.width, { ...node, bias: sum ?? bias });
}

/** x * y of two activations: a SiLU, a square, or a gate. */
export function multiplyForms(walk: Walk, a: Form, b: Form): Form {
  const [left, right] = [settle(walk, a), settle(walk, b)];
  if (left === null || right === null || !sameOrder(walk, left, right)) {
    throw new Unexplained('it multiplies two activations that are not rows of values');
  }
  for (const [x, y] of [
    [left.value, right.value],
    [right.value, left.value],
  ] as const) {
    if (x.node.op === 'activation' && x.node.kind === 'sigmoid' && x.node.input === y) {
      const node = { op: 'activation', kind: 'silu', input: y } as const;
      return newRows(walk, left, y.width, node, a);
    }
  }
  const { value } = left;
  if (value.width !== right.value.width || value.kind !== right.value.kind) {
    throw new Unexplained('it multiplies two activations of different sizes');
  }
  const node = { op: 'product', left: value, right: right.value } as const;
  return newRows(walk, left, value.width, node, a);
}

/**
 * A form of one term over this basis, without reordering or scaling. `scores.ts` recovers Softmax; its result is made here.
 */
export function plainForm(dims: readonly number[], basis: Form['terms'][number]['basis']): Form {
  return form(dims, [{ basis, index: null, coefficient: 1 }]);
}
