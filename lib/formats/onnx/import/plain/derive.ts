/**
 * Initializers made from other initializers: transposed, cut, reshaped, dequantized. Their numbers are computed when they are
 * read.
 *
 * The same request gives the same name, so weights that are shared stay shared; quantized weights keep their codes.
 */

import type { Initializer, Numbers } from '../model.js';
import { type MaybeView, reshapedView, slicedView, transposedView } from '../stored-view.js';
import type { Draft } from './draft.js';
import type { QuantizedWeight } from './plain-model.js';
import {
  dequantized,
  reshapedWeight,
  slicedWeight,
  transposedWeight,
  widened,
} from './quantized-weight.js';
import { count, sliced, transposed, withAxis } from './rearrange.js';

/** Adds a quantized weight and its float initializer. */
export function addQuantized(graph: Draft, hint: string, weight: QuantizedWeight): string {
  const name = graph.freshName(hint);
  graph.quantized.set(name, weight);
  const { dims, readCodeRange } = weight;
  return graph.addInitializer({
    name,
    dtype: 'float32',
    dims,
    read: () => ({ dtype: 'float32', dims, data: dequantized(weight) }),
    ...(readCodeRange && {
      readRange: (begin, end) => widened(weight, readCodeRange(begin, end), begin),
    }),
  });
}

function derive(
  graph: Draft,
  from: Initializer,
  change: string,
  dims: readonly number[],
  weight: (from: QuantizedWeight) => QuantizedWeight | null,
  numbers: (from: Numbers) => Numbers,
  view: (from: MaybeView) => MaybeView,
): string {
  return graph.cached(`${change} of ${from.name}`, () => {
    const codes = graph.quantized.get(from.name);
    const moved = codes === undefined ? null : weight(codes);
    if (moved !== null) return addQuantized(graph, from.name, moved);
    const { dtype } = from;
    return graph.addInitializer({
      name: graph.freshName(from.name),
      dtype,
      dims,
      read: () => ({ dtype, dims, data: numbers(from.read().data) }),
      view: view(from.view),
    });
  });
}

export function deriveTransposed(graph: Draft, from: Initializer, perm: readonly number[]): string {
  const dims = perm.map((axis) => from.dims[axis] ?? 1);
  return derive(
    graph,
    from,
    `transpose ${perm}`,
    dims,
    (weight) => transposedWeight(weight, perm),
    (data) => transposed(data, from.dims, perm),
    (view) => transposedView(view, perm),
  );
}

export function deriveSlice(
  graph: Draft,
  from: Initializer,
  axis: number,
  begin: number,
  end: number,
): string {
  return derive(
    graph,
    from,
    `slice ${axis} ${begin} ${end}`,
    withAxis(from.dims, axis, end - begin),
    (weight) => slicedWeight(weight, axis, begin, end),
    (data) => sliced(data, from.dims, axis, begin, end),
    (view) => slicedView(view, axis, begin),
  );
}

/** Reshapes an initializer; null when the number of elements differs. */
export function deriveReshaped(
  graph: Draft,
  from: Initializer,
  dims: readonly number[],
): string | null {
  if (count(dims) !== count(from.dims)) return null;
  return derive(
    graph,
    from,
    `reshape ${dims}`,
    dims,
    (weight) => reshapedWeight(weight, dims),
    (data) => data,
    (view) => reshapedView(view, from.dims, dims),
  );
}
