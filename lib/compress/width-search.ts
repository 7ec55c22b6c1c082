/**
 * The widths of every layer, heads and neurons, that keep the most importance under a budget of time or of bytes.
 *
 * One choice per part (the heads or the neurons of a layer) is a multiple-choice knapsack; it is solved over costs rounded up
 * to a grid, so what is chosen never exceeds the budget.
 */

import { rangeMistake, throwIfAborted } from '../core/errors.js';
import { inTurns, type Steps } from '../core/turns.js';
import { UNIT_PARTS, type UnitPart } from '../graph/rewrite/units.js';
import type { UnitScores } from './importance.js';
import { masksOfCounts, type UnitMasks } from './mask-search.js';

/** What a part may become. */
export interface WidthOption {
  readonly width: number;
  readonly cost: number;
  readonly value: number;
}

/** Cells of the grid; costs that are whole numbers are exact where the budget has at most so many of their common divisor. */
const CELLS = 1 << 14;

/**
 * The option of each part, as indices, with the largest sum of values whose costs are at most `budget`; null if even the
 * cheapest ones are over it. Costs are rounded up to budget / 16384, or are exact where they are whole numbers with a common
 * divisor of at least that. Of equal sums, the option that comes first wins, beginning with the last part.
 */
export async function solveKnapsack(
  parts: readonly (readonly WidthOption[])[],
  budget: number,
  options: { readonly where: string; readonly signal?: AbortSignal | undefined },
): Promise<readonly number[] | null> {
  const all = parts.map((part) => bestOf(part, ({ value }) => value));
  if (costOf(parts, all) <= budget) return all;
  const cheapest = parts.map((part) => bestOf(part, ({ cost }) => -cost));
  if (costOf(parts, cheapest) > budget) return null;
  throwIfAborted(options.signal, options.where);
  const found = await inTurns(solved(parts, budget));
  throwIfAborted(options.signal, options.where);
  return found ?? cheapest;
}

function bestOf(part: readonly WidthOption[], score: (option: WidthOption) => number): number {
  let best = 0;
  for (const [i, option] of part.entries()) {
    if (score(option) > score(part[best] as WidthOption)) best = i;
  }
  return best;
}

function costOf(parts: readonly (readonly WidthOption[])[], chosen: readonly number[]): number {
  return parts.reduce((sum, part, i) => sum + (part[chosen[i] ?? 0]?.cost ?? 0), 0);
}

/** Cells that each cost takes up, and the cells of the budget. */
function gridOf(parts: readonly (readonly WidthOption[])[], budget: number) {
  const costs = parts.flat().map(({ cost }) => cost);
  const divisor = costs.every(Number.isSafeInteger) ? costs.reduce(commonDivisor, 0) : 0;
  if (divisor > 0 && budget / divisor <= CELLS) {
    return { cellsOf: (cost: number) => cost / divisor, cells: Math.floor(budget / divisor) };
  }
  // A little less, so that the error of the sums does not exceed the budget.
  const unit = (budget / CELLS) * (1 - 1e-12);
  return { cellsOf: (cost: number) => Math.ceil(cost / unit), cells: CELLS };
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

/** Dynamic programming over the parts: best[c] is the largest value at a cost of at most c cells. */
function* solved(
  parts: readonly (readonly WidthOption[])[],
  budget: number,
): Steps<readonly number[] | null> {
  const { cellsOf, cells } = gridOf(parts, budget);
  let best = new Float64Array(cells + 1);
  const chosen: Int32Array[] = [];
  for (const part of parts) {
    const next = new Float64Array(cells + 1).fill(-Infinity);
    const choice = new Int32Array(cells + 1).fill(-1);
    for (const [i, { cost, value }] of part.entries()) {
      const taken = cellsOf(cost);
      for (let c = taken; c <= cells; c++) {
        const sum = (best[c - taken] as number) + value;
        if (sum <= (next[c] as number)) continue;
        next[c] = sum;
        choice[c] = i;
      }
      yield;
    }
    best = next;
    chosen.push(choice);
  }
  if (best[cells] === -Infinity) return null;
  let left = cells;
  const found = parts.toReversed().map((part, i) => {
    const option = chosen[parts.length - 1 - i]?.[left] as number;
    left -= cellsOf(part[option]?.cost ?? 0);
    return option;
  });
  return found.reverse();
}

/** Options of `searchWidths`. */
export interface WidthSearch {
  readonly where: string;
  readonly signal?: AbortSignal | undefined;
  /** The cost of `count` units of a part: milliseconds (LatencyTable), or bytes (unitBytes). */
  readonly costOf: (part: UnitPart, layer: number, count: number) => number;
  /** What everything else costs. */
  readonly fixed: number;
  readonly budget: number;
  /**
   * Neurons stay in multiples of this, apart from a layer that keeps all: the kernels compute 16 outputs at a time, f32 with
   * AVX-512 32. Default: 32.
   */
  readonly neuronStep?: number;
  /** As neuronStep. Default: 1. */
  readonly headStep?: number;
}

export interface FoundWidths {
  readonly counts: Readonly<Record<UnitPart, readonly number[]>>;
  readonly masks: UnitMasks;
  /** `fixed` included. */
  readonly cost: number;
  readonly keptImportance: number;
}

/**
 * The heads and neurons of each layer with the most importance under the budget. Every layer keeps at least a step of each
 * kind. Layers that share units (`importance` has one array for them) get the same widths, and each of them costs. Throws
 * RangeError if the smallest widths are over the budget. The same input gives the same result; ties are solveKnapsack's and
 * masksOfCounts'.
 */
export async function searchWidths(
  importance: UnitScores,
  search: WidthSearch,
): Promise<FoundWidths> {
  const { where, signal, budget, fixed } = search;
  if (Number.isNaN(budget)) throw rangeMistake(`${where}: the budget`, 'a number', budget);
  const groups = groupsOf(importance);
  const parts = groups.map((group) => optionsOf(group, search));
  const chosen = await solveKnapsack(parts, budget - fixed, { where, signal });
  if (chosen === null) {
    const least = parts.map((part) => Math.min(...part.map(({ cost }) => cost)));
    const needed = fixed + least.reduce((sum, cost) => sum + cost, 0);
    throw rangeMistake(`${where}: the budget`, `at least ${needed}, the smallest model's`, budget);
  }
  const counts = {
    heads: new Array<number>(importance.heads.length).fill(0),
    neurons: new Array<number>(importance.neurons.length).fill(0),
  };
  let [cost, keptImportance] = [fixed, 0];
  for (const [i, { part, layers }] of groups.entries()) {
    const option = parts[i]?.[chosen[i] ?? 0] as WidthOption;
    for (const layer of layers) counts[part][layer] = option.width;
    cost += option.cost;
    keptImportance += option.value;
  }
  return { counts, masks: masksOfCounts(importance, counts), cost, keptImportance };
}

/** The layers that have the same units. */
interface Group {
  readonly part: UnitPart;
  readonly layers: readonly number[];
  readonly scores: Float64Array;
}

function groupsOf(importance: UnitScores): readonly Group[] {
  return UNIT_PARTS.flatMap((part) => {
    const groups = new Map<Float64Array, number[]>();
    for (const [layer, scores] of importance[part].entries()) {
      groups.set(scores, [...(groups.get(scores) ?? []), layer]);
    }
    return [...groups].map(([scores, layers]) => ({ part, layers, scores }));
  });
}

function optionsOf(
  { part, layers, scores }: Group,
  { costOf: one, neuronStep = 32, headStep = 1 }: WidthSearch,
): readonly WidthOption[] {
  const step = part === 'heads' ? headStep : neuronStep;
  const sorted = Float64Array.from(scores).sort().reverse();
  const kept = [0];
  for (const value of sorted) kept.push((kept.at(-1) ?? 0) + value);
  const widths: number[] = [];
  for (let width = step; width < scores.length; width += step) widths.push(width);
  return [...widths, scores.length].map((width) => ({
    width,
    cost: layers.reduce((sum, layer) => sum + one(part, layer, width), 0),
    value: kept[width] ?? 0,
  }));
}
