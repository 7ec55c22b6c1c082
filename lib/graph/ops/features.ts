/** Numbers that the caller passes for each text: the input of a graph beside token ids. */

import { number } from '../fields.js';
import { LIMITS } from '../limits.js';
import { isSize, type OpRow } from './row.js';

/**
 * The features of the batch (TokenBatch.features) as a sequence value [sequences, width]. All features nodes of a graph have
 * the same width.
 */
export interface FeaturesNode {
  readonly op: 'features';
  readonly width: number;
  readonly output: string;
}

export const features: OpRow<FeaturesNode> = {
  fields: { width: number },
  shape({ width }, see) {
    if (!isSize(width) || width > LIMITS.width) {
      throw see.fail(`width must be an integer from 1 to ${LIMITS.width}, got ${width}`);
    }
    const first = see.graph.nodes.find((node) => node.op === 'features');
    if (first !== undefined && first.width !== width) {
      throw see.fail(`width must be ${first.width}, as ${first.output} has it, got ${width}`);
    }
    return { kind: 'sequence', width, rows: 0 };
  },
  detail: ({ width }) => String(width),
};
