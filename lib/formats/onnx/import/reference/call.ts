/**
 * One call of an operator: its inputs and attributes, and the only way to take memory and time.
 *
 * Everything an operator refuses ends in `fail`, which names the node; results come from `make`, which counts.
 */

import { SinterError } from '../../../../core/errors.js';
import { type Dtype, isTensor, type Numbers, type OnnxNode, type Tensor } from '../model.js';
import { labelOf } from '../reader/order.js';
import { corruptOnnx } from '../reader/problem.js';
import { type Multiply, multiply as plainMultiply } from './multiply.js';
import { isSmooth, type Smooth, smoothNumbers } from './smooth.js';
import { newNumbers, sizeOf } from './tensors.js';

/** What an evaluation may spend, and what multiplies. Shared by all calls of it. */
export class Budget {
  multiplyAdds = 0;

  constructor(
    /** Of messages. */
    readonly file: string,
    /** Multiply-adds, or elements written where there are none. */
    readonly maxMultiplyAdds: number,
    /** Elements of one tensor. */
    readonly maxElements: number,
    readonly multiply: Multiply = plainMultiply,
  ) {}
}

const MAX_RANK = 16;

export class Call {
  constructor(
    readonly node: OnnxNode,
    readonly inputs: readonly (Tensor | null)[],
    /** Version of the node's domain. */
    readonly opset: number,
    readonly budget: Budget,
    /** Where it is there, quantized activations are not rounded. */
    readonly smooth: (Smooth & { readonly isMask: boolean }) | null = null,
  ) {}

  /** CORRUPT_MODEL (shape) that names the node. */
  fail(what: string): SinterError {
    const node = labelOf(this.node);
    return corruptOnnx(this.budget.file, 'shape', `node ${node} (${this.node.op}): ${what}`, {
      node,
    });
  }

  /** UNSUPPORTED_MODEL: a form of the operator that is not known here. */
  unsupported(what: string): SinterError {
    const node = labelOf(this.node);
    const message = `${this.budget.file}: node ${node} (${this.node.op}): ${what}`;
    const details = { file: this.budget.file, category: 'unsupported', node };
    return new SinterError('UNSUPPORTED_MODEL', message, { details });
  }

  input(index: number): Tensor {
    const tensor = this.inputs[index];
    if (!tensor) throw this.fail(`has no input ${index}`);
    return tensor;
  }

  optional(index: number): Tensor | null {
    return this.inputs[index] ?? null;
  }

  /** The one element of an input that is a scalar, or `fallback` when it is left out. */
  scalar(index: number, fallback?: number): number {
    const tensor = this.inputs[index];
    if (!tensor && fallback !== undefined) return fallback;
    const value = this.input(index).data[0];
    if (this.input(index).data.length !== 1 || value === undefined) {
      throw this.fail(`input ${index} must be one number`);
    }
    return value;
  }

  number(name: string, fallback: number): number {
    const value = this.node.attributes.get(name);
    if (value === undefined) return fallback;
    if (typeof value !== 'number') throw this.fail(`attribute ${name} must be a number`);
    return value;
  }

  text(name: string, fallback: string): string {
    const value = this.node.attributes.get(name);
    if (value === undefined) return fallback;
    if (typeof value !== 'string') throw this.fail(`attribute ${name} must be a string`);
    return value;
  }

  /** A list of numbers; null when it is left out. */
  numbers(name: string): readonly number[] | null {
    const value = this.node.attributes.get(name);
    if (value === undefined) return null;
    if (!Array.isArray(value) || value.some((item) => typeof item !== 'number')) {
      throw this.fail(`attribute ${name} must be a list of numbers`);
    }
    return value as readonly number[];
  }

  tensor(name: string): Tensor | null {
    const value = this.node.attributes.get(name);
    if (value === undefined) return null;
    if (!isTensor(value)) throw this.fail(`attribute ${name} must be a tensor`);
    return value;
  }

  /** `axis` counted from the front, for a tensor of `rank` axes (`rank` itself is allowed where `end` says so). */
  axis(axis: number, rank: number, end = false): number {
    const front = axis < 0 ? axis + rank : axis;
    if (!Number.isInteger(front) || front < 0 || front >= rank + (end ? 1 : 0)) {
      throw this.fail(`axis ${axis} of a tensor with ${rank} axes`);
    }
    return front;
  }

  /** Counts work before it is done. */
  spend(multiplyAdds: number): void {
    this.budget.multiplyAdds += multiplyAdds;
    if (this.budget.multiplyAdds > this.budget.maxMultiplyAdds) {
      throw this.#beyond(`more than ${this.budget.maxMultiplyAdds} multiply-adds`);
    }
  }

  /** A new tensor of zeros, counted. */
  make(dtype: Dtype, dims: readonly number[]): Tensor {
    return { dtype, dims, data: this.room(dtype, dims) };
  }

  /** A new array for a tensor of these dims, counted. */
  room(dtype: Dtype, dims: readonly number[]): Numbers {
    if (dims.some((dim) => !Number.isInteger(dim) || dim < 0)) {
      throw this.fail(`a result of dims [${dims.join(', ')}]`);
    }
    const count = sizeOf(dims);
    if (dims.length > MAX_RANK || count > this.budget.maxElements) {
      throw this.#beyond(`a result of dims [${dims.join(', ')}]`);
    }
    this.spend(count);
    const smooth = this.smooth !== null && this.inputs.some(isSmooth);
    return (smooth ? smoothNumbers(dtype, count) : null) ?? newNumbers(dtype, count);
  }

  /** The same elements in another shape; shares the memory. */
  reshaped(tensor: Tensor, dims: readonly number[]): Tensor {
    if (dims.length > MAX_RANK || sizeOf(dims) !== tensor.data.length) {
      throw this.fail(`[${tensor.dims.join(', ')}] cannot become [${dims.join(', ')}]`);
    }
    return { dtype: tensor.dtype, dims, data: tensor.data };
  }

  #beyond(what: string): SinterError {
    const node = labelOf(this.node);
    return corruptOnnx(this.budget.file, 'limits', `node ${node} (${this.node.op}): ${what}`, {
      node,
    });
  }
}

/** Computes the outputs of a call, first ones first. */
export type Operator = (call: Call) => Tensor | readonly (Tensor | null)[];

export type OperatorTable = Readonly<Record<string, Operator>>;
