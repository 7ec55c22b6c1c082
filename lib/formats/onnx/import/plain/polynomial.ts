/**
 * Recognises arithmetic as a polynomial in one or two given values.
 *
 * `0.5 * x * (1 + t)`, `x * (t * 0.5 + 0.5)` and `(x + x * t) / 2` are the same polynomial, so rules need one form for all
 * spellings of an activation.
 */

import type { Draft } from './draft.js';

/** Coefficient of x^i t^j under the key `i,j`. */
export type Polynomial = ReadonlyMap<string, number>;

const MAX_NODES = 24;
const MAX_DEGREE = 6;

function monomial(i: number, j: number, coefficient: number): Polynomial {
  return new Map([[`${i},${j}`, coefficient]]);
}

function sum(a: Polynomial, b: Polynomial, sign: number): Polynomial {
  const result = new Map(a);
  for (const [key, value] of b) result.set(key, (result.get(key) ?? 0) + sign * value);
  return result;
}

function product(a: Polynomial, b: Polynomial): Polynomial | null {
  const result = new Map<string, number>();
  for (const [left, x] of a) {
    const [i = 0, j = 0] = left.split(',').map(Number);
    for (const [right, y] of b) {
      const [k = 0, l = 0] = right.split(',').map(Number);
      if (i + k > MAX_DEGREE || j + l > MAX_DEGREE) return null;
      const key = `${i + k},${j + l}`;
      result.set(key, (result.get(key) ?? 0) + x * y);
    }
  }
  return result;
}

function constantOf(p: Polynomial): number | null {
  const used = [...p].filter(([, value]) => value !== 0);
  if (used.length === 0) return 0;
  return used.length === 1 && used[0]?.[0] === '0,0' ? used[0][1] : null;
}

function power(base: Polynomial, exponent: number | null): Polynomial | null {
  if (exponent === null || !Number.isInteger(exponent) || exponent < 0 || exponent > MAX_DEGREE)
    return null;
  let result: Polynomial | null = monomial(0, 0, 1);
  for (let i = 0; i < exponent && result !== null; i++) result = product(result, base);
  return result;
}

/** `value` as a polynomial in x and t (t = '' for x alone); null when it is none. */
export function polynomialOf(graph: Draft, value: string, x: string, t = ''): Polynomial | null {
  let nodes = 0;
  const known = new Map<string, Polynomial | null>();
  const visit = (name: string): Polynomial | null => {
    if (name === x) return monomial(1, 0, 1);
    if (name === t) return monomial(0, 1, 1);
    const scalar = graph.scalar(name);
    if (scalar !== null) return monomial(0, 0, scalar);
    const earlier = known.get(name);
    if (earlier !== undefined) return earlier;
    nodes += 1;
    const result = nodes > MAX_NODES ? null : combine(name);
    known.set(name, result);
    return result;
  };
  const combine = (name: string): Polynomial | null => {
    const node = graph.producer(name);
    if (node === null || node.domain !== '') return null;
    const side = (index: number): Polynomial | null => {
      const input = graph.input(node, index);
      return input === '' ? null : visit(input);
    };
    if (!['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Neg'].includes(node.op)) return null;
    const a = side(0);
    if (a === null) return null;
    if (node.op === 'Neg') return sum(new Map(), a, -1);
    const b = side(1);
    if (b === null) return null;
    if (node.op === 'Add' || node.op === 'Sub') return sum(a, b, node.op === 'Add' ? 1 : -1);
    if (node.op === 'Mul') return product(a, b);
    const constant = constantOf(b);
    if (node.op === 'Pow') return power(a, constant);
    return constant === null || constant === 0 ? null : product(a, monomial(0, 0, 1 / constant));
  };
  return visit(graph.resolve(value));
}

/** Whether coefficients agree within 1 in 1,000: constants of float16 graphs have three digits. */
export function isPolynomial(
  p: Polynomial | null,
  wanted: Readonly<Record<string, number>>,
): boolean {
  if (p === null) return false;
  const keys = new Set([...p.keys(), ...Object.keys(wanted)]);
  return [...keys].every((key) => {
    const want = wanted[key] ?? 0;
    const got = p.get(key) ?? 0;
    return want === 0 ? Math.abs(got) < 1e-6 : Math.abs(got / want - 1) < 1e-3;
  });
}

/** Values from which arithmetic leads to `from`, nearest first: candidates for x. */
export function arithmeticInputs(graph: Draft, from: string, depth: number): string[] {
  const found = new Set<string>();
  let layer = [graph.resolve(from)];
  for (let level = 0; level <= depth && layer.length > 0; level++) {
    const next: string[] = [];
    for (const name of layer) {
      if (found.has(name) || graph.scalar(name) !== null) continue;
      found.add(name);
      const node = graph.producer(name);
      if (node === null || !['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Neg'].includes(node.op)) continue;
      next.push(...node.inputs.map((input) => graph.resolve(input)));
    }
    layer = next;
  }
  return [...found];
}
