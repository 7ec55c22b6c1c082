/**
 * Judges the purpose of a QuantizeLinear: whether its input is a weight, and whether its range begins at zero although its
 * input can be negative.
 *
 * Tools that quantize with fixed ranges remove a ReLU before a range that begins at zero, because negative numbers become
 * zero there anyway. A range calibrated on numbers that are never negative begins at zero too, and cuts nothing but rounding
 * errors.
 */

import type { OnnxNode } from '../model.js';
import { operatorOf } from './attributes.js';
import { codeRange } from './code-range.js';
import type { Draft } from './draft.js';
import { MOVES } from './moves.js';
import { rangeOf } from './value-ranges.js';

/** Numbers above minus half a step are rounded to zero, not cut; the rest is for rounding of the step itself. */
const HALF_STEP = 0.51;

/**
 * Whether the range begins at zero and the input can be less. Masks do not count: their ranges cut off only padding, which
 * texts do not have here.
 */
export function cutsAtZero(graph: Draft, node: OnnxNode): boolean {
  const range = codeRange(graph, node);
  if (range === null || range.low !== 0) return false;
  const x = graph.input(node, 0);
  return rangeOf(graph, x)[0] < -HALF_STEP * range.step && isActivation(graph, x);
}

/** Operators that bring in weights. */
const LAYERS = /(MatMul|Gemm|LayerNorm|Embed|Attention|^Gather$)/;

/** Whether a layer with weights is among the nodes that compute a value. */
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

/** Operators that weights pass before they are used. */
const WEIGHT_STEPS = new Set([...MOVES, 'Cast', 'QuantizeLinear', 'DequantizeLinear']);

/** Whether a value is a weight of more than one number, unchanged or moved: quantizing it makes the codes of the weight. */
export function isWeight(graph: Draft, value: string): boolean {
  for (let name = graph.resolve(value); ; ) {
    const initializer = graph.initializer(name);
    if (initializer !== null) return initializer.dims.reduce((a, b) => a * b, 1) > 1;
    const node = graph.producer(name);
    if (node === null || !WEIGHT_STEPS.has(operatorOf(node))) return false;
    // Rows picked by ids, and shapes that follow a text, turn a weight into an activation.
    const rest = node.inputs.slice(1).map((_, index) => graph.input(node, index + 1));
    if (rest.some((input) => input !== '' && graph.initializer(input) === null)) return false;
    name = graph.input(node, 0);
  }
}
