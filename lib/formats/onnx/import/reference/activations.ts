/**
 * Activation functions, alone and after adding a bias.
 *
 * erf is a series near zero and a continued fraction far from it: accurate to double precision, and independent of the code
 * that it checks.
 */

import type { Tensor } from '../model.js';
import type { Call, Operator, OperatorTable } from './call.js';
import { map, zip } from './elementwise.js';

/** The error function, to about 1e-15. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (a > 6) return Math.sign(x);
  if (a < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 200; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  // erfc(a) = exp(-a^2) / sqrt(pi) / (a + 1/2 / (a + 2/2 / (a + 3/2 / ...))), evaluated from the innermost term.
  let tail = a;
  for (let n = 60; n >= 1; n--) tail = a + n / 2 / tail;
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / tail);
}

export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

export function geluErf(x: number): number {
  return 0.5 * x * (1 + erf(x * Math.SQRT1_2));
}

export function geluTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
}

function activation(f: (x: number) => number): Operator {
  return (call) => map(call, call.input(0).dtype, call.input(0), f);
}

function withAlpha(alpha: number, f: (x: number, alpha: number) => number): Operator {
  return (call) => {
    const value = call.number('alpha', alpha);
    return map(call, call.input(0).dtype, call.input(0), (x) => f(x, value));
  };
}

/** Applies `f` to the first input plus the second one, if there is one. */
function biased(f: (x: number) => number): Operator {
  return (call) => {
    const input = call.input(0);
    const bias = call.optional(1);
    return map(call, input.dtype, bias ? add(call, input, bias) : input, f);
  };
}

function add(call: Call, a: Tensor, b: Tensor): Tensor {
  return zip(call, a.dtype, a, b, (x, y) => x + y);
}

const gelu: Operator = (call) =>
  activation(call.text('approximate', 'none') === 'tanh' ? geluTanh : geluErf)(call);

/** The function named by the attribute `activation` of a fused operator. */
export function activationByName(call: Call, name: string): (x: number) => number {
  const alpha = call.number('activation_alpha', 0.01);
  switch (name) {
    case '':
      return (x) => x;
    case 'Relu':
      return (x) => Math.max(x, 0);
    case 'LeakyRelu':
      return (x) => (x < 0 ? alpha * x : x);
    case 'Tanh':
      return Math.tanh;
    case 'Sigmoid':
      return sigmoid;
    default:
      throw call.unsupported(`activation ${name}`);
  }
}

export const ACTIVATIONS: OperatorTable = {
  Elu: withAlpha(1, (x, alpha) => (x < 0 ? alpha * Math.expm1(x) : x)),
  Erf: activation(erf),
  Gelu: gelu,
  HardSigmoid: (call) => {
    const beta = call.number('beta', 0.5);
    const alpha = call.number('alpha', Math.fround(0.2));
    return activation((x) => Math.min(Math.max(alpha * x + beta, 0), 1))(call);
  },
  HardSwish: activation((x) => x * Math.min(Math.max(x / 6 + 0.5, 0), 1)),
  LeakyRelu: withAlpha(0.01, (x, alpha) => (x < 0 ? alpha * x : x)),
  Mish: activation((x) => x * Math.tanh(Math.log1p(Math.exp(x)))),
  Relu: activation((x) => Math.max(x, 0)),
  Sigmoid: activation(sigmoid),
  Softplus: activation((x) => (x > 30 ? x : Math.log1p(Math.exp(x)))),
  Softsign: activation((x) => x / (1 + Math.abs(x))),
  Swish: withAlpha(1, (x, alpha) => x * sigmoid(alpha * x)),
  Tanh: activation(Math.tanh),
};

export const MS_ACTIVATIONS: OperatorTable = {
  BiasGelu: biased(geluErf),
  FastGelu: biased(geluTanh),
  Gelu: activation(geluErf),
  QuickGelu: withAlpha(1.702, (x, alpha) => x * sigmoid(alpha * x)),
};
