/**
 * Integer products whose activations were brought to the range 0 ... 1 token by token, as Sinter exports dynamic int8.
 *
 * With u = (x - low) / range the file computes (u W) range + low * sums, which is x W if `sums` are the column sums of W. The
 * rule checks the sums, because nothing else in the file says so.
 */

import { numberOf, operatorOf } from '../attributes.js';
import type { Draft } from '../draft.js';
import type { Rule } from '../rule.js';
import { noteActivation } from '../unquantized.js';

/** Largest rounding error of a column sum, relative to the largest sum. */
const TOLERANCE = 1e-4;

/** The inputs of `name` if `op` computes it; null otherwise. */
function madeBy(graph: Draft, op: string, name: string): readonly string[] | null {
  const node = graph.producer(graph.resolve(name));
  if (node === null || operatorOf(node) !== op) return null;
  return node.inputs.map((_, index) => graph.resolve(graph.input(node, index)));
}

function orders(inputs: readonly string[] | null): readonly (readonly [string, string])[] {
  const [a = '', b = ''] = inputs ?? [];
  return inputs?.length === 2
    ? [
        [a, b],
        [b, a],
      ]
    : [];
}

/** x where `low` is the minimum of x per token. */
function smallestOf(graph: Draft, low: string): string | null {
  const node = graph.producer(low);
  if (node === null || operatorOf(node) !== 'ReduceMin' || numberOf(node, 'keepdims', 1) !== 1) {
    return null;
  }
  return graph.resolve(graph.input(node, 0));
}

/** Whether `sums` are the column sums of the matrix [in, out]. */
function areColumnSums(graph: Draft, sums: string, matrix: string): boolean {
  const [given, weight] = [graph.initializer(sums), graph.initializer(matrix)];
  const [rows = 0, columns = 0] = weight?.dims ?? [];
  if (given === null || weight === null || weight.dims.length !== 2) return false;
  if (given.dims.length !== 1 || given.dims[0] !== columns) return false;
  const [numbers, wanted] = [weight.read().data, given.read().data];
  const found = new Float64Array(columns);
  for (let i = 0; i < rows * columns; i++) {
    found[i % columns] = (found[i % columns] ?? 0) + Number(numbers[i]);
  }
  const scale = found.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-30);
  return found.every((x, i) => Math.abs(x - Number(wanted[i])) <= TOLERANCE * scale);
}

const unitRange: Rule = {
  name: 'unit-range-product',
  matches: 'MatMul of (x - low) / range, times range, plus low * column sums of the weight',
  writes: 'MatMul of x',
  roots: ['Add'],
  rewrite(node, write) {
    const { graph } = write;
    const [a, b] = [0, 1].map((index) => graph.resolve(graph.input(node, index)));
    for (const [widened = '', shift = ''] of [
      [a, b],
      [b, a],
    ]) {
      for (const [low, sums] of orders(madeBy(graph, 'Mul', shift))) {
        const x = smallestOf(graph, low);
        if (x === null) continue;
        for (const [product, range] of orders(madeBy(graph, 'Mul', widened))) {
          const [unit = '', matrix = ''] = madeBy(graph, 'MatMul', product) ?? [];
          const [above = '', divisor] = madeBy(graph, 'Div', unit) ?? [];
          const [value, subtracted] = madeBy(graph, 'Sub', above) ?? [];
          const fits = divisor === range && value === x && subtracted === low;
          if (!fits || !areColumnSums(graph, sums, matrix)) continue;
          // The quantized value was x, with a range per token.
          const note = graph.activations.get(unit);
          if (note !== undefined) noteActivation(graph, x, note);
          return write.into(node.outputs[0] ?? '', 'MatMul', [x, matrix]);
        }
      }
    }
    return false;
  },
};

export const UNIT_RANGE_RULES: readonly Rule[] = [unitRange];
