/**
 * The importance of units by the size of the weights that would go with them: no data is needed, and it says less than
 * gradients do.
 */

import { throwIfAborted } from '../core/errors.js';
import { inTurns, type Steps, Turn } from '../core/turns.js';
import { cutHeads, cutNeurons, type WeightCut } from '../graph/rewrite/cut.js';
import { type UnitPart, unitsOf } from '../graph/rewrite/units.js';
import type { EncoderGraph } from '../graph/types.js';
import type { NativeStore } from '../native/program.js';
import { floatsOf, readPieces } from '../runtime/program.js';
import type { UnitScores } from './importance.js';

/** Rows or columns of one weight that belong to unit 0 of a layer; unit u has them `u * step` further on. */
interface OwnPart {
  readonly weight: string;
  readonly shape: readonly number[];
  readonly side: 'rows' | 'columns';
  readonly first: readonly number[];
  readonly step: number;
}

/**
 * The 2-norm of all numbers that go with a unit: of a head, its rows of the query, key and value matrices with their biases and
 * its columns of the output matrix; of a neuron, its row or rows into it with their biases and its column out of it. Tables of
 * relative biases do not count. A layer's only unit cannot go, and has 0. Layers that share units share the array.
 */
export async function magnitudeImportance(
  graph: EncoderGraph,
  store: NativeStore,
  options: { readonly where: string; readonly signal?: AbortSignal | undefined },
): Promise<UnitScores> {
  const units = unitsOf(graph);
  const turn = new Turn();
  const of = async (part: UnitPart) => {
    const found: Float64Array[] = [];
    for (const [layer, { count, shares }] of units[part].entries()) {
      throwIfAborted(options.signal, options.where);
      if (shares !== layer) {
        found.push(found[shares] as Float64Array);
        continue;
      }
      const squares = new Float64Array(count);
      for (const own of count < 2 ? [] : ownParts(graph, part, layer)) {
        let row = 0;
        const weight = { name: own.weight, shape: own.shape };
        for await (const [bytes] of readPieces(options.where, store, weight, 'f32')) {
          const values = floatsOf(bytes as Uint8Array);
          await inTurns(addSquares(squares, own, values, row), turn);
          row += values.length / (own.shape[1] ?? 1);
        }
      }
      found.push(squares.map(Math.sqrt));
    }
    return found;
  };
  return { heads: await of('heads'), neurons: await of('neurons') };
}

/** The parts of weights that go with unit 0: found by cutting it. */
function ownParts(graph: EncoderGraph, part: UnitPart, layer: number): readonly OwnPart[] {
  const units = unitsOf(graph)[part];
  const step = units[layer]?.width ?? 1;
  const alike = units.flatMap(({ shares }, other) =>
    shares === layer ? [[other, [0]] as const] : [],
  );
  const cut = (part === 'heads' ? cutHeads : cutNeurons)(graph, new Map(alike));
  const shapes = new Map(graph.weights.map(({ name, shape }) => [name, shape]));
  return [...cut.cuts].flatMap(([weight, kept]) => {
    const shape = shapes.get(weight);
    // A new copy of a table of relative biases has no shape here.
    if (shape === undefined) return [];
    return (['rows', 'columns'] as const).flatMap((side) => {
      const first = goneFrom(kept, side, shape[side === 'rows' ? 0 : 1] ?? 0);
      return first.length === 0 ? [] : [{ weight, shape, side, first, step }];
    });
  });
}

function goneFrom(cut: WeightCut, side: 'rows' | 'columns', count: number): readonly number[] {
  const kept = cut[side];
  if (kept === undefined) return [];
  const left = new Set(kept);
  return Array.from({ length: count }, (_, i) => i).filter((i) => !left.has(i));
}

/** Adds the squares of the rows of a weight from row `begin` on to the units that they belong to. */
function* addSquares(
  squares: Float64Array,
  { side, first, step, shape }: OwnPart,
  values: Float32Array,
  begin: number,
): Steps<void> {
  const width = shape[1] ?? 1;
  const unitOf = new Map<number, number>();
  for (let unit = 0; unit < squares.length; unit++) {
    for (const at of first) unitOf.set(at + unit * step, unit);
  }
  const columns = Int32Array.from({ length: width }, (_, i) => unitOf.get(i) ?? -1);
  for (let row = 0; row * width < values.length; row++) {
    const own = side === 'rows' ? unitOf.get(begin + row) : undefined;
    for (let i = 0; i < width; i++) {
      const unit = side === 'rows' ? own : columns[i];
      if (unit === undefined || unit < 0) continue;
      squares[unit] = (squares[unit] as number) + (values[row * width + i] as number) ** 2;
    }
    yield;
  }
}
