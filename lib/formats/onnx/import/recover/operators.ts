/**
 * The effect of each operator of the plain form on forms. Nodes whose inputs are all numbers are evaluated instead.
 */

import type { Attribute, OnnxNode, Tensor } from '../model.js';
import { broadcastNumbers } from './broadcast.js';
import { type Form, sizeOf } from './form.js';
import { activate, addData, addTwo, multiplyForms, normForm, plainForm } from './layers.js';
import { concatForms, LAYOUT_OPERATORS, moveForm } from './layout.js';
import { chooseForms, scaleForm, withoutZeroTerms } from './linear-forms.js';
import { concrete, isLookup } from './lookups.js';
import { matMul } from './products.js';
import {
  divideByLength,
  lengthForm,
  maxForm,
  type Reduction,
  rootForm,
  squareForm,
  sumForm,
} from './reductions.js';
import { scoresOf } from './scores.js';
import { type Data, data, type Known, Unexplained, type Walk } from './walk.js';

/** Inputs of a node; null where an optional one is left out. */
export type Inputs = readonly (Known | null)[];
type Operator = (walk: Walk, node: OnnxNode, inputs: Inputs) => Known[];

/** Lower bounds below this never change a score. */
const LOW = -1e4;

function numberOf(value: Attribute | undefined, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}

function asForm(known: Known | null | undefined): Form {
  if (known?.kind === 'form') return known;
  throw new Unexplained('an operand is missing');
}

/** The numbers of an input; looked-up rows of a table are evaluated. */
function numbersOf(_walk: Walk, known: Known | null | undefined): Tensor | null {
  if (!known) return null;
  if (known.kind === 'data') return known.read();
  if (isLookup(known)) return concrete(known);
  throw new Unexplained('it is steered by an activation');
}

const add: Operator = (walk, _, [a, b]) => {
  if (a?.kind === 'form' && b?.kind === 'form') return [addTwo(walk, a, b)];
  if (a?.kind === 'form' && b) return [addData(walk, a, b as Data)];
  return [addData(walk, asForm(b), a as Data)];
};

const negative: Tensor = { dtype: 'float32', dims: [], data: Float32Array.of(-1) };

const subtract: Operator = (walk, node, [a, b]) => {
  const minus =
    b?.kind === 'form'
      ? scaleForm(b, negative)
      : data({ ...(numbersOf(walk, b) ?? negative), data: negated(numbersOf(walk, b)) });
  return add(walk, node, [a ?? null, minus]);
};

function negated(tensor: Tensor | null): Float32Array {
  return Float32Array.from(tensor?.data ?? [], (x) => -x);
}

const multiply: Operator = (walk, _, [a, b]) => {
  for (const [x, y] of [
    [a, b],
    [b, a],
  ] as const) {
    if (x?.kind === 'form' && y && (y.kind === 'data' || (isLookup(y) && !isLookup(x)))) {
      const tensor = numbersOf(walk, y);
      if (tensor) return [withoutZeroTerms(scaleForm(x, tensor))];
    }
  }
  const [left, right] = [asForm(a), asForm(b)];
  if (left === right) return [squareForm(walk, left)];
  return [multiplyForms(walk, left, right)];
};

const divide: Operator = (walk, _, [a, b]) => {
  const left = asForm(a);
  if (b?.kind === 'form' && !isLookup(b)) return [divideByLength(walk, left, b)];
  const tensor = numbersOf(walk, b);
  if (tensor === null) throw new Unexplained('it divides by nothing');
  const inverse = Float32Array.from(tensor.data, (x) => 1 / x);
  return [scaleForm(left, { dims: tensor.dims, data: inverse })];
};

const power: Operator = (walk, _, [a, b]) => {
  const exponent = numbersOf(walk, b);
  if (exponent?.data.length !== 1) throw new Unexplained('it raises to a power that is no number');
  const [value] = exponent.data;
  if (value === 2) return [squareForm(walk, asForm(a))];
  if (value === 0.5) return [rootForm(asForm(a))];
  throw new Unexplained(`it raises to the power ${value}`);
};

/** A lower bound of row lengths, or of scores: one far below every score changes nothing. */
const atLeast: Operator = (walk, _, inputs) => {
  const forms = inputs.filter((known) => known?.kind === 'form') as Form[];
  const [input, more] = forms;
  if (input === undefined || more !== undefined) throw new Unexplained('it compares activations');
  const kind = input.terms[0]?.basis.kind;
  for (const known of inputs) {
    if (known?.kind !== 'data') continue;
    const bound = broadcastNumbers(known.read(), known.dims);
    if (typeof bound !== 'number') throw new Unexplained('it bounds activations by numbers');
    if (kind === 'length' && bound <= 1e-3) walk.notes.add(`lengths are at least ${bound}`);
    else if (!(bound <= LOW)) throw new Unexplained(`it cuts activations at ${bound}`);
  }
  return [input];
};

const clip: Operator = (walk, node, [input, low, high]) => {
  const top = high ? (numbersOf(walk, high)?.data[0] ?? Number.POSITIVE_INFINITY) : null;
  if (top !== null && top < 1e30) throw new Unexplained(`it cuts activations at ${top}`);
  return atLeast(walk, node, [input ?? null, low ?? null]);
};

const choose: Operator = (walk, _, [condition, a, b]) => {
  const chosen = numbersOf(walk, condition);
  if (chosen === null) throw new Unexplained('it chooses by nothing');
  const part = (known: Known | null | undefined) =>
    known?.kind === 'form' ? known : (numbersOf(walk, known) as Tensor);
  return [withoutZeroTerms(chooseForms(chosen, part(a), part(b)))];
};

const softmax: Operator = (walk, node, [input]) => {
  const scores = asForm(input);
  const axis = numberOf(node.attributes.get('axis'), -1);
  const last = scores.dims.length - 1;
  if (axis !== -1 && axis !== last) {
    throw new Unexplained(`it normalises over axis ${axis}, which is not that of the keys`);
  }
  return [plainForm(scores.dims, { kind: 'softmax', scores: scoresOf(walk, scores) })];
};

const reduction = (walk: Walk, node: OnnxNode, axes: Known | null | undefined): Reduction => ({
  axes: numbersOf(walk, axes),
  keepDims: numberOf(node.attributes.get('keepdims'), 1) !== 0,
});

/** Flags of infinite or NaN elements. Scores are finite, so only a mask's addend can be either. */
const infinite: Operator = (_, { op }, [a, b]) => {
  const input = asForm(a?.kind === 'form' ? a : b);
  const other = a?.kind === 'data' ? a : b;
  const size = sizeOf(input.dims);
  const flags = new Uint8Array(size);
  const wanted = other?.kind === 'data' ? broadcastNumbers(other.read(), other.dims) : null;
  if (op === 'Equal' && (typeof wanted !== 'number' || Number.isFinite(wanted))) {
    throw new Unexplained('it compares an activation with numbers');
  }
  if (op !== 'IsNaN') {
    for (let e = 0; e < size; e++) {
      const added = input.constant?.[e] ?? 0;
      flags[e] = op === 'Equal' ? Number(added === wanted) : Number(!Number.isFinite(added));
    }
  }
  return [data({ dtype: 'bool', dims: input.dims, data: flags })];
};

const activation =
  (kind: Parameters<typeof activate>[1]): Operator =>
  (walk, _, [input]) => [activate(walk, kind, asForm(input))];

const OPERATORS: Readonly<Record<string, Operator>> = {
  Add: add,
  Sub: subtract,
  Mul: multiply,
  Div: divide,
  Pow: power,
  Max: atLeast,
  Clip: clip,
  Where: choose,
  Softmax: softmax,
  Neg: (_, __, [input]) => [scaleForm(asForm(input), negative)],
  Sqrt: (_, __, [input]) => [rootForm(asForm(input))],
  Equal: infinite,
  IsNaN: infinite,
  IsInf: infinite,
  Tanh: activation('tanh'),
  Relu: activation('relu'),
  Sigmoid: activation('sigmoid'),
  Gelu: (walk, node, [input]) => {
    const tanh = node.attributes.get('approximate') === 'tanh';
    return [activate(walk, tanh ? 'gelu_tanh' : 'gelu', asForm(input))];
  },
  // The only alpha of Swish in the plain form is 1.702.
  Swish: activation('quick_gelu'),
  LayerNormalization: (walk, node, inputs) => [
    normForm(walk, 'layer', numberOf(node.attributes.get('epsilon'), 1e-5), inputs),
  ],
  RMSNormalization: (walk, node, inputs) => [
    normForm(walk, 'rms', numberOf(node.attributes.get('epsilon'), 1e-5), inputs),
  ],
  MatMul: (walk, _, [a, b]) => {
    if (!a || !b) throw new Unexplained('an operand is missing');
    const known = (part: Known) =>
      part.kind === 'form' && isLookup(part) ? data(concrete(part)) : part;
    return [matMul(walk, a, known(b))];
  },
  ReduceSum: (walk, node, [input, axes]) => [
    sumForm(asForm(input), reduction(walk, node, axes), false),
  ],
  ReduceMean: (walk, node, [input, axes]) => [
    sumForm(asForm(input), reduction(walk, node, axes), true),
  ],
  ReduceMax: (walk, node, [input, axes]) => [
    maxForm(walk, asForm(input), reduction(walk, node, axes)),
  ],
  ReduceL2: (walk, node, [input, axes]) => [
    lengthForm(walk, asForm(input), reduction(walk, node, axes), true),
  ],
  ReduceSumSquare: (walk, node, [input, axes]) => [
    lengthForm(walk, asForm(input), reduction(walk, node, axes), false),
  ],
  Cast: (_, __, [input]) => [asForm(input)],
  Concat: (walk, node, inputs) => [
    concatForms(
      walk,
      node,
      inputs.map((known) => (known?.kind === 'form' ? known : (numbersOf(walk, known) as Tensor))),
    ),
  ],
  Shape: (_, node, [input]) => {
    const { dims } = asForm(input);
    const end = node.attributes.get('end');
    const sizes = dims.slice(
      numberOf(node.attributes.get('start'), 0),
      typeof end === 'number' ? end : undefined,
    );
    return [data({ dtype: 'int64', dims: [sizes.length], data: Float64Array.from(sizes) })];
  },
  Size: (_, __, [input]) => {
    const size = sizeOf(asForm(input).dims);
    return [data({ dtype: 'int64', dims: [], data: Float64Array.of(size) })];
  },
};

/** Applies a node with at least one form among its inputs. Throws Unexplained with the reason. */
export function applyToForms(walk: Walk, node: OnnxNode, inputs: Inputs): Known[] {
  const operator = node.domain === '' ? OPERATORS[node.op] : undefined;
  if (operator) return operator(walk, node, inputs);
  if (node.domain === '' && LAYOUT_OPERATORS.has(node.op)) {
    const [first, ...others] = inputs;
    const numbers = others.map((known) => numbersOf(walk, known));
    return moveForm(walk, node, asForm(first), numbers);
  }
  throw new Unexplained(reasonAgainst(node));
}

/** Attributes that an encoder's attention must not have, with their meaning for the message. */
const NOT_OURS: Readonly<Record<string, string>> = {
  is_causal: 'a decoder: a token sees only those before it',
  unidirectional: 'a decoder: a token sees only those before it',
  softcap: 'scores are bounded by a tanh, which the attention here does not compute',
  do_rotary: 'positions are rotated inside of it',
};

/** The reason why a node becomes no coarse operation. */
function reasonAgainst({ op, attributes }: OnnxNode): string {
  if (op === 'Conv') {
    return 'a convolution over tokens (DeBERTa has one where conv_kernel_size is above 0), which is not supported';
  }
  const set = Object.entries(NOT_OURS).filter(([name]) => {
    const value = attributes.get(name);
    return typeof value === 'number' && value !== 0;
  });
  const which = set.map(([name, why]) => `${name} ${attributes.get(name)} (${why})`).join(' and ');
  const [queries, keys] = ['q_num_heads', 'kv_num_heads'].map((name) => attributes.get(name));
  if (typeof queries === 'number' && typeof keys === 'number' && queries % keys !== 0) {
    return `its ${queries} heads of queries are no multiple of its ${keys} of keys`;
  }
  return which === '' ? 'no coarse operation is made of it' : `it has ${which}`;
}
