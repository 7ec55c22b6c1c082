/**
 * The sum of two values.
 */

import { number, optional, value } from '../fields.js';
import type { OpRow } from './row.js';

/** input + scale * residual: the step of pre-norm layers, and where low-rank adapters join their product. */
export interface AddNode {
  readonly op: 'add';
  readonly input: string;
  readonly residual: string;
  /** A finite number. Left out: 1. */
  readonly scale?: number;
  readonly output: string;
}

export const add: OpRow<AddNode> = {
  fields: { input: value, residual: value, scale: optional(number) },
  shape({ input, residual, scale = 1 }, see) {
    if (Number.isFinite(scale)) return see.alike(input, residual, 'residual');
    throw see.fail(`scale must be a finite number, got ${String(scale)}`);
  },
  detail: ({ scale }) => (scale === undefined ? '' : `x ${scale}`),
};
