/** Matrix products: the operation that takes most of the time. */

import { number, objects, oneOf, optional, storage, value, weight, weights } from '../fields.js';
import { storageOf } from '../storages.js';
import { ACTIVATION_KINDS, type ActivationBits, type ActivationKind } from '../types.js';
import { listOf, type OpRow, type ShapeContext } from './row.js';

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
  /** Low-rank adapters, at most one for each weight; left out: none. They are added before the activation. */
  readonly adapters?: readonly LowRankAdapter[];
  /** The input of the adapters, of the shape of `input`; left out: `input`. It is that value after dropout. */
  readonly adapterInput?: string;
  readonly output: string;
}

/** scale * (x A^T) B^T is added to the columns of `weights[member]` (Hu et al. 2021). */
export interface LowRankAdapter {
  readonly member: number;
  /** A, f32 [rank, inputs]. */
  readonly a: string;
  /** B, f32 [outputs of the weight, rank]. */
  readonly b: string;
  readonly scale: number;
}

export const linear: OpRow<LinearNode> = {
  fields: {
    input: value,
    weights,
    biases: weights,
    activation: oneOf(ACTIVATION_KINDS),
    activationBits: storage(oneOf([8, 7])),
    equalizer: storage(optional(weight)),
    adapters: optional(objects({ member: number, a: weight, b: weight, scale: number })),
    adapterInput: optional(value),
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
    checkAdapters(node, see);
    return { ...shape, width: outputs };
  },
  detail({ weights: names, activation, activationBits, adapters = [] }, dtype) {
    const low = adapters.length > 0 ? ` + ${adapters.length} low-rank` : '';
    const stacked = (names.length > 1 ? ` x${names.length}` : '') + low;
    // The bits of the activations matter only if the product quantizes its input.
    const width = storageOf({ dtype }).quantizesInput ? ` u${activationBits}` : '';
    return dtype + width + stacked + (activation === 'none' ? '' : ` ${activation}`);
  },
};

/** Throws for adapters that do not fit the weights beside them. */
function checkAdapters(node: LinearNode, see: ShapeContext): void {
  const { adapters = [], adapterInput, input } = node;
  if (adapterInput !== undefined) {
    if (adapters.length === 0) throw see.fail('adapterInput needs adapters');
    see.alike(input, adapterInput, 'adapterInput');
  }
  const used = new Set<number>();
  for (const { member, a, b, scale } of adapters) {
    const name = Number.isSafeInteger(member) ? node.weights[member] : undefined;
    if (name === undefined || used.has(member)) {
      const what = `one of its ${node.weights.length} weights, each once`;
      throw see.fail(`the member of an adapter must be ${what}, got ${String(member)}`);
    }
    used.add(member);
    const [outputs, inputs] = see.weight(name, 2);
    const [rank, theirs] = see.weight(a, 2);
    if (theirs !== inputs)
      throw see.fail(`${a} must be [rank, ${inputs}], got ${listOf(see.weight(a, 2))}`);
    if (String(see.weight(b, 2)) !== String([outputs, rank]))
      throw see.fail(`${b} must be [${outputs}, ${rank}], got ${listOf(see.weight(b, 2))}`);
    see.plain(a);
    see.plain(b);
    if (!Number.isFinite(scale))
      throw see.fail(`the scale of an adapter must be a finite number, got ${String(scale)}`);
  }
  if (node.adapters !== undefined && adapters.length === 0) throw see.fail('has no adapters');
}
