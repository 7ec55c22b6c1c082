/**
 * A draft as text: the texts of two walks over one graph with different probes must be equal.
 *
 * Left out: windows and buckets of distances, which only long texts show, and the numbers of vectors, which are constants.
 */

import { type DraftNode, operandsOf, type Value } from './draft.js';
import type { FoundOutputs } from './outputs.js';

export function draftText({ found, hidden, head }: FoundOutputs): string {
  const numbers = new Map<Value, number>();
  const lines: string[] = [];
  const visit = (value: Value): number => {
    const known = numbers.get(value);
    if (known !== undefined) return known;
    const operands = operandsOf(value.node).map(visit);
    lines.push(`${value.kind} ${value.width} ${textOf(value.node)} ${operands.join(' ')}`);
    numbers.set(value, numbers.size);
    return numbers.size - 1;
  };
  const outputs = found.map(({ file, name, value, column }) => [file, name, visit(value), column]);
  return JSON.stringify([outputs, visit(hidden), head, lines]);
}

function textOf(node: DraftNode): string {
  return JSON.stringify(node, (key, part: unknown) => {
    if (isValue(part) || DISTANCES.has(key)) return undefined;
    if (part instanceof Float32Array) return part.length;
    return part;
  });
}

const DISTANCES: ReadonlySet<string> = new Set([
  'window',
  'relativeBias',
  'disentangled',
  'values',
]);

function isValue(part: unknown): boolean {
  return typeof part === 'object' && part !== null && 'node' in part && 'origin' in part;
}
