/** Layer norm and RMS norm, together with the residual sum that precedes them in most encoders. */

import { number, oneOf, orNull, value, weight } from '../fields.js';
import type { OpRow } from './row.js';

/**
 * Norm over the last axis of x = input (+ residual). `layer`: (x - mean) / sqrt(var + epsilon) * weight + bias;
 * `rms`: x / sqrt(mean(x^2) + epsilon) * weight + bias. Without a bias nothing is added.
 */
export interface NormNode {
  readonly op: 'norm';
  readonly kind: 'layer' | 'rms';
  readonly input: string;
  readonly residual: string | null;
  readonly weight: string;
  readonly bias: string | null;
  readonly epsilon: number;
  readonly output: string;
}

export const norm: OpRow<NormNode> = {
  fields: {
    kind: oneOf(['layer', 'rms']),
    input: value,
    residual: orNull(value),
    weight,
    bias: orNull(weight),
    epsilon: number,
  },
  shape(node, see) {
    const { residual, bias, epsilon } = node;
    const shape =
      residual === null ? see.input(node.input) : see.alike(node.input, residual, 'residual');
    if (node.kind !== 'layer' && node.kind !== 'rms') throw see.fail(`unknown norm ${node.kind}`);
    see.vector(node.weight, shape.width);
    if (bias !== null) see.vector(bias, shape.width);
    if (!(epsilon >= 0)) throw see.fail(`epsilon must be 0 or more, got ${epsilon}`);
    return shape;
  },
  detail: (node) => (node.residual === null ? node.kind : `${node.kind} + residual`),
};
