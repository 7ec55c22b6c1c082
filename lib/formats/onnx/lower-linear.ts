/**
 * Linear layers as standard operators, in the arithmetic that the options ask for.
 *
 * Stacked weights become one product each: ONNX Runtime runs that as fast as one product and a Split, and the constants keep
 * the names of the weights.
 */

import type { LowRankAdapter } from '../../graph/ops/linear.js';
import type { NodeOf } from '../../graph/ops.js';
import type { ActivationKind, LinearNode } from '../../graph/types.js';
import { lowerActivation } from './lower-activation.js';
import { blockProduct } from './lower-blocks.js';
import { integerProduct } from './lower-integer.js';
import { staticProduct } from './lower-static.js';
import type { Lowering, Lowerings, Whole } from './lowering.js';
import type { FloatType } from './proto.js';

function lowerLinear(lowering: Lowering, node: LinearNode): void {
  const { kind } = lowering.value(node.input);
  const type = node.activation === 'none' ? lowering.typeOf(kind) : lowering.builder.floatType;
  const input = equalized(lowering, node, type);
  const split = node.weights.length > 1;
  const parts = node.weights.map((weight, index) => {
    const { rows } = lowering.weights.spec(weight, 2);
    const prefix = split ? `${node.output}.${index}` : node.output;
    const last = (): string =>
      split ? lowering.builder.fresh(prefix) : lowering.nameOf(node.output, type);
    const bias = node.biases[index];
    const adapter = node.adapters?.find(({ member }) => member === index);
    const plain = bias === undefined && node.activation === 'none' && adapter === undefined;
    const product = plain ? last() : lowering.builder.fresh(`${prefix}/product`);
    lowerProduct(lowering, node, input, weight, product, type);
    if (plain) return { name: product, width: rows };
    const vector = bias && lowering.constantAs(lowering.weights.vector(bias), type);
    const isLast = vector === undefined && node.activation === 'none';
    const whole =
      adapter === undefined
        ? product
        : addAdapter(lowering, node, adapter, product, type, isLast ? last() : undefined);
    const sum = isLast ? whole : addBias(lowering, whole, vector, node.activation, prefix, last);
    const name =
      node.activation === 'none'
        ? sum
        : lowerActivation(lowering.builder, node.activation, sum, prefix, last());
    return { name, width: rows };
  });
  lowering.setParts(node.output, input.kind, parts, type);
  if (split) joinOutput(lowering, node.output, type);
}

/** Joins the parts of a value that the graph gives out. */
function joinOutput(lowering: Lowering, output: string, type: FloatType): void {
  if (!lowering.isOutput(output)) return;
  const { kind, parts } = lowering.value(output);
  const name = lowering.nameOf(output, type);
  lowering.builder.concat(
    parts.map((part) => part.name),
    name,
  );
  const width = parts.reduce((sum, part) => sum + part.width, 0);
  lowering.set(output, kind, name, width, type);
}

/**
 * Writes product = input W^T in the arithmetic of the file. Products with a sequence value as input are float unless their
 * weights are s8.
 */
function lowerProduct(
  lowering: Lowering,
  node: LinearNode,
  input: Whole,
  weight: string,
  product: string,
  type: FloatType,
): void {
  const { builder, products, weights } = lowering;
  const integers = weights.spec(weight, 2).dtype === 's8';
  if (products.kind === 'dynamic' && integers) {
    integerProduct(lowering, products, input.name, weight, product, node.activationBits);
  } else if (products.kind === 'static' && integers) {
    staticProduct(lowering, products, node, input, weight, product);
  } else if (products.kind === 'blocks' && input.kind !== 'sequence' && !weights.isTied(weight)) {
    blockProduct(lowering, products, input.name, weight, product);
  } else {
    const matrix = lowering.constantAs(weights.matrix(weight), type);
    builder.node('MatMul', [input.name, matrix], product);
  }
}

/** product + scale * (x A^T) B^T, under this name or a new one. */
function addAdapter(
  lowering: Lowering,
  { input, adapterInput = input, output }: LinearNode,
  { a, b, scale }: LowRankAdapter,
  product: string,
  type: FloatType,
  name: string | undefined,
): string {
  const { builder, weights } = lowering;
  const x = lowering.whole(adapterInput, type).name;
  const matrix = (name: string) => lowering.constantAs(weights.matrix(name), type);
  const low = builder.step('MatMul', [x, matrix(a)], `${output}/low`);
  const scaled = builder.step('Mul', [low, builder.float(Math.fround(scale))], `${output}/low`);
  const added = builder.step('MatMul', [scaled, matrix(b)], `${output}/low`);
  return builder.node('Add', [product, added], name ?? builder.fresh(`${output}/adapted`));
}

/** The input; with an equalizer, each of its channels multiplied by the channel's factor. */
function equalized(
  lowering: Lowering,
  { input, equalizer, output }: LinearNode,
  type: FloatType,
): Whole {
  const whole = lowering.whole(input, type);
  if (equalizer === undefined) return whole;
  const channels = lowering.constantAs(lowering.weights.vector(equalizer), type);
  const name = lowering.builder.fresh(`${output}/equalized`);
  lowering.builder.node('Mul', [whole.name, channels], name);
  return { ...whole, name };
}

function addBias(
  lowering: Lowering,
  product: string,
  bias: string | undefined,
  activation: ActivationKind,
  prefix: string,
  last: () => string,
): string {
  if (bias === undefined) return product;
  const sum = activation === 'none' ? last() : lowering.builder.fresh(`${prefix}/sum`);
  return lowering.builder.node('Add', [product, bias], sum);
}

/** Multiplies columns; parts that are not scaled stay as they are. */
function lowerScale(lowering: Lowering, node: NodeOf<'scale'>): void {
  const { builder } = lowering;
  const { output, column = 0 } = node;
  const found = lowering.value(node.input);
  const factors = lowering.constantAs(lowering.weights.vector(node.weight), found.type);
  const { width: count } = lowering.weights.spec(node.weight, 1);
  let { parts } = found;
  let end = 0;
  const fits = parts.some(({ width }) => {
    end += width;
    return end === column + count && width === count;
  });
  if (!fits) {
    const whole = lowering.whole(node.input, found.type);
    const widths = [column, count, whole.width - column - count];
    const names = builder.split(
      whole.name,
      widths.filter((n) => n > 0),
      `${output}/columns`,
    );
    parts = widths.filter((n) => n > 0).map((width, i) => ({ name: names[i] ?? '', width }));
  }
  let begin = 0;
  const scaled = parts.map((part) => {
    const isScaled = begin === column;
    begin += part.width;
    if (!isScaled) return part;
    const isAlone = parts.length === 1;
    const name = isAlone ? lowering.nameOf(output, found.type) : builder.fresh(`${output}/scaled`);
    return { ...part, name: builder.node('Mul', [part.name, factors], name) };
  });
  lowering.setParts(output, found.kind, scaled, found.type);
  if (parts.length > 1) joinOutput(lowering, output, found.type);
}

export const LINEAR_LOWERINGS = {
  linear: lowerLinear,
  scale: lowerScale,
} satisfies Partial<Lowerings>;
