/**
 * Activation functions as standard operators.
 *
 * GELU became one operator in opset 20; before that it is written out in the form that runtimes recognise.
 */

import type { ActivationKind } from '../../graph/types.js';
import type { ModelBuilder } from './model-builder.js';

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
  if (builder.opset >= 20) {
    const approximate = { string: kind === 'gelu' ? 'none' : 'tanh' };
    return builder.node('Gelu', [input], output, { approximate });
  }
  const step = (op: string, inputs: string[], name: string): string =>
    builder.node(op, inputs, builder.fresh(`${prefix}/gelu_${name}`));
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
