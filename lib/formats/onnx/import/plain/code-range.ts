/** Type and range of the codes of a QuantizeLinear. */

import type { OnnxNode } from '../model.js';
import { numberOf } from './attributes.js';
import type { Draft } from './draft.js';

const CODES: Readonly<Record<string, readonly [number, number]>> = {
  int4: [-8, 7],
  uint4: [0, 15],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
};

/** Names of the values of `output_dtype`, which QuantizeLinear may have instead of a zero point. */
const OUTPUT_TYPES: ReadonlyMap<number, string> = new Map([
  [3, 'int8'],
  [4, 'uint16'],
  [5, 'int16'],
  [21, 'uint4'],
  [22, 'int4'],
]);

/** Type of the codes. */
export function codeType(graph: Draft, node: OnnxNode): string {
  const zero = graph.input(node, 2);
  const stated = OUTPUT_TYPES.get(numberOf(node, 'output_dtype', 0)) ?? 'uint8';
  return zero === '' ? stated : (graph.fact(zero).dtype ?? 'uint8');
}

/**
 * Ends of the range of a QuantizeLinear as floats, the widest where there are several scales; null where scales or zero
 * points are not constant.
 */
export function codeRange(
  graph: Draft,
  node: OnnxNode,
): { readonly low: number; readonly high: number; readonly step: number } | null {
  const codes = CODES[codeType(graph, node)];
  const zero = graph.input(node, 2);
  const scales = graph.small(graph.input(node, 1));
  const zeros = zero === '' ? [0] : graph.small(zero);
  if (codes === undefined || !scales?.length || !zeros?.length) return null;
  const step = Math.max(...scales);
  const low = (codes[0] - Math.max(...zeros)) * step;
  return { low, high: (codes[1] - Math.min(...zeros)) * step, step };
}
