/**
 * Bounds of a value's numbers, from the nodes that compute it: softmax gives 0 to 1, GELU nothing below -0.17.
 *
 * Only certain bounds are given; everything else may be any number. They decide whether the end of a quantizer's range cuts
 * numbers off or lies where none occur.
 */

import type { Initializer, OnnxNode } from '../model.js';
import { numberOf, operatorOf } from './attributes.js';
import { codeRange } from './code-range.js';
import type { Draft } from './draft.js';
import { MOVES } from './moves.js';

export type ValueRange = readonly [low: number, high: number];

const ANY: ValueRange = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
const POSITIVE: ValueRange = [0, Number.POSITIVE_INFINITY];
const UNIT: ValueRange = [0, 1];
const SIGNED: ValueRange = [-1, 1];
const MAX_STEPS = 24;

/** Just below the minimum of SiLU, -0.27847; that of x sigmoid(alpha x) is divided by alpha. */
const SILU_LOWEST = -0.2785;

/** Bounds of operators whatever their operands are. The minimum of GELU is -0.16998. */
const FIXED: Readonly<Record<string, ValueRange>> = {
  Abs: POSITIVE,
  Cos: SIGNED,
  Erf: SIGNED,
  Exp: POSITIVE,
  Gelu: [-0.17005, Number.POSITIVE_INFINITY],
  HardSigmoid: UNIT,
  ReduceL1: POSITIVE,
  ReduceL2: POSITIVE,
  ReduceSumSquare: POSITIVE,
  Relu: POSITIVE,
  Sigmoid: UNIT,
  Sin: SIGNED,
  Softmax: UNIT,
  Softplus: POSITIVE,
  Sqrt: POSITIVE,
  Tanh: SIGNED,
};

/** Operators whose results are numbers of the first operand, or lie between them. */
const PASSING: ReadonlySet<string> = new Set([
  ...MOVES,
  'Cast',
  'Dropout',
  'ReduceMax',
  'ReduceMean',
  'ReduceMin',
  'Split',
  'Tile',
]);

/** Lowest and highest number that `name` may hold. */
export function rangeOf(graph: Draft, name: string): ValueRange {
  return new Ranges(graph).of(name, 0);
}

class Ranges {
  private readonly known = new Map<string, ValueRange>();

  constructor(private readonly graph: Draft) {}

  of(name: string, steps: number): ValueRange {
    const value = this.graph.resolve(name);
    const known = this.known.get(value);
    if (known !== undefined) return known;
    if (steps > MAX_STEPS) return ANY;
    const made = this.make(value, steps + 1);
    const sound = made.some(Number.isNaN) ? ANY : made;
    this.known.set(value, sound);
    return sound;
  }

  private make(value: string, steps: number): ValueRange {
    const initializer = this.graph.initializer(value);
    if (initializer !== null) return this.constant(initializer);
    const node = this.graph.producer(value);
    // Integer inputs of the graph are ids, masks and positions.
    if (node === null) return isInteger(this.graph.fact(value).dtype) ? POSITIVE : ANY;
    const inputs = (index: number) => this.of(this.graph.input(node, index), steps);
    const operator = operatorOf(node);
    if (PASSING.has(operator)) return inputs(0);
    const fixed = FIXED[operator];
    if (fixed !== undefined) return fixed;
    return this.arithmetic(node, inputs) ?? this.choice(node, inputs) ?? ANY;
  }

  private constant({ name, dtype }: Initializer): ValueRange {
    const numbers = this.graph.small(name);
    if (numbers === null || numbers.length === 0) return dtype.startsWith('u') ? POSITIVE : ANY;
    return [Math.min(...numbers), Math.max(...numbers)];
  }

  private arithmetic(node: OnnxNode, inputs: (index: number) => ValueRange): ValueRange | null {
    const { graph } = this;
    switch (operatorOf(node)) {
      case 'Add':
        return pairs(inputs(0), inputs(1), (a, b) => a + b);
      case 'Sub':
        return pairs(inputs(0), inputs(1), (a, b) => a - b);
      case 'Swish': {
        const alpha = numberOf(node, 'alpha', 1);
        return alpha > 0 ? [SILU_LOWEST / alpha, Number.POSITIVE_INFINITY] : null;
      }
      case 'Neg':
        return [-inputs(0)[1], -inputs(0)[0]];
      case 'Mul':
        if (graph.input(node, 0) === graph.input(node, 1)) return POSITIVE;
        return pairs(inputs(0), inputs(1), times);
      case 'Div': {
        const [low, high] = inputs(1);
        if (low < 0) return null;
        return pairs(inputs(0), [1 / high, low === 0 ? Number.POSITIVE_INFINITY : 1 / low], times);
      }
      case 'Reciprocal':
        return inputs(0)[0] >= 0 ? POSITIVE : null;
      case 'Pow': {
        const exponent = graph.scalar(graph.input(node, 1));
        const isPositive = inputs(0)[0] >= 0 || (exponent !== null && exponent % 2 === 0);
        return isPositive ? POSITIVE : null;
      }
      case 'MatMul':
      case 'ReduceSum': {
        const operands = operatorOf(node) === 'MatMul' ? [inputs(0), inputs(1)] : [inputs(0)];
        return operands.every(([low]) => low >= 0) ? POSITIVE : null;
      }
      default:
        return null;
    }
  }

  private choice(node: OnnxNode, inputs: (index: number) => ValueRange): ValueRange | null {
    const all = (from: number) => node.inputs.slice(from).map((_, index) => inputs(index + from));
    const end = (index: number, otherwise: ValueRange) =>
      this.graph.input(node, index) === '' ? otherwise : inputs(index);
    switch (operatorOf(node)) {
      case 'Concat':
        return hull(all(0));
      case 'Where':
        return hull(all(1));
      case 'Max':
        return [Math.max(...all(0).map(([low]) => low)), hull(all(0))[1]];
      case 'Min':
        return [hull(all(0))[0], Math.min(...all(0).map(([, high]) => high))];
      case 'Clip': {
        const [low, high] = [end(1, ANY)[0], end(2, ANY)[1]];
        const cut = (x: number) => Math.min(Math.max(x, low), high);
        return [cut(inputs(0)[0]), cut(inputs(0)[1])];
      }
      case 'QuantizeLinear': {
        const range = codeRange(this.graph, node);
        if (range === null) return null;
        return [Math.max(inputs(0)[0], range.low), Math.min(inputs(0)[1], range.high)];
      }
      case 'DequantizeLinear':
        return this.dequantized(node, inputs);
      default:
        return null;
    }
  }

  /**
   * Bounds of dequantized numbers: those of the quantizer's input if both have the same step, also through operators that
   * move elements.
   */
  private dequantized(node: OnnxNode, inputs: (index: number) => ValueRange): ValueRange | null {
    const { graph } = this;
    let source = graph.producer(graph.input(node, 0));
    while (source !== null && MOVES.has(operatorOf(source))) {
      source = graph.producer(graph.input(source, 0));
    }
    if (source === null || operatorOf(source) !== 'QuantizeLinear') return null;
    const step = graph.scalar(graph.input(node, 1));
    const same = step !== null && step === graph.scalar(graph.input(source, 1));
    return same ? inputs(0) : null;
  }
}

function isInteger(dtype: string | null): boolean {
  return dtype !== null && /^u?int|^bool/.test(dtype);
}

function times(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : a * b;
}

function pairs(a: ValueRange, b: ValueRange, f: (x: number, y: number) => number): ValueRange {
  const ends = a.flatMap((x) => b.map((y) => f(x, y)));
  return [Math.min(...ends), Math.max(...ends)];
}

function hull(ranges: readonly ValueRange[]): ValueRange {
  return [Math.min(...ranges.map(([low]) => low)), Math.max(...ranges.map(([, high]) => high))];
}
