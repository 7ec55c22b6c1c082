/**
 * Reshape, Transpose, Slice, Gather, Concat ...: evaluated on the indices of a form, so that none of them has to be
 * understood.
 */

import type { OnnxNode, Tensor } from '../model.js';
import { asArray, pick } from './broadcast.js';
import {
  compact,
  counting,
  type Form,
  form,
  isCounting,
  sameBasis,
  sizeOf,
  type Term,
} from './form.js';
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

/** Applies the node to a form; `others` are its further inputs, which must be numbers. */
export function moveForm(
  walk: Walk,
  node: OnnxNode,
  input: Form,
  others: readonly (Tensor | null)[],
): Form[] {
  return positionsOf(walk, node, input.dims, others).map(({ dims, at }) => {
    if (at === null) return { ...input, dims };
    const terms = input.terms.map(({ basis, index, coefficient }: Term) => ({
      basis,
      index: index === null ? at : picked(walk, index, at),
      coefficient: typeof coefficient === 'number' ? coefficient : compact(pick(coefficient, at)),
    }));
    return form(dims, terms, input.constant && pick(input.constant, at));
  });
}

function picked({ memo }: Walk, index: Int32Array, at: Int32Array): Int32Array {
  return memo.once(`pick ${memo.id(index)} ${memo.id(at)}`, () => pick(index, at));
}

/** Longest input of indices or sizes that becomes part of a memo key; a node with a longer one is evaluated each time. */
const MAX_STEERING = 64;

interface Moved {
  readonly dims: readonly number[];
  /** For each element of the result the index of the input's element; null: the order is unchanged. */
  readonly at: Int32Array | null;
}

function positionsOf(
  walk: Walk,
  node: OnnxNode,
  dims: readonly number[],
  others: readonly (Tensor | null)[],
): Moved[] {
  const size = sizeOf(dims);
  const move = () => {
    const input: Tensor = { dtype: 'int32', dims, data: counting(size) };
    return walk.compute(node, [input, ...others]).map((position): Moved => {
      const at = position.data as Int32Array;
      return { dims: position.dims, at: at.length === size && isCounting(at) ? null : at };
    });
  };
  const steering = others.map((other) => other && [other.dtype, other.dims, [...other.data]]);
  const attributes = [...node.attributes];
  const plain = attributes.every(([, value]) => typeof value !== 'object' || Array.isArray(value));
  const long = others.some((other) => (other?.data.length ?? 0) > MAX_STEERING);
  if (!plain || long) return move();
  const { op, outputs } = node;
  const key = JSON.stringify([op, outputs.length, attributes, dims, steering]);
  return walk.memo.once(key, move);
}

/** Concatenates forms and numbers along an axis. */
export function concatForms(walk: Walk, node: OnnxNode, parts: readonly (Form | Tensor)[]): Form {
  const join = (of: (place: number, size: number) => Float32Array | Int32Array): Tensor => {
    const inputs = parts.map(({ dims }, place): Tensor => {
      const values = of(place, sizeOf(dims));
      const dtype = values instanceof Int32Array ? 'int32' : 'float32';
      return { dtype, dims, data: values };
    });
    const [joined] = walk.compute(node, inputs);
    if (joined === undefined) throw new Unexplained('it has no output');
    return joined;
  };
  // Term k of the result joins the k-th terms of the parts that have the same basis. Parts are told apart by their index,
  // because a form may be joined with itself.
  const groups: Map<number, Term>[] = [];
  for (const [place, part] of parts.entries()) {
    if (!('terms' in part)) continue;
    for (const term of part.terms) {
      const open = groups.find((group) => {
        const [other] = group.values();
        return !group.has(place) && other !== undefined && sameBasis(other.basis, term.basis);
      });
      if (open) open.set(place, term);
      else groups.push(new Map([[place, term]]));
    }
  }
  const terms = groups.map((group): Term => {
    const [first] = group.values();
    if (first === undefined) throw new Unexplained('it joins nothing');
    const index = join((place, size) => group.get(place)?.index ?? counting(size));
    const coefficient = join((place, size) => asArray(group.get(place)?.coefficient ?? 0, size));
    return {
      basis: first.basis,
      index: index.data as Int32Array,
      coefficient: compact(coefficient.data as Float32Array),
    };
  });
  const constant = join((place, size) => {
    const part = parts[place] as Form | Tensor;
    return 'terms' in part
      ? (part.constant ?? new Float32Array(size))
      : Float32Array.from(part.data);
  });
  const numbers = constant.data as Float32Array;
  return form(constant.dims, terms, numbers.every((x) => x === 0) ? null : numbers);
}
