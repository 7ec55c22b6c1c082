/**
 * Spellings of GELU, quick GELU and SiLU, decomposed or fused, as Gelu, Swish(1.702) and Mul(x, Sigmoid(x)).
 *
 * Decomposed ones are recognised as polynomials in x and erf, tanh or sigmoid of a polynomial in x.
 */

import type { Attribute, OnnxNode } from '../../model.js';
import { numberOf, stringOf } from '../attributes.js';
import { arithmeticInputs, isPolynomial, polynomialOf } from '../polynomial.js';
import type { Rule, Writer } from '../rule.js';

interface Form {
  readonly function: 'Erf' | 'Tanh' | 'Sigmoid';
  /** Coefficients of the function's argument as a polynomial in x. */
  readonly argument: Readonly<Record<string, number>>;
  /** Coefficients of the result as a polynomial in x and the function's value. */
  readonly result: Readonly<Record<string, number>>;
  readonly operator: 'Gelu' | 'Swish';
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** Quick GELU is x sigmoid(1.702 x). */
const QUICK = 1.702;

const ROOT = Math.sqrt(2 / Math.PI);
const HALVES = { '1,0': 0.5, '1,1': 0.5 };
const GELU = { operator: 'Gelu', attributes: { approximate: 'none' } } as const;
const GELU_TANH = { operator: 'Gelu', attributes: { approximate: 'tanh' } } as const;
const FORMS: readonly Form[] = [
  { function: 'Erf', argument: { '1,0': Math.SQRT1_2 }, result: HALVES, ...GELU },
  {
    function: 'Tanh',
    argument: { '1,0': ROOT, '3,0': 0.044715 * ROOT },
    result: HALVES,
    ...GELU_TANH,
  },
  {
    function: 'Sigmoid',
    argument: { '1,0': 2 * ROOT, '3,0': 2 * 0.044715 * ROOT },
    result: { '1,1': 1 },
    ...GELU_TANH,
  },
  {
    function: 'Sigmoid',
    argument: { '1,0': QUICK },
    result: { '1,1': 1 },
    operator: 'Swish',
    attributes: { alpha: QUICK },
  },
];

/** Nodes with such a function whose value `root` may be computed from by arithmetic. */
function functionsBelow(root: OnnxNode, write: Writer): OnnxNode[] {
  const { graph } = write;
  const names = root.inputs.flatMap((input) => arithmeticInputs(graph, input, 3));
  const nodes = names.map((name) => graph.producer(name));
  return [...new Set(nodes)].filter(
    (node): node is OnnxNode =>
      node !== null && node.domain === '' && FORMS.some((form) => form.function === node.op),
  );
}

const geluArithmetic: Rule = {
  name: 'gelu-arithmetic',
  matches:
    'x / 2 (1 + erf(x / sqrt 2)), x / 2 (1 + tanh(..)), x sigmoid(..) in any order of operations',
  writes: 'Gelu; Swish(1.702) for x sigmoid(1.702 x)',
  roots: ['Mul', 'Add', 'Div'],
  rewrite(node, write) {
    const { graph } = write;
    const output = node.outputs[0] ?? '';
    for (const inner of functionsBelow(node, write)) {
      const t = graph.resolve(inner.outputs[0] ?? '');
      const argument = graph.input(inner, 0);
      for (const x of arithmeticInputs(graph, argument, 6)) {
        const p = polynomialOf(graph, argument, x);
        const form = FORMS.find((f) => f.function === inner.op && isPolynomial(p, f.argument));
        if (form === undefined) continue;
        const q = polynomialOf(graph, write.root(), x, t);
        if (!isPolynomial(q, form.result)) continue;
        return write.into(output, form.operator, [x], form.attributes);
      }
    }
    return false;
  },
};

const fusedGelu: Rule = {
  name: 'fused-gelu',
  matches: 'com.microsoft Gelu, BiasGelu, FastGelu',
  writes: 'Add of the bias, Gelu',
  roots: ['Gelu', 'BiasGelu', 'FastGelu'].map((op) => `com.microsoft::${op}`),
  rewrite(node, write) {
    const [x, bias] = [write.graph.input(node, 0), write.graph.input(node, 1)];
    const sum = bias === '' ? x : write.op('Add', [x, bias]);
    const approximate = node.op === 'FastGelu' ? 'tanh' : 'none';
    return write.into(node.outputs[0] ?? '', 'Gelu', [sum], { approximate });
  },
};

const geluDefault: Rule = {
  name: 'gelu-default',
  matches: 'Gelu whose `approximate` is left out',
  writes: "Gelu(approximate 'none')",
  roots: ['Gelu'],
  rewrite(node, write) {
    if (node.attributes.has('approximate')) return false;
    return write.into(node.outputs[0] ?? '', 'Gelu', [write.graph.input(node, 0)], {
      approximate: stringOf(node, 'approximate', 'none'),
    });
  },
};

const quickGelu: Rule = {
  name: 'quick-gelu',
  matches: 'com.microsoft QuickGelu; Swish (opset 24) with another alpha than 1.702',
  writes: 'Mul(x, Sigmoid(alpha x)), which is SiLU for alpha 1 and Swish(1.702) for alpha 1.702',
  roots: ['com.microsoft::QuickGelu', 'Swish'],
  rewrite(node, write) {
    const x = write.graph.input(node, 0);
    const alpha = numberOf(node, 'alpha', node.op === 'Swish' ? 1 : QUICK);
    if (node.op === 'Swish' && alpha === QUICK) return false;
    const inside = alpha === 1 ? x : write.op('Mul', [x, write.scalar(alpha)]);
    const gate = write.op('Sigmoid', [inside]);
    return write.into(node.outputs[0] ?? '', 'Mul', [x, gate]);
  },
};

export const ACTIVATION_RULES: readonly Rule[] = [
  fusedGelu,
  geluDefault,
  quickGelu,
  geluArithmetic,
];
