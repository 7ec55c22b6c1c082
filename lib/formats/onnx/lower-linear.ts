/**
 * Linear layers as standard operators, in the arithmetic that the options ask for.
 *
 * Stacked weights become one product each: ONNX Runtime runs that as fast as one product and a Split, and the constants keep
 * the names of the weights.
 */

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
    const plain = bias === undefined && node.activation === 'none';
    const product = plain ? last() : lowering.builder.fresh(`${prefix}/product`);
    lowerProduct(lowering, node, input, weight, product, type);
    if (plain) return { name: product, width: rows };
    const vector = bias && lowering.constantAs(lowering.weights.vector(bias), type);
    const sum = addBias(lowering, product, vector, node.activation, prefix, last);
    const name =
      node.activation === 'none'
        ? sum
        : lowerActivation(lowering.builder, node.activation, sum, prefix, last());
    return { name, width: rows };
  });
  lowering.setParts(node.output, input.kind, parts, type);
  if (split && lowering.isOutput(node.output)) {
    const name = lowering.nameOf(node.output, type);
    const names = parts.map((part) => part.name);
    lowering.builder.concat(names, name);
    lowering.set(
      node.output,
      input.kind,
      name,
      parts.reduce((sum, part) => sum + part.width, 0),
      type,
    );
  }
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

export const LINEAR_LOWERINGS = { linear: lowerLinear } satisfies Partial<Lowerings>;
