/**
 * Rows scaled to length 1.
 */

import { value } from '../fields.js';
import type { OpRow } from './row.js';

/** x / max(|x|, 1e-12) per row. */
export interface NormalizeNode {
  readonly op: 'normalize';
  readonly input: string;
  readonly output: string;
}

export const normalize: OpRow<NormalizeNode> = {
  fields: { input: value },
  shape: ({ input }, see) => see.input(input),
};
