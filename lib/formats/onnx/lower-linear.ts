/**
 * linear and norm as standard operators.
 *
 * Stacked weights become one product each: ONNX Runtime runs that as fast as one product and a Split, and the
 * constants keep the names of the weights.
 */

import type { ActivationKind, LinearNode, NormNode } from '../../graph/types.js';
import { lowerActivation } from './lower-activation.js';
import { integerProduct } from './lower-integer.js';
import type { Lowering } from './lowering.js';

export function lowerLinear(lowering: Lowering, node: LinearNode): void {
  const input = equalized(lowering, node);
  const split = node.weights.length > 1;
  const parts = node.weights.map((weight, index) => {
    const { rows, dtype } = lowering.weights.spec(weight, 2);
    const prefix = split ? `${node.output}.${index}` : node.output;
    const last = (): string =>
      split ? lowering.builder.fresh(prefix) : lowering.nameOf(node.output);
    const bias = node.biases[index];
    const plain = bias === undefined && node.activation === 'none';
    const product = plain ? last() : lowering.builder.fresh(`${prefix}/product`);
    if (dtype === 's8' && lowering.integer !== null) {
      const { integer } = lowering;
      integerProduct(lowering, integer, input.name, weight, product, node.activationBits);
    } else {
      lowering.builder.node('MatMul', [input.name, lowering.weights.matrix(weight)], product);
    }
    if (plain) return { name: product, width: rows };
    const sum = addBias(lowering, product, bias, node.activation, prefix, last);
    const name =
      node.activation === 'none'
        ? sum
        : lowerActivation(lowering.builder, node.activation, sum, prefix, last());
    return { name, width: rows };
  });
  lowering.setParts(node.output, input.kind, parts);
  if (split && lowering.isOutput(node.output)) {
    const name = lowering.nameOf(node.output);
    const names = parts.map((part) => part.name);
    lowering.builder.node('Concat', names, name, { axis: { int: -1 } });
    lowering.set(
      node.output,
      input.kind,
      name,
      parts.reduce((sum, part) => sum + part.width, 0),
    );
  }
}

/** The input, its channels multiplied by the equalizer where there is one. */
function equalized(lowering: Lowering, { input, equalizer, output }: LinearNode) {
  const whole = lowering.whole(input);
  if (equalizer === undefined) return whole;
  const name = lowering.builder.fresh(`${output}/equalized`);
  lowering.builder.node('Mul', [whole.name, lowering.weights.vector(equalizer)], name);
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
  return lowering.builder.node('Add', [product, lowering.weights.vector(bias)], sum);
}

export function lowerNorm(lowering: Lowering, node: NormNode): void {
  const { builder, weights } = lowering;
  const input = lowering.whole(node.input);
  let summed = input.name;
  if (node.residual !== null) {
    const residual = lowering.whole(node.residual);
    summed = builder.node('Add', [input.name, residual.name], builder.fresh(`${node.output}/sum`));
  }
  const name = lowering.nameOf(node.output);
  const inputs = [
    summed,
    weights.vector(node.weight),
    ...(node.bias === null ? [] : [weights.vector(node.bias)]),
  ];
  // The default epsilon of the operator is 1e-5, BERT's is 1e-12: it is never left out.
  const attributes = { axis: { int: -1 }, epsilon: { float: node.epsilon } };
  builder.node('LayerNormalization', inputs, name, attributes);
  lowering.set(node.output, input.kind, name, input.width);
}
