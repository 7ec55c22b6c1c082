/**
 * Walks with positions with gaps: few tokens that have all the distances of a long text.
 *
 * Nodes that make positions (a range, a running count, a slice of a table) give those that some tokens of a long text would
 * have. All other nodes work on their results and need no change.
 */

import type { OnnxNode, Tensor } from '../model.js';
import type { Probe } from './probe.js';

type Compute = (node: OnnxNode, inputs: readonly (Tensor | null)[]) => Tensor[];

/**
 * The first `dense` positions, then every `dense`-th and the last: so every distance below `span` occurs between two of them.
 */
export function sparsePositions(dense: number, span: number): Int32Array {
  const positions = Array.from({ length: Math.min(dense, span) }, (_, p) => p);
  for (let p = dense; p < span - 1; p += dense) positions.push(p);
  if (span > dense) positions.push(span - 1);
  return Int32Array.from(positions);
}

/** Whether positions have gaps. */
function isSparse({ positions, length }: Probe): boolean {
  return (positions.at(-1) ?? 0) >= length;
}

/** `compute`, but nodes that make positions give those of the probe. */
export function stretched(probe: Probe, compute: Compute): Compute {
  if (!isSparse(probe)) return compute;
  return (node, inputs) => {
    if (node.domain !== '') return compute(node, inputs);
    const results = compute(node, placed(probe, node, inputs));
    const [first, ...others] = results;
    if (first === undefined) return results;
    const changed = REWRITES[node.op]?.(probe, first, inputs, node) ?? first;
    return [changed, ...others];
  };
}

/** The inputs of a Gather along the tokens, with positions replaced by token indices: the gathered tensor has no gaps. */
function placed(
  { positions, length }: Probe,
  { op, attributes }: OnnxNode,
  inputs: readonly (Tensor | null)[],
): readonly (Tensor | null)[] {
  const [input, indices, ...others] = inputs;
  if (!input || !indices || (op !== 'Gather' && op !== 'GatherND' && op !== 'GatherElements')) {
    return inputs;
  }
  const places = new Map([...positions].map((position, place) => [position, place]));
  const axis = Number(attributes.get('axis') ?? 0);
  const skipped = Number(attributes.get('batch_dims') ?? 0);
  const depth = indices.dims.at(-1) ?? 1;
  const moved = mapped(indices, (value, e) => {
    const along = op === 'GatherND' ? skipped + (e % depth) : axis;
    return input.dims.at(along) === length ? (places.get(value) ?? value) : value;
  });
  return [input, moved, ...others];
}

type Rewrite = (
  probe: Probe,
  result: Tensor,
  inputs: readonly (Tensor | null)[],
  node: OnnxNode,
) => Tensor | null;

function mapped(tensor: Tensor, change: (value: number, element: number) => number): Tensor {
  const data = tensor.data.slice();
  for (let e = 0; e < data.length; e++) data[e] = change(data[e] ?? 0, e);
  return { ...tensor, data };
}

/** Range: start, start + 1 ... for every token. */
const range: Rewrite = ({ positions, length }, result, [start, , step]) => {
  const from = start?.data[0] ?? 0;
  if (result.data.length !== length || step?.data[0] !== 1) return null;
  return mapped(result, (value) => (positions[value - from] ?? 0) + from);
};

/** CumSum: the number of tokens up to each token. */
const cumSum: Rewrite = ({ positions, length }, result, [input]) => {
  if (!result.dims.includes(length) || !input?.data.every((flag) => flag === 1)) return null;
  const base = result.data[0] ?? 0;
  return mapped(result, (value) => (positions[value - base] ?? 0) + base);
};

/** NonZero of a list of ones, one per token. */
const nonZero: Rewrite = ({ positions, length }, result) => {
  if (result.dims[1] !== length) return null;
  const counts = (row: number) => positions.every((_, i) => result.data[row * length + i] === i);
  return mapped(result, (value, e) =>
    counts(Math.floor(e / length)) ? (positions[value] ?? 0) : value,
  );
};

/** Slice of the first rows of a long enough tensor: takes the rows of the positions instead. */
const slice: Rewrite = ({ positions, length }, result, [input, starts]) => {
  const span = (positions.at(-1) ?? 0) + 1;
  if (!input) return null;
  const isCut = (axis: number) => result.dims[axis] === length && (input.dims[axis] ?? 0) >= span;
  if (!result.dims.some((_, axis) => isCut(axis)) || !starts?.data.every((at) => at === 0)) {
    return null;
  }
  const data = result.data.slice();
  for (let e = 0; e < data.length; e++) {
    let [rest, stride, from] = [e, 1, 0];
    for (let axis = result.dims.length - 1; axis >= 0; axis--) {
      const size = result.dims[axis] ?? 1;
      const at = rest % size;
      from += (isCut(axis) ? (positions[at] ?? 0) : at) * stride;
      rest = Math.floor(rest / size);
      stride *= input.dims[axis] ?? 1;
    }
    data[e] = input.data[from] ?? 0;
  }
  return { ...result, data };
};

/** Trilu: a triangle or band over all pairs of tokens. */
const trilu: Rewrite = ({ positions, length }, result, [input, diagonal], node) => {
  const [rows, columns] = result.dims.slice(-2);
  if (!input || rows !== length || columns !== length) return null;
  const k = diagonal?.data[0] ?? 0;
  const upper = (node.attributes.get('upper') ?? 1) !== 0;
  return mapped(result, (_, e) => {
    const [i, j] = [Math.floor(e / length) % length, e % length];
    const beyond = (positions[j] ?? 0) - (positions[i] ?? 0) - k;
    return (upper ? beyond >= 0 : beyond <= 0) ? (input.data[e] ?? 0) : 0;
  });
};

const REWRITES: Readonly<Record<string, Rewrite>> = {
  Range: range,
  CumSum: cumSum,
  NonZero: nonZero,
  Slice: slice,
  Trilu: trilu,
};
