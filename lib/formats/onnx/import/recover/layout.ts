/**
 * Reshape, Transpose, Slice, Gather, Concat ...: evaluated on the indices of a form, so that none has to be understood.
 */

import type { OnnxNode, Tensor } from '../model.js';
import { asArray } from './broadcast.js';
import { compact, counting, type Form, form, sameBasis, sizeOf, type Term } from './form.js';
import { Unexplained, type Walk } from './walk.js';

/** Operators that move, repeat or drop elements of their first input and compute nothing. */
export const LAYOUT_OPERATORS: ReadonlySet<string> = new Set([
  'Reshape',
  'Transpose',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
  'Expand',
  'Tile',
  'Split',
  'Slice',
  'Gather',
  'GatherElements',
  'GatherND',
  'Identity',
]);

/** The node applied to a form; `others` are its other inputs. */
export function moveForm(
  walk: Walk,
  node: OnnxNode,
  input: Form,
  others: readonly (Tensor | null)[],
): Form[] {
  const move = (values: Int32Array | Float32Array): Tensor[] => {
    const dtype = values instanceof Int32Array ? 'int32' : 'float32';
    return walk.compute(node, [{ dtype, dims: input.dims, data: values }, ...others]);
  };
  const size = sizeOf(input.dims);
  const positions = move(counting(size));
  return positions.map((position) => {
    const at = position.data;
    const isSame = at.length === size && at.every((element, e) => element === e);
    if (isSame) return { ...input, dims: position.dims };
    const floats = (values: Float32Array) => Float32Array.from(at, (e) => values[e] ?? 0);
    const terms = input.terms.map(({ basis, index, coefficient }: Term) => ({
      basis,
      index: Int32Array.from(at, (e) => (index === null ? e : (index[e] ?? 0))),
      coefficient: typeof coefficient === 'number' ? coefficient : compact(floats(coefficient)),
    }));
    return form(position.dims, terms, input.constant && floats(input.constant));
  });
}

/** Forms and numbers behind each other along an axis. */
export function concatForms(walk: Walk, node: OnnxNode, parts: readonly (Form | Tensor)[]): Form {
  const join = (of: (part: Form | Tensor, size: number) => Float32Array | Int32Array): Tensor => {
    const inputs = parts.map((part): Tensor => {
      const values = of(part, sizeOf(part.dims));
      const dtype = values instanceof Int32Array ? 'int32' : 'float32';
      return { dtype, dims: part.dims, data: values };
    });
    const [joined] = walk.compute(node, inputs);
    if (joined === undefined) throw new Unexplained('it has no output');
    return joined;
  };
  // Term k of the result is made of the k-th terms of the parts that have the same basis.
  const groups: Map<Form | Tensor, Term>[] = [];
  for (const part of parts) {
    if (!('terms' in part)) continue;
    for (const term of part.terms) {
      const open = groups.find((group) => {
        const [other] = group.values();
        return !group.has(part) && other !== undefined && sameBasis(other.basis, term.basis);
      });
      if (open) open.set(part, term);
      else groups.push(new Map([[part, term]]));
    }
  }
  const terms = groups.map((group): Term => {
    const [first] = group.values();
    if (first === undefined) throw new Unexplained('it joins nothing');
    const index = join((part, size) => group.get(part)?.index ?? counting(size));
    const coefficient = join((part, size) => asArray(group.get(part)?.coefficient ?? 0, size));
    return {
      basis: first.basis,
      index: index.data as Int32Array,
      coefficient: compact(coefficient.data as Float32Array),
    };
  });
  const constant = join((part, size) =>
    'terms' in part ? (part.constant ?? new Float32Array(size)) : Float32Array.from(part.data),
  );
  const numbers = constant.data as Float32Array;
  return form(constant.dims, terms, numbers.every((x) => x === 0) ? null : numbers);
}
