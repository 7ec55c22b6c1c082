/**
 * From a form to the rows of one value, which products, norms and residual sums need as their operand.
 *
 * A form qualifies when each of its vectors is a whole row of one value (or the same columns of each row). Sums of table rows
 * become an embedding here, weighted sums of tokens a pooling, and first tokens `cls`.
 */

import type { Columns, Value } from './draft.js';
import { embeddingOf } from './embedding.js';
import { coefficientAt, type Form, indexOf, isCounting, sizeOf, type Term } from './form.js';
import { pickRows, pickValues } from './matrix.js';
import { pooledRows } from './pooling.js';
import { isValidRow } from './vectors.js';
import type { Walk } from './walk.js';

/** A tensor [..., width] whose vector r is the whole row `row[r]` of `value`. */
export interface Rows {
  readonly value: Value;
  readonly row: Int32Array;
}

/** A tensor whose vector r is part of row `row[r]` of `value`: the columns `columns`, the same for all vectors. */
interface PartialRows extends Rows {
  readonly columns: Columns;
}

/** Returns the form as rows of a value, or null. The vectors of padding are not checked. */
export function settle(walk: Walk, input: Form): Rows | null {
  const width = input.dims.at(-1) ?? 1;
  const [first] = input.terms;
  if (first?.basis.kind === 'table') return embeddingOf(walk, input);
  if (first?.basis.kind === 'sum') return pooledRows(walk, input);
  const found = partialRows(walk, input, width);
  if (found === null) return null;
  const { value, row, columns } = found;
  const whole = columns.length === value.width && columns.every((c, i) => c === i);
  const cut = whole ? value : sliceColumns(walk, value, columns);
  return cut === null ? null : pickTokens(walk, { value: cut, row });
}

function partialRows(walk: Walk, input: Form, width: number): PartialRows | null {
  const [term] = input.terms;
  if (term?.basis.kind !== 'rows' || input.terms.length !== 1) return null;
  const { constant } = input;
  const { value } = term.basis;
  const size = sizeOf(input.dims);
  const find = () => rowsOf(walk, term, value, constant, size, width);
  if (constant !== null || term.coefficient !== 1) {
    const found = find();
    return found && { value, ...found };
  }
  const { memo } = walk;
  const key = `rows ${memo.id(term.index)} ${size} ${width} ${value.kind} ${value.width}`;
  const found = memo.once(key, find);
  return found && { value, ...found };
}

function rowsOf(
  walk: Walk,
  term: Term,
  value: Value,
  constant: Float32Array | null,
  size: number,
  width: number,
): Omit<PartialRows, 'value'> | null {
  const index = indexOf(term, size);
  const count = size / width;
  const row = new Int32Array(count);
  let columns: number[] | null = null;
  for (let r = 0; r < count; r++) {
    const start = r * width;
    const token = Math.floor((index[start] ?? 0) / value.width);
    row[r] = token;
    if (!isValidRow(walk.probe, value, token)) continue;
    columns ??= Array.from({ length: width }, (_, k) => (index[start + k] ?? 0) % value.width);
    for (let k = 0; k < width; k++) {
      if (index[start + k] !== token * value.width + (columns[k] ?? 0)) return null;
      if (coefficientAt(term, start + k) !== 1) return null;
      if (constant !== null && constant[start + k] !== 0) return null;
    }
  }
  return columns === null ? null : { row, columns };
}

/** A product with only these output columns: it uses the same rows of the matrix. null for other values. */
export function sliceColumns(walk: Walk, value: Value, columns: Columns): Value | null {
  const { node } = value;
  if (node.op !== 'linear') return null;
  return walk.once(`columns ${value.id} ${columns.join()}`, () =>
    walk.value(value.kind, value.rows, columns.length, {
      ...node,
      matrix: pickRows(node.matrix, columns),
      bias: node.bias && pickValues(node.bias, columns),
    }),
  );
}

/** All rows of a value in any order, or its first or last tokens as a pooled value; otherwise null. */
function pickTokens(walk: Walk, rows: Rows): Rows | null {
  const { value, row } = rows;
  const { probe } = walk;
  if (row.length === value.rows) {
    const seen = new Set<number>();
    row.forEach((r) => {
      if (isValidRow(probe, value, r)) seen.add(r);
    });
    let valid = 0;
    for (let r = 0; r < value.rows; r++) if (isValidRow(probe, value, r)) valid++;
    return seen.size === valid ? rows : null;
  }
  if (value.kind !== 'token' || row.length !== probe.batch) return null;
  const { length, lengths } = probe;
  const isFirst = row.every((token, b) => token === b * length);
  const isLast = row.every((token, b) => token === b * length + (lengths[b] ?? 0) - 1);
  if (!isFirst && !isLast) return null;
  const kind = isFirst ? 'cls' : 'lasttoken';
  const pooled = walk.once(`${kind} ${value.id}`, () =>
    walk.value('sequence', probe.batch, value.width, { op: 'pool', kind, input: value }),
  );
  return { value: pooled, row: Int32Array.from(row, (_, b) => b) };
}

/** Index array of a form over a new value of this width with a row per vector of `rows`; null when they are in order. */
export function indexFor({ memo }: Walk, { row }: Rows, width: number): Int32Array | null {
  if (isCounting(row)) return null;
  return memo.once(`index ${memo.id(row)} ${width}`, () => wholeRows(row, width));
}

function wholeRows(row: Int32Array, width: number): Int32Array {
  const index = new Int32Array(row.length * width);
  for (let i = 0; i < row.length; i++) {
    const from = (row[i] as number) * width;
    for (let k = 0; k < width; k++) index[i * width + k] = from + k;
  }
  return index;
}
