/**
 * The gate of a gated linear unit.
 */

import { oneOf, value } from '../fields.js';
import { ACTIVATION_KINDS, type ActivationKind } from '../types.js';
import type { OpRow } from './row.js';

/** Gated linear unit (Shazeer 2020): activation(first half) * second half; input [rows, 2 w], output [rows, w]. */
export interface GateNode {
  readonly op: 'gate';
  readonly activation: ActivationKind;
  readonly input: string;
  readonly output: string;
}

export const gate: OpRow<GateNode> = {
  fields: { activation: oneOf(ACTIVATION_KINDS), input: value },
  shape({ input }, see) {
    const shape = see.input(input);
    if (shape.width % 2 === 0) return { ...shape, width: shape.width / 2 };
    throw see.fail(`input must have an even width, got ${shape.width}`);
  },
  columns: (keep, width) => [...keep, ...keep.map((column) => width + column)],
  detail: ({ activation }) => activation,
};
