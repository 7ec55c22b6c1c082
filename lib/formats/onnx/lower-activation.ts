/**
 * Activation functions as standard operators, alone and as the gate of a gated linear unit.
 *
 * GELU became one operator in opset 20; before that it is written out in the form that runtimes recognise.
 */

import type { NodeOf } from '../../graph/ops.js';
import type { ActivationKind } from '../../graph/types.js';
import type { Lowering, Lowerings } from './lowering.js';
import type { ModelBuilder } from './model-builder.js';
import { since } from './opsets.js';

/** Applies `kind` to `input` under the reserved name `output`; intermediate values are named after `prefix`. */
export function lowerActivation(
  builder: ModelBuilder,
  kind: Exclude<ActivationKind, 'none'>,
  input: string,
  prefix: string,
  output: string,
): string {
  if (kind === 'relu') return builder.node('Relu', [input], output);
  if (kind === 'tanh') return builder.node('Tanh', [input], output);
  if (kind === 'silu') {
    const gate = builder.step('Sigmoid', [input], `${prefix}/silu_gate`);
    return builder.node('Mul', [input, gate], output);
  }
  if (kind === 'quick_gelu') {
    const factor = builder.float(Math.fround(1.702));
    const inside = builder.step('Mul', [input, factor], `${prefix}/quick_gelu_scaled`);
    const gate = builder.step('Sigmoid', [inside], `${prefix}/quick_gelu_gate`);
    return builder.node('Mul', [input, gate], output);
  }
  if (since(builder.opset, 'gelu')) {
    const approximate = { string: kind === 'gelu' ? 'none' : 'tanh' };
    return builder.node('Gelu', [input], output, { approximate });
  }
  const step = (op: string, inputs: string[], name: string): string =>
    builder.step(op, inputs, `${prefix}/gelu_${name}`);
  const constant = (value: number): string => builder.float(Math.fround(value));
  if (kind === 'gelu') {
    const erf = step('Erf', [step('Div', [input, constant(Math.SQRT2)], 'scaled')], 'erf');
    const gated = step('Mul', [input, step('Add', [erf, constant(1)], 'gate')], 'gated');
    return builder.node('Mul', [gated, constant(0.5)], output);
  }
  const cube = step('Pow', [input, constant(3)], 'cube');
  const inner = step('Add', [input, step('Mul', [cube, constant(0.044715)], 'small')], 'inner');
  const scaled = step('Mul', [inner, constant(Math.sqrt(2 / Math.PI))], 'scaled');
  const gate = step('Add', [step('Tanh', [scaled], 'tanh'), constant(1)], 'gate');
  return builder.node('Mul', [step('Mul', [input, constant(0.5)], 'half'), gate], output);
}

function lowerPlain(lowering: Lowering, node: NodeOf<'activation'>): void {
  const { builder } = lowering;
  const { kind, name: input, width } = lowering.whole(node.input);
  const output = lowering.nameOf(node.output);
  lowerActivation(builder, node.kind, input, node.output, output);
  lowering.set(node.output, kind, output, width);
}

/** activation(first half) * second half. */
function lowerGate(lowering: Lowering, node: NodeOf<'gate'>): void {
  const { builder } = lowering;
  const { kind, width, halves } = twoHalves(lowering, node);
  const [gated, factor] = halves;
  const { activation, output } = node;
  const gate =
    activation === 'none'
      ? gated
      : lowerActivation(builder, activation, gated, output, builder.fresh(`${output}/gate`));
  const name = builder.node('Mul', [gate, factor], lowering.nameOf(output));
  lowering.set(output, kind, name, width);
}

function twoHalves(lowering: Lowering, { input, output }: NodeOf<'gate'>) {
  const { kind, parts } = lowering.value(input);
  const [first, second] = parts;
  if (parts.length === 2 && first && second && first.width === second.width) {
    return { kind, width: first.width, halves: [first.name, second.name] as const };
  }
  const whole = lowering.whole(input);
  const width = whole.width / 2;
  const [a = '', b = ''] = lowering.builder.split(whole.name, [width, width], `${output}/half`);
  return { kind, width, halves: [a, b] as const };
}

export const ACTIVATION_LOWERINGS = {
  activation: lowerPlain,
  gate: lowerGate,
} satisfies Partial<Lowerings>;
