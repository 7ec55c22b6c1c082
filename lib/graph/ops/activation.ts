/** An activation as a node of its own, where no linear node precedes it that could apply it. */

import { oneOf, value } from '../fields.js';
import { ACTIVATION_KINDS, type ActivationKind } from '../types.js';
import type { OpRow } from './row.js';

/** activation(input), element by element. */
export interface ActivationNode {
  readonly op: 'activation';
  readonly kind: Exclude<ActivationKind, 'none'>;
  readonly input: string;
  readonly output: string;
}

/** Without `none`, which would only copy the input. */
const KINDS = ACTIVATION_KINDS.filter((kind) => kind !== 'none');

export const activation: OpRow<ActivationNode> = {
  fields: { kind: oneOf(KINDS), input: value },
  shape({ kind, input }, see) {
    if (!KINDS.includes(kind)) throw see.fail(`kind must be one of ${KINDS.join(', ')}`);
    return see.input(input);
  },
  columns: (keep) => keep,
  detail: ({ kind }) => kind,
};
