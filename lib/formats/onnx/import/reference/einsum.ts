/**
 * Einsum as one loop over every combination of all indices. Slow, but it only occurs with small tables.
 */

import type { Tensor } from '../model.js';
import type { Call, Operator } from './call.js';
import { sizeOf, stridesOf } from './tensors.js';

interface Equation {
  readonly inputs: readonly string[];
  readonly output: string;
}

function parse(call: Call): Equation {
  const text = call.text('equation', '').replaceAll(' ', '');
  const [left = '', right] = text.split('->');
  if (!/^[A-Za-z,]+$/.test(left) || !/^[A-Za-z]*$/.test(right ?? '')) {
    throw call.unsupported(`equation ${JSON.stringify(text)}`);
  }
  const inputs = left.split(',');
  const letters = [...inputs.join('')];
  const once = letters.filter((letter) => letters.filter((it) => it === letter).length === 1);
  return { inputs, output: right ?? once.sort().join('') };
}

export const einsum: Operator = (call) => {
  const { inputs, output } = parse(call);
  const tensors = inputs.map((_, i) => call.input(i));
  if (inputs.length !== call.inputs.length) throw call.fail('as many terms as inputs');
  const sizes = axisSizes(call, inputs, tensors);
  const inner = [...sizes.keys()].filter((letter) => !output.includes(letter));
  const letters = [...output, ...inner];
  const dims = letters.map((letter) => {
    const size = sizes.get(letter);
    if (size === undefined) throw call.fail(`index ${letter} of no input`);
    return size;
  });
  call.spend(sizeOf(dims) * tensors.length);
  const strides = tensors.map((tensor, i) => stridesByLetter(inputs[i] as string, tensor, letters));
  const out = call.make(tensors[0]?.dtype ?? 'float32', dims.slice(0, output.length));
  const terms = sizeOf(dims.slice(output.length));
  const sums = new Float64Array(out.data.length);
  walk(dims, strides, (index, offsets) => {
    let product = 1;
    for (const [i, tensor] of tensors.entries())
      product *= tensor.data[offsets[i] as number] as number;
    const at = Math.floor(index / terms);
    sums[at] = (sums[at] as number) + product;
  });
  out.data.set(sums);
  return out;
};

function axisSizes(call: Call, terms: readonly string[], tensors: readonly Tensor[]) {
  const sizes = new Map<string, number>();
  for (const [i, tensor] of tensors.entries()) {
    const letters = [...(terms[i] as string)];
    if (letters.length !== tensor.dims.length)
      throw call.fail(`term ${terms[i]} of ${tensor.dims.length} axes`);
    for (const [axis, letter] of letters.entries()) {
      const dim = tensor.dims[axis] as number;
      if ((sizes.get(letter) ?? dim) !== dim) throw call.fail(`index ${letter} has two lengths`);
      sizes.set(letter, dim);
    }
  }
  return sizes;
}

/** The stride of each letter in a term. A repeated letter walks the diagonal: its strides are added. */
function stridesByLetter(term: string, tensor: Tensor, letters: readonly string[]): number[] {
  const strides = stridesOf(tensor.dims);
  return letters.map((letter) =>
    [...term].reduce((sum, it, axis) => sum + (it === letter ? (strides[axis] as number) : 0), 0),
  );
}

function walk(
  dims: readonly number[],
  strides: readonly (readonly number[])[],
  visit: (index: number, offsets: readonly number[]) => void,
): void {
  const total = sizeOf(dims);
  const place = dims.map(() => 0);
  const offsets = strides.map(() => 0);
  for (let index = 0; index < total; index++) {
    visit(index, offsets);
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const next = (place[axis] as number) + 1;
      const wraps = next === dims[axis];
      place[axis] = wraps ? 0 : next;
      for (const [i, stride] of strides.entries()) {
        const step = stride[axis] as number;
        offsets[i] = (offsets[i] as number) + (wraps ? -step * (next - 1) : step);
      }
      if (!wraps) break;
    }
  }
}
