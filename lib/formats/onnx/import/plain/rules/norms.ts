/**
 * Spellings of layer norm and RMS norm, decomposed or fused, as LayerNormalization and RMSNormalization.
 *
 * A decomposed one is recognised by its quotient: (x - mean x) / sqrt(mean((x - mean x)^2) + epsilon); without the mean it
 * is the RMS norm. Scale and bias become initializers [width].
 */

import type { OnnxNode } from '../../model.js';
import { numberOf, numbersOf, operatorOf } from '../attributes.js';
import { deriveReshaped } from '../derive.js';
import type { Draft } from '../draft.js';
import type { Rule, Writer } from '../rule.js';

interface Quotient {
  readonly kind: 'layer' | 'rms';
  readonly x: string;
  readonly epsilon: number;
}

function operands(graph: Draft, name: string, op: string): [string, string] | null {
  const node = graph.producer(name);
  if (node === null || operatorOf(node) !== op) return null;
  return [graph.input(node, 0), graph.input(node, 1)];
}

function both([a, b]: [string, string]): readonly [string, string][] {
  return [
    [a, b],
    [b, a],
  ];
}

/** x where `name` is the mean of x over the last axis, with keepdims. */
function meanOf(graph: Draft, name: string): string | null {
  const node = graph.producer(name);
  if (node === null || operatorOf(node) !== 'ReduceMean' || numberOf(node, 'keepdims', 1) === 0)
    return null;
  const x = graph.input(node, 0);
  const given = graph.input(node, 1);
  const axes = numbersOf(node, 'axes') ?? (given === '' ? null : graph.small(given));
  const rank = graph.rank(x);
  const last = axes?.length === 1 && (axes[0] === -1 || (rank !== null && axes[0] === rank - 1));
  return last ? x : null;
}

/** x where `name` is x * x. */
function squareOf(graph: Draft, name: string): string | null {
  const power = operands(graph, name, 'Pow');
  if (power !== null) return graph.scalar(power[1]) === 2 ? power[0] : null;
  const product = operands(graph, name, 'Mul');
  return product !== null && product[0] === product[1] ? product[0] : null;
}

/** x where `name` is sqrt(x). */
function rootOf(graph: Draft, name: string): string | null {
  const node = graph.producer(name);
  if (node !== null && operatorOf(node) === 'Sqrt') return graph.input(node, 0);
  const power = operands(graph, name, 'Pow');
  return power !== null && graph.scalar(power[1]) === 0.5 ? power[0] : null;
}

/** x where `name` is 1 / sqrt(x). */
function inverseRootOf(graph: Draft, name: string): string | null {
  const node = graph.producer(name);
  if (node !== null && operatorOf(node) === 'Reciprocal')
    return rootOf(graph, graph.input(node, 0));
  const quotient = operands(graph, name, 'Div');
  if (quotient !== null && graph.scalar(quotient[0]) === 1) return rootOf(graph, quotient[1]);
  const power = operands(graph, name, 'Pow');
  return power !== null && graph.scalar(power[1]) === -0.5 ? power[0] : null;
}

/** d and epsilon where `name` = mean(d * d) + epsilon; epsilon may be missing. */
function variance(graph: Draft, name: string): { d: string; epsilon: number } | null {
  const sum = operands(graph, name, 'Add');
  const candidates: [string, number | null][] =
    sum === null
      ? [[name, 0]]
      : both(sum).map(([mean, constant]) => [mean, graph.scalar(constant)]);
  for (const [mean, epsilon] of candidates) {
    const square = meanOf(graph, mean);
    const d = square === null ? null : squareOf(graph, square);
    if (epsilon !== null && d !== null) return { d, epsilon };
  }
  return null;
}

/** x where `name` is x - mean(x). */
function centredOf(graph: Draft, name: string): string | null {
  const parts = operands(graph, name, 'Sub');
  return parts !== null && meanOf(graph, parts[1]) === parts[0] ? parts[0] : null;
}

function quotientOf(graph: Draft, name: string): Quotient | null {
  const division = operands(graph, name, 'Div');
  const product = operands(graph, name, 'Mul');
  const pairs: [string, string | null][] = [];
  if (division !== null) pairs.push([division[0], rootOf(graph, division[1])]);
  if (product !== null) {
    for (const [d, inverse] of both(product)) pairs.push([d, inverseRootOf(graph, inverse)]);
  }
  for (const [d, root] of pairs) {
    const spread = root === null ? null : variance(graph, root);
    if (spread === null || spread.d !== d) continue;
    const x = centredOf(graph, d);
    if (x !== null) return { kind: 'layer', x, epsilon: spread.epsilon };
    return { kind: 'rms', x: d, epsilon: spread.epsilon };
  }
  return null;
}

/** An initializer [width] for a constant that acts along the last axis; null for anything else, also for a single number. */
function vector(graph: Draft, name: string): string | null {
  const constant = graph.initializer(name);
  const width = constant?.dims.at(-1);
  if (constant === null || width === undefined || width === 1) return null;
  if (!constant.dims.slice(0, -1).every((length) => length === 1)) return null;
  return constant.dims.length === 1 ? constant.name : deriveReshaped(graph, constant, [width]);
}

const OPERATOR = { layer: 'LayerNormalization', rms: 'RMSNormalization' } as const;

/** Writes the norm; false where scale and bias have different widths. */
function writeNorm(
  write: Writer,
  node: OnnxNode,
  found: Quotient,
  scale: string,
  bias: string,
): boolean {
  const widths = [scale, bias].flatMap((name) => write.graph.initializer(name)?.dims[0] ?? []);
  if (new Set(widths).size !== 1) return false;
  return write.into(node.outputs[0] ?? '', OPERATOR[found.kind], [found.x, scale, bias], {
    axis: -1,
    epsilon: found.epsilon,
  });
}

function scaledQuotient(graph: Draft, name: string): { found: Quotient; scale: string } | null {
  const parts = operands(graph, name, 'Mul');
  if (parts === null) return null;
  for (const [quotient, factor] of both(parts)) {
    const scale = vector(graph, factor);
    const found = scale === null ? null : quotientOf(graph, quotient);
    if (scale !== null && found !== null) return { found, scale };
  }
  return null;
}

const withBias: Rule = {
  name: 'layer-norm-arithmetic',
  matches:
    '(x - mean) / sqrt(variance + epsilon) * scale + bias, from ReduceMean, Sub, Pow or Mul, Sqrt, Div or Reciprocal',
  writes: 'LayerNormalization',
  roots: ['Add'],
  rewrite(node, write) {
    const { graph } = write;
    for (const [product, constant] of both([graph.input(node, 0), graph.input(node, 1)])) {
      const bias = graph.initializer(constant) === null ? null : vector(graph, constant);
      const scaled = bias === null ? null : scaledQuotient(graph, product);
      if (bias === null || scaled?.found.kind !== 'layer') continue;
      return writeNorm(write, node, scaled.found, scaled.scale, bias);
    }
    return false;
  },
};

const withoutBias: Rule = {
  name: 'norm-arithmetic-without-bias',
  matches: '(x - mean) / sqrt(variance + epsilon) * scale; x / sqrt(mean(x^2) + epsilon) * scale',
  writes: 'LayerNormalization, RMSNormalization',
  roots: ['Mul'],
  rewrite(node, write) {
    const scaled = scaledQuotient(write.graph, write.root());
    return scaled !== null && writeNorm(write, node, scaled.found, scaled.scale, '');
  },
};

const bare: Rule = {
  name: 'layer-norm-arithmetic-bare',
  matches: '(x - mean) / sqrt(variance + epsilon) of a known width, without scale and bias',
  writes: 'LayerNormalization with a scale of ones',
  roots: ['Div', 'Mul'],
  rewrite(node, write) {
    const found = quotientOf(write.graph, write.root());
    const width = found === null ? null : (write.graph.fact(found.x).dims?.at(-1) ?? null);
    if (found?.kind !== 'layer' || width === null) return false;
    const ones = new Float32Array(width).fill(1);
    const scale = write.tensor({ dtype: 'float32', dims: [width], data: ones });
    return writeNorm(write, node, found, scale, '');
  },
};

/** x * s + (bias - mean * s) with s = scale / sqrt(variance + epsilon): TensorFlow's spelling. */
const moments: Rule = {
  name: 'layer-norm-moments',
  matches:
    'x s + (bias - mean s) with s = scale / sqrt(variance + epsilon), as TensorFlow exporters write it',
  writes: 'LayerNormalization',
  roots: ['Add'],
  rewrite(node, write) {
    const { graph } = write;
    for (const [first, second] of both([graph.input(node, 0), graph.input(node, 1)])) {
      const product = operands(graph, first, 'Mul');
      const rest = operands(graph, second, 'Sub');
      if (product === null || rest === null) continue;
      const bias = vector(graph, rest[0]);
      for (const [x, s] of both(product)) {
        const meanTimes = operands(graph, rest[1], 'Mul');
        const mean = meanTimes && both(meanTimes).find(([, factor]) => factor === s)?.[0];
        if (bias === null || mean === null || mean === undefined || meanOf(graph, mean) !== x)
          continue;
        const factors = operands(graph, s, 'Mul');
        for (const [inverse, factor] of factors === null ? [] : both(factors)) {
          const scale = vector(graph, factor);
          const root = inverseRootOf(graph, inverse);
          const spread = root === null ? null : variance(graph, root);
          if (scale === null || spread === null || centredOf(graph, spread.d) !== x) continue;
          return writeNorm(write, node, { kind: 'layer', x, epsilon: spread.epsilon }, scale, bias);
        }
      }
    }
    return false;
  },
};

const normDefaults: Rule = {
  name: 'norm-attributes',
  matches:
    'LayerNormalization, RMSNormalization over the last axis with default, positive or extra attributes; SimplifiedLayerNormalization',
  writes: 'axis -1 and epsilon written',
  roots: [
    ...['LayerNormalization', 'RMSNormalization', 'SimplifiedLayerNormalization'],
    ...['com.microsoft::LayerNormalization', 'com.microsoft::SimplifiedLayerNormalization'],
  ],
  rewrite(node, write) {
    const { graph } = write;
    const axis = numberOf(node, 'axis', -1);
    const rank = graph.rank(graph.input(node, 0));
    const last = axis === -1 || (rank !== null && axis === rank - 1);
    if (!last || node.outputs.slice(1).some((output) => graph.isRead(output))) return false;
    const op = node.op === 'LayerNormalization' ? node.op : 'RMSNormalization';
    const [scale, bias] = [graph.input(node, 1), graph.input(node, 2)];
    const epsilon = numberOf(node, 'epsilon', 1e-5);
    const plain = node.domain === '' && node.op === op && node.attributes.size === 2;
    if (plain && axis === -1 && node.attributes.has('axis') && node.attributes.has('epsilon'))
      return false;
    return write.into(node.outputs[0] ?? '', op, [graph.input(node, 0), scale, bias], {
      axis: -1,
      epsilon,
    });
  },
};

const skipNorm: Rule = {
  name: 'skip-layer-norm',
  matches: 'com.microsoft SkipLayerNormalization, SkipSimplifiedLayerNormalization',
  writes: 'Add, LayerNormalization or RMSNormalization',
  roots: ['SkipLayerNormalization', 'SkipSimplifiedLayerNormalization'].map(
    (op) => `com.microsoft::${op}`,
  ),
  rewrite(node, write) {
    const { graph } = write;
    if ([1, 2].some((index) => graph.isRead(node.outputs[index] ?? ''))) return false;
    const simplified = node.op === 'SkipSimplifiedLayerNormalization';
    const [x = '', skip = '', scale = '', fourth = '', fifth = ''] = [0, 1, 2, 3, 4].map((i) =>
      graph.input(node, i),
    );
    const [beta, bias] = simplified ? ['', fourth] : [fourth, fifth];
    const total = node.outputs[3] ?? '';
    const biased = bias === '' ? x : write.op('Add', [x, bias]);
    const sum = graph.isRead(total) ? total : graph.freshName(node.outputs[0] ?? 'sum');
    write.into(sum, 'Add', [biased, skip]);
    return write.into(
      node.outputs[0] ?? '',
      simplified ? 'RMSNormalization' : 'LayerNormalization',
      [sum, scale, beta],
      { axis: -1, epsilon: numberOf(node, 'epsilon', 1e-12) },
    );
  },
};

export const NORM_RULES: readonly Rule[] = [
  skipNorm,
  normDefaults,
  withBias,
  moments,
  withoutBias,
  bare,
];
