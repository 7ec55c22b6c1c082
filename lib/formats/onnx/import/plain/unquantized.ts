/**
 * The float value behind a quantized one, for every way in which files make it.
 *
 * Activations lose their quantization: the result is the value before QuantizeLinear or DynamicQuantizeLinear, and a note
 * records how the file quantized it. A range that begins at zero may stand for a ReLU: see `quantizer.ts`.
 */

import type { OnnxNode } from '../model.js';
import { operatorOf } from './attributes.js';
import { codeType } from './code-range.js';
import { weightOf } from './codes.js';
import type { Draft } from './draft.js';
import { MOVES } from './moves.js';
import type { ActivationQuantization } from './plain-model.js';
import { cutsAtZero, isWeight } from './quantizer.js';
import type { Writer } from './rule.js';

export function sameNumbers(graph: Draft, a: string, b: string): boolean {
  const [x, y] = [graph.resolve(a), graph.resolve(b)];
  if (x === y) return true;
  const [left, right] = [graph.small(x), graph.small(y)];
  return (
    left !== null &&
    right !== null &&
    left.length === right.length &&
    left.every((n, i) => n === right[i])
  );
}

/** Whether two zero points are equal; a missing one is 0. */
function sameZero(graph: Draft, a: string, b: string): boolean {
  if (a !== '' && b !== '') return sameNumbers(graph, a, b);
  return [a, b].every((name) => name === '' || (graph.small(name)?.every((n) => n === 0) ?? false));
}

export function noteActivation(graph: Draft, value: string, note: ActivationQuantization): void {
  const name = graph.resolve(value);
  if (graph.initializer(name) === null && !graph.activations.has(name))
    graph.activations.set(name, note);
}

/**
 * x where `q` is x quantized with this scale and zero point. null where it is made in another way, or where the range still
 * has an effect (a rule first writes a ReLU before the quantizer).
 */
export function unquantized(graph: Draft, q: string, scale: string, zero: string): string | null {
  const node = graph.producer(q);
  if (node === null) return null;
  const x = graph.input(node, 0);
  if (operatorOf(node) === 'DynamicQuantizeLinear') {
    const own = (index: number) => graph.resolve(node.outputs[index] ?? '');
    if (graph.resolve(q) !== own(0) || graph.resolve(scale) !== own(1)) return null;
    if (zero !== '' && graph.resolve(zero) !== own(2)) return null;
    noteActivation(graph, x, { kind: 'dynamic', signed: false, bits: 8 });
    return x;
  }
  if (operatorOf(node) !== 'QuantizeLinear') return null;
  const [ownScale, ownZero] = [graph.input(node, 1), graph.input(node, 2)];
  if (!sameNumbers(graph, ownScale, scale) || !sameZero(graph, ownZero, zero)) return null;
  // A constant weight quantized here becomes codes, by a rule.
  if (isWeight(graph, x) || cutsAtZero(graph, node)) return null;
  const [step, offset] = [graph.scalar(scale), zero === '' ? 0 : graph.scalar(zero)];
  const dtype = codeType(graph, node);
  if (step !== null && offset !== null) {
    noteActivation(graph, x, {
      kind: 'static',
      signed: dtype.startsWith('int'),
      bits: dtype.endsWith('16') ? 16 : dtype.endsWith('4') ? 4 : 8,
      scale: step,
      zeroPoint: offset,
    });
  }
  return x;
}

/**
 * The float value of (q - zero) * scale: an initializer for a constant q, the value before quantization, or else a new
 * DequantizeLinear, left to other rules. Scales of more than one element run along `axis`. null where a constant cannot be
 * dequantized.
 */
export function floatOf(
  write: Writer,
  q: string,
  scale: string,
  zero: string,
  axis: number,
): string | null {
  const { graph } = write;
  const codes = graph.initializer(q);
  if (codes !== null) {
    const scales = graph.initializer(scale);
    const zeros = zero === '' ? null : graph.initializer(zero);
    if (scales === null || (zero !== '' && zeros === null)) return null;
    const one = scales.dims.reduce((a, b) => a * b, 1) === 1;
    const at = axis < 0 ? axis + codes.dims.length : axis;
    return weightOf(graph, codes, scales, zeros, { axis: one ? null : at, blockSize: null });
  }
  const moved = beforeMoves(write, q, scale, zero);
  if (moved !== null) return moved;
  return write.op('DequantizeLinear', zero === '' ? [q, scale] : [q, scale, zero], { axis });
}

/** As `unquantized`, looking through operators that move elements, which are then repeated on the float value. */
function beforeMoves(write: Writer, q: string, scale: string, zero: string): string | null {
  const { graph } = write;
  const path: OnnxNode[] = [];
  let value = q;
  for (let node = graph.producer(value); path.length < 8; node = graph.producer(value)) {
    const x = unquantized(graph, value, scale, zero);
    if (x !== null) return path.reduceRight((from, move) => again(write, move, from), x);
    if (node === null || !MOVES.has(operatorOf(node))) return null;
    path.push(node);
    value = graph.input(node, 0);
  }
  return null;
}

/** Repeats a moving node on another value. */
export function again(write: Writer, move: OnnxNode, from: string): string {
  const rest = move.inputs.slice(1).map((_, index) => write.graph.input(move, index + 1));
  return write.op(move.op, [from, ...rest], Object.fromEntries(move.attributes));
}
