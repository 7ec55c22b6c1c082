/** Columns of a value times the elements of a vector. */

import { number, optional, value, weight } from '../fields.js';
import type { OpRow } from './row.js';

/** The adapters of IA3 (Liu et al. 2022), and the magnitudes of DoRA where they are served beside their base. */
export interface ScaleNode {
  readonly op: 'scale';
  readonly input: string;
  /** f32 [n], the factors of columns [column, column + n). */
  readonly weight: string;
  /** Left out: 0. */
  readonly column?: number;
  readonly output: string;
}

export const scale: OpRow<ScaleNode> = {
  fields: { input: value, weight, column: optional(number) },
  shape({ input, weight: name, column = 0 }, see) {
    const shape = see.input(input);
    const [count = 0] = see.weight(name, 1);
    see.vector(name, count);
    const isColumn = Number.isSafeInteger(column) && column >= 0;
    if (isColumn && column + count <= shape.width) return shape;
    const what = `must be columns of an input that is ${shape.width} wide`;
    throw see.fail(`${count} columns from ${String(column)} on ${what}`);
  },
  detail: ({ column = 0 }) => (column === 0 ? '' : `from column ${column}`),
};
