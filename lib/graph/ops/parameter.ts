/**
 * A weight as a value.
 */

import { weight } from '../fields.js';
import type { OpRow } from './row.js';

/** A weight as a value of kind `table`: an input that does not depend on the texts, such as relative position embeddings. */
export interface ParameterNode {
  readonly op: 'parameter';
  /** [rows, width]. */
  readonly weight: string;
  readonly output: string;
}

export const parameter: OpRow<ParameterNode> = {
  fields: { weight },
  shape(node, see) {
    const [rows, width] = see.weight(node.weight, 2) as [number, number];
    see.plain(node.weight);
    return { kind: 'table', width, rows };
  },
};
