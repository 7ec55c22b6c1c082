/**
 * The shapes that a search tries: for each target and each depth that can meet it, the widths that keep the most importance.
 *
 * The rule: a shape is chosen by predicted time or bytes only; what it is worth is found by training it.
 */

import type { UnitScores } from '../../compress/importance.js';
import { removedUnits } from '../../compress/mask-search.js';
import { searchWidths } from '../../compress/width-search.js';
import type { UnitPart } from '../../graph/rewrite/units.js';
import type { TableOption } from './costs.js';

/** A model that is cut to so many layers, with what its units are worth and cost. */
export interface Depth {
  /** Layers of the original that stay, in increasing order. */
  readonly layers: readonly number[];
  /** By the layers that stay. */
  readonly importance: UnitScores;
  /** The cost of `count` units of a part of a layer that stays. */
  readonly costOf: (part: UnitPart, layer: number, count: number) => number;
  /** What everything else costs. */
  readonly fixed: number;
}

/** A model to try. */
export interface Shape {
  readonly name: string;
  readonly layers: readonly number[];
  /** Units that go, by the number of the layer in the cut model. */
  readonly heads: readonly (readonly [layer: number, removed: readonly number[]])[];
  readonly neurons: readonly (readonly [layer: number, removed: readonly number[]])[];
  /** Units that stay in each layer. */
  readonly widths: { readonly heads: readonly number[]; readonly neurons: readonly number[] };
  /** Channels of the residual stream. Left out: all. */
  readonly hiddenSize?: number;
  /** Columns of the factorised table of tokens. Left out: the table is whole. */
  readonly embeddingSize?: number;
  /** Products that are two thin ones, with their ranks. Left out: none. */
  readonly ranks?: readonly (readonly [product: string, rank: number])[];
  /** Predicted, in the unit of the costs. */
  readonly cost: number;
  /** Share of the importance of its depth that stays, from 0 to 1. */
  readonly kept: number;
}

/** Shapes that keep less of the importance of their layers are not tried. */
const LEAST_KEPT = 0.02;

/** The shape of this depth within the budget; null where even its smallest one is over it. */
export async function shapeWithin(
  where: string,
  depth: Depth,
  budget: number,
  { canNarrow, signal }: { readonly canNarrow: boolean; readonly signal?: AbortSignal | undefined },
): Promise<Shape | null> {
  const { importance, layers } = depth;
  const all = sumOf(importance);
  const full = {
    heads: importance.heads.map(({ length }) => length),
    neurons: importance.neurons.map(({ length }) => length),
  };
  const fullCost = costOfWidths(depth, full);
  if (fullCost <= budget) return shapeOf(layers, [], [], full, fullCost, 1);
  if (!canNarrow) return null;
  const search = { where, signal, costOf: depth.costOf, fixed: depth.fixed, budget };
  try {
    const { masks, counts, cost, keptImportance } = await searchWidths(importance, search);
    const kept = all === 0 ? 1 : keptImportance / all;
    if (kept < LEAST_KEPT) return null;
    const { heads, neurons } = removedUnits(masks);
    return shapeOf(layers, [...heads], [...neurons], counts, cost, kept);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** The shape with this table of tokens. */
export function withTable(shape: Shape, { size, saved }: TableOption): Shape {
  if (size === null) return shape;
  const { name, cost } = shape;
  return { ...shape, name: `${name}_embedding_${size}`, cost: cost - saved, embeddingSize: size };
}

function shapeOf(
  layers: readonly number[],
  heads: Shape['heads'],
  neurons: Shape['neurons'],
  widths: Shape['widths'],
  cost: number,
  kept: number,
): Shape {
  const name = `${layers.join('-')}_${widths.heads.join('-')}_${widths.neurons.join('-')}`;
  return { name, layers, heads, neurons, widths, cost, kept };
}

export function costOfWidths({ costOf, fixed }: Depth, widths: Shape['widths']): number {
  const of = (part: UnitPart) =>
    widths[part].reduce((sum, count, layer) => sum + costOf(part, layer, count), 0);
  return fixed + of('heads') + of('neurons');
}

function sumOf({ heads, neurons }: UnitScores): number {
  let sum = 0;
  for (const scores of [...heads, ...neurons]) for (const score of scores) sum += score;
  return sum;
}
