/** Concatenation of values along the width. */

import { values } from '../fields.js';
import { LIMITS } from '../limits.js';
import { describeShape, type OpRow } from './row.js';

/** Values of one kind, concatenated along the width (several poolings of one text). */
export interface ConcatNode {
  readonly op: 'concat';
  readonly inputs: readonly string[];
  readonly output: string;
}

export const concat: OpRow<ConcatNode> = {
  fields: { inputs: values },
  shape({ inputs }, see) {
    const shapes = inputs.map((input) => see.input(input));
    const [first] = shapes;
    if (first === undefined) throw see.fail('has no inputs');
    for (const shape of shapes) {
      if (shape.kind === first.kind && shape.rows === first.rows) continue;
      throw see.fail(`inputs are ${describeShape(first)} and ${describeShape(shape)}`);
    }
    const width = shapes.reduce((sum, shape) => sum + shape.width, 0);
    if (width <= LIMITS.joined) return { ...first, width };
    throw see.fail(`must be at most ${LIMITS.joined} wide, got ${width}`);
  },
};
