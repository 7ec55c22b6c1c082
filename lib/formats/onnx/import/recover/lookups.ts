/**
 * Rows of constant tables. They stay references while they may be embeddings or a learned bias, and become numbers as soon as
 * another operator reads them (angles of rotary embeddings).
 */

import type { OnnxNode, Tensor } from '../model.js';
import { coefficientAt, counting, type Form, form, indexOf, sizeOf } from './form.js';
import { moveForm } from './layout.js';
import type { Data, Walk } from './walk.js';

/** Whether all terms are elements of constant tables. */
export function isLookup({ terms }: Form): boolean {
  return terms.length > 0 && terms.every(({ basis }) => basis.kind === 'table');
}

/** Turns a Gather or Slice of the rows of a float matrix of the file into a form; null for other nodes. */
export function lookUp(
  walk: Walk,
  node: OnnxNode,
  inputs: readonly (Data | null)[],
): Form[] | null {
  const [table, ...others] = inputs;
  if (!table?.initializer || table.dtype !== 'float32') return null;
  if (table.dims.length !== 2 || !LOOKUPS.has(node.op)) return null;
  const { initializer: source } = table;
  if (node.op === 'Gather') {
    if ((node.attributes.get('axis') ?? 0) !== 0) return null;
    const at = others[0]?.read();
    if (at === undefined) return null;
    const [rows = 1, width = 1] = table.dims;
    const index = new Int32Array(at.data.length * width);
    at.data.forEach((row, i) => {
      const positive = row < 0 ? row + rows : row;
      if (positive >= rows) throw new RowOutside(source.name, rows, positive);
      for (let k = 0; k < width; k++) index[i * width + k] = positive * width + k;
    });
    const basis = { kind: 'table', table: source } as const;
    return [form([...at.dims, width], [{ basis, index, coefficient: 1 }])];
  }
  const basis = { kind: 'table', table: source } as const;
  const whole = form(table.dims, [{ basis, index: counting(sizeOf(table.dims)), coefficient: 1 }]);
  return moveForm(
    walk,
    node,
    whole,
    others.map((other) => other?.read() ?? null),
  );
}

/** Operators that take whole rows of a table. */
const LOOKUPS: ReadonlySet<string> = new Set(['Gather', 'Slice']);

/** Thrown when an index is beyond the end of a table: the probe is too long, or its ids are too large. */
export class RowOutside extends Error {
  readonly table: string;
  readonly rows: number;

  constructor(table: string, rows: number, row: number) {
    super(`row ${row} of ${table}, which has ${rows}`);
    this.table = table;
    this.rows = rows;
  }
}

/** Evaluates a form of table rows. */
export function concrete(input: Form): Tensor {
  const size = sizeOf(input.dims);
  const values = new Float32Array(size);
  if (input.constant) values.set(input.constant);
  for (const term of input.terms) {
    if (term.basis.kind !== 'table') continue;
    const { data } = term.basis.table.read();
    const index = indexOf(term, size);
    for (let e = 0; e < size; e++) {
      values[e] = (values[e] ?? 0) + coefficientAt(term, e) * (data[index[e] ?? 0] ?? 0);
    }
  }
  return { dtype: 'float32', dims: input.dims, data: values };
}
