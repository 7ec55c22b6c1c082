/**
 * Sums, scalings and selections of forms.
 */

import type { Numbers } from '../model.js';
import { asArray, broadcastDims, broadcastForm, broadcastNumbers } from './broadcast.js';
import { compact, type Form, form, sameBasis, sizeOf, type Term } from './form.js';

interface Plain {
  readonly dims: readonly number[];
  readonly data: Numbers;
}

/** a + b. */
export function addForms(a: Form, b: Form): Form {
  const dims = broadcastDims(a.dims, b.dims);
  const [left, right] = [broadcastForm(a, dims), broadcastForm(b, dims)];
  const terms = [...left.terms];
  for (const term of right.terms) {
    const same = terms.findIndex(
      (known) => sameBasis(known.basis, term.basis) && sameIndex(known.index, term.index),
    );
    const known = terms[same];
    if (known === undefined) terms.push(term);
    else {
      const coefficient = combine(known.coefficient, term.coefficient, dims, (x, y) => x + y);
      terms[same] = { ...known, coefficient };
    }
  }
  return form(dims, terms, addConstants(left.constant, right.constant));
}

/** a + numbers. */
export function addNumbers(a: Form, numbers: Plain): Form {
  const dims = broadcastDims(a.dims, numbers.dims);
  const left = broadcastForm(a, dims);
  const values = broadcastNumbers(numbers, dims);
  if (values === 0) return left;
  const added = asArray(values, sizeOf(dims));
  return form(dims, left.terms, addConstants(left.constant, added));
}

/** a * numbers. */
export function scaleForm(a: Form, numbers: Plain): Form {
  const dims = broadcastDims(a.dims, numbers.dims);
  const left = broadcastForm(a, dims);
  const values = broadcastNumbers(numbers, dims);
  if (values === 1) return left;
  const terms = left.terms.map((term) => ({
    ...term,
    coefficient: combine(term.coefficient, values, dims, (x, y) => x * y),
  }));
  const { constant } = left;
  const scaled = constant && combine(constant, values, dims, (x, y) => x * y);
  return form(dims, terms, scaled === null ? null : asArray(scaled, sizeOf(dims)));
}

/** Selects elements of a where `chosen` is not 0, of b elsewhere; each is numbers or a form. */
export function chooseForms(chosen: Plain, a: Form | Plain, b: Form | Plain): Form {
  const dims = broadcastDims(broadcastDims(chosen.dims, a.dims), b.dims);
  const keep = broadcastNumbers(chosen, dims);
  const drop = typeof keep === 'number' ? Number(keep === 0) : keep.map((x) => Number(x === 0));
  const flag = typeof keep === 'number' ? Number(keep !== 0) : keep.map((x) => Number(x !== 0));
  return addForms(masked(a, dims, flag), masked(b, dims, drop));
}

/** `part` where `flag` is 1, and 0 elsewhere. Dropped numbers may be infinite, so they are not multiplied by 0. */
function masked(part: Form | Plain, dims: readonly number[], flag: number | Float32Array): Form {
  const size = sizeOf(dims);
  const select = (values: Float32Array) =>
    values.map((x, e) => ((typeof flag === 'number' ? flag : flag[e]) ? x : 0));
  if (!('terms' in part)) {
    return form(dims, [], select(asArray(broadcastNumbers(part, dims), size)));
  }
  const whole = broadcastForm(part, dims);
  if (flag === 0) return form(dims, []);
  const terms = whole.terms.map((term) => ({
    ...term,
    coefficient: combine(term.coefficient, flag, dims, (x, y) => x * y),
  }));
  return form(dims, terms, whole.constant && select(whole.constant));
}

function combine(
  a: number | Float32Array,
  b: number | Float32Array,
  dims: readonly number[],
  apply: (x: number, y: number) => number,
): number | Float32Array {
  if (typeof a === 'number' && typeof b === 'number') return apply(a, b);
  const size = sizeOf(dims);
  const [left, right] = [asArray(a, size), asArray(b, size)];
  const result = new Float32Array(size);
  for (let e = 0; e < size; e++) result[e] = apply(left[e] as number, right[e] as number);
  return compact(result);
}

function addConstants(a: Float32Array | null, b: Float32Array | null): Float32Array | null {
  if (a === null || b === null) return a ?? b;
  const sum = new Float32Array(a.length);
  for (let e = 0; e < sum.length; e++) sum[e] = (a[e] as number) + (b[e] as number);
  return sum;
}

function sameIndex(a: Int32Array | null, b: Int32Array | null): boolean {
  if (a === b) return true;
  if (a === null || b === null || a.length !== b.length) return false;
  for (let e = 0; e < a.length; e++) if (a[e] !== b[e]) return false;
  return true;
}

/** Drops terms whose coefficient is 0 everywhere. */
export function withoutZeroTerms(input: Form): Form {
  const terms = input.terms.filter((term: Term) => term.coefficient !== 0);
  return terms.length === input.terms.length ? input : { ...input, terms };
}
