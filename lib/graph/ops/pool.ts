/** Pooling: one vector per text from its token vectors. */

import { oneOf, value } from '../fields.js';
import { POOL_KINDS, type PoolKind } from '../types.js';
import type { OpRow } from './row.js';

/** Turns a token value into a sequence value, pooling over the tokens of each sequence. `cls` takes the first token. */
export interface PoolNode {
  readonly op: 'pool';
  readonly kind: PoolKind;
  readonly input: string;
  readonly output: string;
}

export const pool: OpRow<PoolNode> = {
  fields: { kind: oneOf(POOL_KINDS), input: value },
  shape({ kind, input }, see) {
    if (!POOL_KINDS.includes(kind)) throw see.fail(`unknown pooling ${kind}`);
    return { kind: 'sequence', width: see.input(input, 'token').width, rows: 0 };
  },
  detail: ({ kind }) => kind,
};
