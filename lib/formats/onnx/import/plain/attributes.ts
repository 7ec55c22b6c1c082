/**
 * Reads and writes the attributes of a node.
 *
 * The caller passes the operator's default for a missing attribute. An attribute of the wrong type is CORRUPT_MODEL.
 */

import { SinterError } from '../../../../core/errors.js';
import { type Attribute, type Dtype, isTensor, type OnnxNode, type Tensor } from '../model.js';
import { dtypeOf } from '../reader/dtypes.js';

export const FLOAT32_CODE = 1;

export function dtypeOfCode(code: number): Dtype | null {
  return dtypeOf(code) ?? null;
}

export function isFloat(dtype: Dtype | null): boolean {
  return dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16' || dtype === 'float64';
}

function wrong(node: OnnxNode, name: string, what: string): SinterError {
  return new SinterError(
    'CORRUPT_MODEL',
    `attribute ${name} of ${describe(node)} must be ${what}`,
    { details: { node: node.name, operator: operatorOf(node) } },
  );
}

/** Operator with its domain, such as `com.microsoft::FastGelu`, or `MatMul` for ONNX's own. */
export function operatorOf(node: OnnxNode): string {
  return node.domain === '' ? node.op : `${node.domain}::${node.op}`;
}

/** `name (Operator)`, for messages. */
export function describe(node: OnnxNode): string {
  const name = node.name === '' ? (node.outputs.find((output) => output !== '') ?? '') : node.name;
  return `${name} (${operatorOf(node)})`;
}

export function numberOf(node: OnnxNode, name: string, fallback: number): number {
  const value = node.attributes.get(name);
  if (value === undefined) return fallback;
  if (typeof value !== 'number') throw wrong(node, name, 'a number');
  return value;
}

export function stringOf(node: OnnxNode, name: string, fallback: string): string {
  const value = node.attributes.get(name);
  if (value === undefined) return fallback;
  if (typeof value !== 'string') throw wrong(node, name, 'a string');
  return value;
}

/** Reads a list of numbers; null when the attribute is missing. */
export function numbersOf(node: OnnxNode, name: string): readonly number[] | null {
  const value = node.attributes.get(name);
  if (value === undefined) return null;
  if (!Array.isArray(value)) throw wrong(node, name, 'a list of numbers');
  const list: readonly unknown[] = value;
  if (!list.every((item) => typeof item === 'number')) throw wrong(node, name, 'a list of numbers');
  return list as readonly number[];
}

/** Whether the numbers are a permutation of 0 ... length - 1. */
export function isPermutation(numbers: readonly number[], length: number): boolean {
  return numbers.length === length && numbers.every((_, axis) => numbers.includes(axis));
}

/** Reads a tensor; null when the attribute is missing. */
export function tensorOf(node: OnnxNode, name: string): Tensor | null {
  const value = node.attributes.get(name);
  if (value === undefined) return null;
  if (!isTensor(value)) throw wrong(node, name, 'a tensor');
  return value;
}

/** The node with these attributes changed; undefined removes one. */
export function withAttributes(
  node: OnnxNode,
  changes: Readonly<Record<string, Attribute | undefined>>,
): OnnxNode {
  const attributes = new Map(node.attributes);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) attributes.delete(name);
    else attributes.set(name, value);
  }
  return { ...node, attributes };
}
