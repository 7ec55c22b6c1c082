/** Matrix products: the operation that takes most of the time. */

import { oneOf, optional, storage, value, weight, weights } from '../fields.js';
import { storageOf } from '../storages.js';
import { ACTIVATION_KINDS, type ActivationBits, type ActivationKind } from '../types.js';
import type { OpRow } from './row.js';

/**
 * output = activation(input W^T + b). `weights` are stacked along the output axis (query, key and value run as one product),
 * so the output width is the sum of their rows. `biases` is empty or has one entry per weight. If the weights are `s8`, the
 * input is quantized per token, asymmetrically, to `activationBits` bits.
 */
export interface LinearNode {
  readonly op: 'linear';
  readonly input: string;
  readonly weights: readonly string[];
  readonly biases: readonly string[];
  readonly activation: ActivationKind;
  readonly activationBits: ActivationBits;
  /**
   * Only with `s8` weights: a vector [inputs] that scales the channels of the input before it is quantized. The weights are
   * divided by it, so the product does not change.
   */
  readonly equalizer?: string;
  readonly output: string;
}

export const linear: OpRow<LinearNode> = {
  fields: {
    input: value,
    weights,
    biases: weights,
    activation: oneOf(ACTIVATION_KINDS),
    activationBits: storage(oneOf([8, 7])),
    equalizer: storage(optional(weight)),
  },
  shape(node, see) {
    const shape = see.input(node.input);
    const { width } = shape;
    const count = node.weights.length;
    if (count === 0) throw see.fail('has no weights');
    if (node.biases.length !== 0 && node.biases.length !== count) {
      throw see.fail(`${count} weights need as many biases, got ${node.biases.length}`);
    }
    if (node.activationBits !== 8 && node.activationBits !== 7) {
      throw see.fail(`activationBits must be 8 or 7, got ${String(node.activationBits)}`);
    }
    let outputs = 0;
    node.weights.forEach((name, i) => {
      const [rows, columns] = see.weight(name, 2) as [number, number];
      if (columns !== width) {
        throw see.fail(`${name} is [${rows}, ${columns}], but the input is ${width} wide`);
      }
      const bias = node.biases[i];
      if (bias !== undefined) see.vector(bias, rows);
      outputs += rows;
    });
    const dtype = see.same(node.weights.map(see.dtype), 'dtypes of the weights');
    if (node.equalizer !== undefined) {
      see.vector(node.equalizer, width);
      if (!storageOf({ dtype }).quantizesInput)
        throw see.fail(`equalizer ${node.equalizer} needs s8 weights`);
    }
    return { ...shape, width: outputs };
  },
  detail({ weights: names, activation, activationBits }, dtype) {
    const stacked = names.length > 1 ? ` x${names.length}` : '';
    // The bits of the activations matter only if the product quantizes its input.
    const width = storageOf({ dtype }).quantizesInput ? ` u${activationBits}` : '';
    return dtype + width + stacked + (activation === 'none' ? '' : ` ${activation}`);
  },
};
