/**
 * Which heads and neurons to keep under a budget of multiply-adds, by importance over all layers (Kwon et al. 2022).
 *
 * The rule: a mask never exceeds its budget. The loop of the authors' code can, since it lets the number of neurons become
 * negative where the heads alone are over the budget, and then takes it as an index from the end.
 */

import { rangeMistake } from '../core/errors.js';
import { inputsOf } from '../graph/nodes.js';
import type { NodeOf } from '../graph/ops.js';
import { UNIT_PARTS, type UnitPart, unitsOf } from '../graph/rewrite/units.js';
import type { EncoderGraph } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import type { UnitScores } from './importance.js';

/** 1 for each unit that stays, by layer. */
export type UnitMasks = Readonly<Record<UnitPart, readonly Uint8Array[]>>;

/** What one unit costs, the same in all layers. */
export type UnitCosts = Readonly<Record<UnitPart, number>>;

/**
 * Multiply-adds of a head and of a neuron of the first layer for a text of `length` tokens. With S tokens, hidden width d and
 * head width a: 3 S d a + 2 S^2 a + S a d per head, and S d for each product that a neuron takes part in (two, three where
 * it is gated).
 */
export function unitMacs(graph: EncoderGraph, length: number): UnitCosts {
  const values = validateGraph(graph);
  const units = unitsOf(graph);
  const widthOf = (value: string | undefined) => values.get(value ?? '')?.width ?? 0;
  const makers = new Map(graph.nodes.map((node) => [node.output, node]));
  const attention = graph.nodes.find((node) => node.op === 'attention');
  const [heads, neurons] = [units.heads[0], units.neurons[0]];
  if (attention === undefined || heads === undefined || neurons === undefined) {
    return { heads: 0, neurons: 0 };
  }
  const into = makerOf(makers, attention.input);
  const up = makerOf(makers, neurons.value);
  const [out, down] = [readerOf(graph, heads.value), readerOf(graph, neurons.value)];
  const seen = attention.window === undefined ? length : Math.min(length, 2 * attention.window + 1);
  const width = attention.headDim;
  const gated = widthOf(up?.output) / neurons.count;
  return {
    heads:
      3 * length * widthOf(into?.input) * width +
      2 * length * seen * width +
      length * width * widthOf(out?.output),
    neurons: length * (gated * widthOf(up?.input) + widthOf(down?.output)),
  };
}

function makerOf(makers: ReadonlyMap<string, EncoderGraph['nodes'][number]>, value: string) {
  let node = makers.get(value);
  while (node !== undefined && node.op !== 'linear') node = makers.get(inputsOf(node)[0] ?? '');
  return node as NodeOf<'linear'> | undefined;
}

function readerOf(graph: EncoderGraph, value: string): NodeOf<'linear'> | undefined {
  return graph.nodes.filter((node) => node.op === 'linear').find((node) => node.input === value);
}

export interface MaskSearch {
  readonly masks: UnitMasks;
  readonly heads: number;
  readonly neurons: number;
  readonly cost: number;
  readonly keptImportance: number;
  /** For every number of heads that fits: the neurons that fit beside them, and the importance of both together. */
  readonly table: readonly {
    readonly heads: number;
    readonly neurons: number;
    readonly keptImportance: number;
  }[];
}

/**
 * Tries every number of heads that fits into `budget` and gives the rest to neurons, the most important ones over all layers;
 * the largest kept importance wins, of equal ones the one with fewer heads. Of equally important units the one of the
 * earlier layer, then the one of lower index, stays. `least`: units that every layer keeps of each kind, its most important
 * ones. Throws RangeError where these alone are over the budget, or where layers share units (`searchWidths` takes those).
 */
export function searchMasks(
  importance: UnitScores,
  costs: UnitCosts,
  budget: number,
  least = 0,
): MaskSearch {
  if (Number.isNaN(budget)) throw rangeMistake('budget', 'a number', budget);
  const heads = ranking(importance.heads, least);
  const neurons = ranking(importance.neurons, least);
  const table: MaskSearch['table'][number][] = [];
  for (let count = heads.forced; count <= heads.order.length; count++) {
    const room = Math.floor((budget - count * costs.heads) / costs.neurons);
    if (room < neurons.forced) break;
    const beside = Math.min(room, neurons.order.length);
    const keptImportance = (heads.kept[count] ?? 0) + (neurons.kept[beside] ?? 0);
    table.push({ heads: count, neurons: beside, keptImportance });
  }
  const [first, ...more] = table;
  if (first === undefined) {
    const needed = heads.forced * costs.heads + neurons.forced * costs.neurons;
    throw rangeMistake('budget', `at least ${needed}, what ${least} units a layer cost`, budget);
  }
  const best = more.reduce((a, b) => (b.keptImportance > a.keptImportance ? b : a), first);
  return {
    masks: {
      heads: masksOf(importance.heads, heads.order.slice(0, best.heads)),
      neurons: masksOf(importance.neurons, neurons.order.slice(0, best.neurons)),
    },
    ...best,
    cost: best.heads * costs.heads + best.neurons * costs.neurons,
    table,
  };
}

interface Unit {
  readonly layer: number;
  readonly unit: number;
  readonly importance: number;
}

/** All units, those that must stay first, then the most important first; kept[n] is the importance of the first n. */
function ranking(layers: readonly Float64Array[], least: number) {
  if (new Set(layers).size !== layers.length) {
    throw new RangeError('importance: layers must not share their units');
  }
  const sorted = layers.map((scores, layer) =>
    Array.from(scores, (importance, unit): Unit => ({ layer, unit, importance })).sort(byRank),
  );
  const forced = sorted.flatMap((units) => units.slice(0, least));
  const others = sorted.flatMap((units) => units.slice(least)).sort(byRank);
  const order = [...forced, ...others];
  const kept = [0];
  for (const { importance } of order) kept.push((kept.at(-1) ?? 0) + importance);
  return { order, kept, forced: forced.length };
}

function byRank(a: Unit, b: Unit): number {
  return b.importance - a.importance || a.layer - b.layer || a.unit - b.unit;
}

function masksOf(layers: readonly Float64Array[], kept: readonly Unit[]): readonly Uint8Array[] {
  const masks = layers.map((scores) => new Uint8Array(scores.length));
  for (const { layer, unit } of kept) (masks[layer] as Uint8Array)[unit] = 1;
  return masks;
}

/** The masks of the `counts` most important units of every layer; of equal ones the lower index stays. */
export function masksOfCounts(
  importance: UnitScores,
  counts: Readonly<Record<UnitPart, readonly number[]>>,
): UnitMasks {
  const of = (part: UnitPart) =>
    importance[part].map((scores, layer) => {
      const units = Array.from(scores, (value, unit) => ({ layer: 0, unit, importance: value }));
      const kept = units.sort(byRank).slice(0, counts[part][layer] ?? 0);
      return masksOf([scores], kept)[0] as Uint8Array;
    });
  return { heads: of('heads'), neurons: of('neurons') };
}

/** What a mask removes, as cutHeads and cutNeurons take it: layers that lose nothing are left out. */
export function removedUnits(masks: UnitMasks) {
  const of = (part: UnitPart) => {
    const found = new Map<number, number[]>();
    for (const [layer, mask] of masks[part].entries()) {
      const removed = Array.from(mask.keys()).filter((unit) => mask[unit] === 0);
      if (removed.length > 0) found.set(layer, removed);
    }
    return found;
  };
  const [heads, neurons] = UNIT_PARTS.map(of) as [Map<number, number[]>, Map<number, number[]>];
  return { heads, neurons };
}
