/**
 * Recovers sums of looked-up rows as embeddings: the indices on the probe tell whether ids, positions or segments index a
 * table.
 *
 * A constant row that is added to every token is a segment embedding that an exporter folded; it becomes a table of one row.
 */

import type { EmbeddingIndex } from '../../../../graph/types.js';
import type { DraftEmbedding, Matrix } from './draft.js';
import { coefficientAt, type Form, indexOf, sizeOf, type Term } from './form.js';
import { literalMatrix, pickRows, wholeMatrix } from './matrix.js';
import { type Probe, positionOf } from './probe.js';
import type { Rows } from './rows.js';
import { Unexplained, type Walk } from './walk.js';

type Lookup = DraftEmbedding['tables'][number];

/** Turns a sum of table rows [tokens, width] into an embedding; null when the form is something else. */
export function embeddingOf(walk: Walk, input: Form): Rows | null {
  const width = input.dims.at(-1) ?? 1;
  const tokens = sizeOf(input.dims) / width;
  const { probe } = walk;
  if (tokens !== probe.batch * probe.length) return null;
  const lookups = input.terms.map((term) => lookedUp(term, tokens, width, input));
  if (lookups.some((rows) => rows === null)) return null;
  const orders = [(t: number) => t, (t: number) => sequenceFirst(probe, t)];
  for (const order of orders) {
    const known = lookups.map((rows, i) =>
      classify(walk, input.terms[i], rows ?? new Int32Array(0), order),
    );
    if (known.some((table) => table === null)) continue;
    const found = known.filter((table) => table !== null);
    const extra = constantRow(walk, input, width, tokens, order);
    if (extra !== null) found.push(extra);
    const tables = withFixedRows(found);
    const value = walk.value('token', tokens, width, { op: 'embedding', tables });
    return { value, row: Int32Array.from({ length: tokens }, (_, t) => order(t)) };
  }
  throw new Unexplained('a table is indexed with what is no id, position or segment');
}

/**
 * Beside a table of segments, a table of one row is no second one: its row belongs to every token, whatever its segment, as
 * ERNIE's task.
 */
function withFixedRows(tables: readonly Lookup[]): readonly Lookup[] {
  const ofSegments = tables.filter(({ index }) => index === 'segment');
  const largest = Math.max(...ofSegments.map(({ matrix }) => matrix.rows));
  const own = ofSegments.find(({ matrix }) => matrix.rows === largest);
  return tables.map((table) =>
    table.index === 'segment' && table !== own ? { ...table, index: 'row' } : table,
  );
}

/** Token of vector t where the first axis is the sequence, not the batch. */
function sequenceFirst({ batch, length }: Probe, t: number): number {
  return (t % batch) * length + Math.floor(t / batch);
}

/** Row of the table for each vector; null unless every vector is one whole row. */
function lookedUp(term: Term, tokens: number, width: number, input: Form): Int32Array | null {
  if (term.basis.kind !== 'table' || term.basis.table.dims.length !== 2) return null;
  if (term.basis.table.dims[1] !== width) return null;
  const index = indexOf(term, sizeOf(input.dims));
  const rows = new Int32Array(tokens);
  for (let t = 0; t < tokens; t++) {
    rows[t] = Math.floor((index[t * width] ?? 0) / width);
    for (let k = 0; k < width; k++) {
      if (index[t * width + k] !== (rows[t] ?? 0) * width + k) return null;
    }
  }
  return rows;
}

function classify(
  walk: Walk,
  term: Term | undefined,
  rows: Int32Array,
  order: (vector: number) => number,
): Lookup | null {
  if (term?.basis.kind !== 'table') return null;
  const { probe } = walk;
  const { table } = term.basis;
  const width = table.dims[1] ?? 1;
  const matrix = wholeMatrix(table, false);
  const all = (test: (row: number, token: number, position: number) => boolean) =>
    rows.every((row, t) => {
      const token = order(t);
      if (probe.valid[token] !== 1) return true;
      return coefficientAt(term, t * width) === 1 && test(row, token, positionOf(probe, token));
    });
  const entry = (index: EmbeddingIndex, offset = 0): Lookup => ({ matrix, index, offset });
  if (all((row, token) => row === probe.ids[token])) {
    walk.vocabulary = Math.min(walk.vocabulary ?? matrix.rows, matrix.rows);
    return entry('token');
  }
  const offset = (rows[0] ?? 0) - positionOf(probe, order(0));
  if (offset >= 0 && all((row, _, position) => row === position + offset)) {
    walk.maxTokens = Math.min(walk.maxTokens ?? Number.MAX_SAFE_INTEGER, matrix.rows - offset);
    return entry('position', offset);
  }
  if (walk.hasSegments && all((row, token) => row === probe.segments[token])) {
    walk.segments = Math.max(walk.segments, matrix.rows);
    return entry('segment');
  }
  if (!all((row) => row === 0)) return null;
  // The file adds this row whatever segments a caller passes.
  walk.notes.add(`segment 0 for every token (${table.name} has ${matrix.rows})`);
  return { matrix: pickRows(matrix, [0]), index: 'segment', offset: 0 };
}

/** The constant of the form as a table: of one row that all tokens get, or of a row per position. null when there is none. */
function constantRow(
  walk: Walk,
  { constant }: Form,
  width: number,
  tokens: number,
  order: (vector: number) => number,
): Lookup | null {
  if (constant === null || constant.every((value) => value === 0)) return null;
  const { probe } = walk;
  const rows: Float32Array[] = [];
  for (let t = 0; t < tokens; t++) {
    const token = order(t);
    if (probe.valid[token] !== 1) continue;
    const row = constant.subarray(t * width, (t + 1) * width);
    const position = token % probe.length;
    const known = rows[position];
    if (known?.some((value, k) => value !== row[k])) {
      throw new Unexplained('numbers are added to the embeddings that are no table of positions');
    }
    rows[position] = row;
  }
  const [first] = rows;
  if (first === undefined) return null;
  if (rows.every((row) => row.every((value, k) => value === first[k]))) {
    const matrix: Matrix = literalMatrix(1, width, Float32Array.from(first));
    walk.notes.add('one row is added to every token: a segment table of one row');
    return { matrix, index: 'segment', offset: 0 };
  }
  const all = new Float32Array(rows.length * width);
  rows.forEach((row, p) => {
    all.set(row, p * width);
  });
  walk.maxTokens = Math.min(walk.maxTokens ?? rows.length, rows.length);
  walk.notes.add(`positions are a constant of ${rows.length} rows`);
  return { matrix: literalMatrix(rows.length, width, all), index: 'position', offset: 0 };
}
