/**
 * Lowers norm, add and normalize to standard operators.
 *
 * LayerNormalization computes in f32 whatever the type of its input. Norms that are written out are cast to f32 for the same
 * reason: squares of numbers from 256 on leave the range of f16.
 */

import type { NodeOf } from '../../graph/ops.js';
import type { Lowering, Lowerings } from './lowering.js';
import { since } from './opsets.js';
import type { FloatType } from './proto.js';

function lowerAdd(lowering: Lowering, node: NodeOf<'add'>): void {
  const { kind } = lowering.value(node.input);
  const type = lowering.typeOf(kind);
  const input = lowering.whole(node.input, type);
  const residual = lowering.whole(node.residual, type);
  const name = lowering.nameOf(node.output, type);
  lowering.builder.node('Add', [input.name, residual.name], name);
  lowering.set(node.output, kind, name, input.width, type);
}

function lowerNorm(lowering: Lowering, node: NodeOf<'norm'>): void {
  const { builder, weights } = lowering;
  const type = lowering.typeOf(lowering.value(node.input).kind);
  const input = lowering.whole(node.input, type);
  let summed = input.name;
  if (node.residual !== null) {
    const residual = lowering.whole(node.residual, type);
    summed = builder.step('Add', [input.name, residual.name], `${node.output}/sum`);
  }
  const name = lowering.nameOf(node.output, type);
  const vector = (of: string): string => lowering.constantAs(weights.vector(of), type);
  const weight = vector(node.weight);
  const bias = node.bias === null ? [] : [vector(node.bias)];
  if (node.kind === 'layer' && since(builder.opset, 'layerNormalization')) {
    // Always written, because the operator's default is 1e-5 and BERT's epsilon is 1e-12.
    const attributes = { axis: { int: -1 }, epsilon: { float: node.epsilon } };
    builder.node('LayerNormalization', [summed, weight, ...bias], name, attributes);
  } else {
    const unit = writtenOut(lowering, node, summed, type);
    const last = bias.length === 0 ? name : builder.fresh(`${node.output}/scaled`);
    builder.node('Mul', [unit, weight], last);
    if (bias.length > 0) builder.node('Add', [last, ...bias], name);
  }
  lowering.set(node.output, input.kind, name, input.width, type);
}

/** Writes (x - mean) / sqrt(variance + epsilon), for `rms` without the mean, in f32. */
function writtenOut(
  lowering: Lowering,
  { kind, epsilon, output }: NodeOf<'norm'>,
  input: string,
  type: FloatType,
): string {
  const { builder } = lowering;
  const step = (op: string, inputs: string[], name: string): string =>
    builder.step(op, inputs, `${output}/${name}`);
  const mean = (of: string, name: string): string =>
    builder.reduce('ReduceMean', of, -1, true, builder.fresh(`${output}/${name}`));
  const half = type === 'float16';
  const wide = half ? builder.cast(input, 'float', builder.fresh(`${output}/f32`)) : input;
  const centred = kind === 'layer' ? step('Sub', [wide, mean(wide, 'mean')], 'centred') : wide;
  const square = step('Pow', [centred, builder.float32(2)], 'square');
  const variance = mean(square, 'variance');
  const safe = step('Add', [variance, builder.float32(Math.fround(epsilon))], 'safe');
  const unit = step('Div', [centred, step('Sqrt', [safe], 'deviation')], 'unit');
  return half ? builder.cast(unit, 'float16', builder.fresh(`${output}/f16`)) : unit;
}

/** Writes x / max(|x|, 1e-12) per row, in f32. */
function lowerNormalize(lowering: Lowering, node: NodeOf<'normalize'>): void {
  const { builder } = lowering;
  const input = lowering.whole(node.input, 'float');
  const length = builder.fresh(`${node.output}/length`);
  builder.reduce('ReduceL2', input.name, -1, true, length);
  const divisor = builder.step('Max', [length, builder.float32(1e-12)], `${node.output}/divisor`);
  const name = builder.node('Div', [input.name, divisor], lowering.nameOf(node.output, 'float'));
  lowering.set(node.output, input.kind, name, input.width, 'float');
}

export const NORM_LOWERINGS = {
  add: lowerAdd,
  norm: lowerNorm,
  normalize: lowerNormalize,
} satisfies Partial<Lowerings>;
