/**
 * The sum of two values.
 */

import { value } from '../fields.js';
import type { OpRow } from './row.js';

/** input + residual: the step of pre-norm layers, and where bottleneck adapters join their branch. */
export interface AddNode {
  readonly op: 'add';
  readonly input: string;
  readonly residual: string;
  readonly output: string;
}

export const add: OpRow<AddNode> = {
  fields: { input: value, residual: value },
  shape: ({ input, residual }, see) => see.alike(input, residual, 'residual'),
};
