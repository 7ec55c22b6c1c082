/**
 * What a QuantizeLinear is for: whether its input is a weight, and whether its range begins at zero where its input does not.
 *
 * Tools that quantize with fixed ranges remove a ReLU before a range that begins at zero: what is negative becomes zero there
 * as well. A range that was calibrated on what a value can be cuts nothing at zero but what is rounded to it.
 */

import type { OnnxNode } from '../model.js';
import { operatorOf } from './attributes.js';
import { codeRange } from './code-range.js';
import type { Draft } from './draft.js';
import { MOVES } from './moves.js';
import { rangeOf } from './value-ranges.js';

/** Ranges begin at zero up to what rounding reaches: half a step, and a little for its own rounding. */
const HALF_STEP = 0.51;

/**
 * Whether the range begins at zero, and what is quantized can be less. A mask does not count: what its range cuts off is
 * padding, which no text has here.
 */
export function cutsAtZero(graph: Draft, node: OnnxNode): boolean {
  const range = codeRange(graph, node);
  if (range === null || range.low !== 0) return false;
  const x = graph.input(node, 0);
  return rangeOf(graph, x)[0] < -HALF_STEP * range.step && isActivation(graph, x);
}

/** Where weights come in. */
const LAYERS = /(MatMul|Gemm|LayerNorm|Embed|Attention|^Gather$)/;

/** Whether some layer is on the way to a value. */
function isActivation(graph: Draft, value: string): boolean {
  const seen = new Set<string>();
  const left = [graph.resolve(value)];
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    const node = graph.producer(name);
    if (node === null || seen.has(name) || node.op === 'Shape' || node.op === 'Size') continue;
    seen.add(name);
    const table = node.op === 'Gather' ? (graph.rank(graph.input(node, 0)) ?? 2) > 1 : true;
    if (LAYERS.test(node.op) && table) return true;
    left.push(...node.inputs.filter((input) => input !== '').map((input) => graph.resolve(input)));
  }
  return false;
}

/** What becomes of weights before they are used. */
const WEIGHT_STEPS = new Set([...MOVES, 'Cast', 'QuantizeLinear', 'DequantizeLinear']);

/** Whether a value is a weight of more than one number, as it is or moved: what quantizes it makes codes of it. */
export function isWeight(graph: Draft, value: string): boolean {
  for (let name = graph.resolve(value); ; ) {
    const initializer = graph.initializer(name);
    if (initializer !== null) return initializer.dims.reduce((a, b) => a * b, 1) > 1;
    const node = graph.producer(name);
    if (node === null || !WEIGHT_STEPS.has(operatorOf(node))) return false;
    // Rows that are looked up, and shapes that are those of a text, make activations of it.
    const rest = node.inputs.slice(1).map((_, index) => graph.input(node, index + 1));
    if (rest.some((input) => input !== '' && graph.initializer(input) === null)) return false;
    name = graph.input(node, 0);
  }
}
