/** Selects rows of a token value. */

import { value } from '../fields.js';
import type { OpRow } from './row.js';

/**
 * The rows of a token value that the call selects (TokenBatch.selected; by default all), such as the masked tokens of a
 * masked LM.
 */
export interface SelectNode {
  readonly op: 'select';
  readonly input: string;
  readonly output: string;
}

export const select: OpRow<SelectNode> = {
  fields: { input: value },
  shape: ({ input }, see) => ({
    kind: 'selected',
    width: see.input(input, 'token').width,
    rows: 0,
  }),
};
