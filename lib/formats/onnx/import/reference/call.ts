/**
 * One call of an operator: its inputs and attributes, and the only access to memory and time.
 *
 * An operator reports errors through `fail`, which names the node, and allocates results with `make`, which counts them.
 */

import { SinterError } from '../../../../core/errors.js';
import { type Dtype, isTensor, type Numbers, type OnnxNode, type Tensor } from '../model.js';
import { labelOf } from '../reader/order.js';
import { corruptOnnx } from '../reader/problem.js';
import { type Multiply, multiply as plainMultiply } from './multiply.js';
import { isSmooth, type Smooth, smoothNumbers } from './smooth.js';
import { newNumbers, sizeOf } from './tensors.js';

/** Limits of an evaluation and the product that it uses, shared by all its calls. */
export class EvaluationBudget {
  multiplyAdds = 0;

  constructor(
    /** Name of the file, for messages. */
    readonly file: string,
    /** Most multiply-adds; elements count for operators that do not multiply. */
    readonly maxMultiplyAdds: number,
    /** Most elements of one tensor. */
    readonly maxElements: number,
    readonly multiply: Multiply = plainMultiply,
  ) {}
}

const MAX_RANK = 16;

export class Call {
  constructor(
    readonly node: OnnxNode,
    readonly inputs: readonly (Tensor | null)[],
    /** Version of the operator set of the node's domain. */
    readonly opset: number,
    readonly budget: EvaluationBudget,
    /** If set, quantized activations are not rounded. */
    readonly smooth: (Smooth & { readonly isMask: boolean }) | null = null,
  ) {}

  /** A CORRUPT_MODEL (shape) error that names the node. */
  fail(what: string): SinterError {
    const node = labelOf(this.node);
    return corruptOnnx(this.budget.file, 'shape', `node ${node} (${this.node.op}): ${what}`, {
      node,
    });
  }

  /** An UNSUPPORTED_MODEL error for an unsupported form of the operator. */
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

  /** The element of a scalar input, or `fallback` when it is left out. */
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

  /** An attribute that is a list of numbers; null when it is left out. */
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

  /** `axis` counted from the front, for a tensor of `rank` axes. With `end`, `rank` itself is allowed. */
  axis(axis: number, rank: number, end = false): number {
    const front = axis < 0 ? axis + rank : axis;
    if (!Number.isInteger(front) || front < 0 || front >= rank + (end ? 1 : 0)) {
      throw this.fail(`axis ${axis} of a tensor with ${rank} axes`);
    }
    return front;
  }

  /** Counts work; call it before the work. Throws when the limit is exceeded. */
  spend(multiplyAdds: number): void {
    this.budget.multiplyAdds += multiplyAdds;
    if (this.budget.multiplyAdds > this.budget.maxMultiplyAdds) {
      throw this.#beyond(`more than ${this.budget.maxMultiplyAdds} multiply-adds`);
    }
  }

  /** A new tensor of zeros; its elements are counted. */
  make(dtype: Dtype, dims: readonly number[]): Tensor {
    return { dtype, dims, data: this.room(dtype, dims) };
  }

  /** A new array for a tensor of these dims; its elements are counted. */
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

  /** The same elements with other dims; shares the memory. */
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

/** Computes the outputs of a call, in order; later ones may be missing. */
export type Operator = (call: Call) => Tensor | readonly (Tensor | null)[];

export type OperatorTable = Readonly<Record<string, Operator>>;
