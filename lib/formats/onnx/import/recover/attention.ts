/**
 * Recovers attention at the product of attention weights and values: there heads, scale, mask and positions become one node.
 *
 * Heads are numbered by the place of their results in the output. Rows of the projections of queries, keys and values are
 * picked in that order, so that fused, sliced and separate projections give the same draft.
 */

import type { Columns, DraftAttention, Value } from './draft.js';
import { coefficientAt, type Form, indexOf, rowsForm, sizeOf, type Term } from './form.js';
import { sliceColumns } from './rows.js';
import type { Scores } from './score-parts.js';
import { isSame, isValidRow, type Vectors } from './vectors.js';
import { Unexplained, type Walk } from './walk.js';

/**
 * Turns the product of attention weights [.., queries, keys] and values [.., keys, head size] into attention. Returns its
 * result as a form with the dims of the product. Throws Unexplained with the reason.
 */
export function attend(walk: Walk, weights: Form, values: Form): Form {
  const [probs] = weights.terms;
  if (probs?.basis.kind !== 'softmax' || weights.terms.length !== 1) {
    throw new Unexplained('it multiplies attention weights by more than a number');
  }
  const { scores } = probs.basis;
  const [m = 1, k = 1] = weights.dims.slice(-2);
  const n = values.dims.at(-1) ?? 1;
  const batch = sizeOf(weights.dims) / (m * k);
  const valuesBatch = sizeOf(values.dims) / (k * n);
  if (batch !== valuesBatch || k !== scores.width || values.dims.at(-2) !== k) {
    throw new Unexplained('attention weights and values do not fit');
  }
  const [value] = values.terms;
  if (value?.basis.kind !== 'rows' || values.terms.length !== 1 || values.constant !== null) {
    throw new Unexplained('it multiplies attention weights with what is no product');
  }
  const source = value.basis.value;
  const find = () => placeHeads(walk, probs, scores, value, source, { batch, m, k, n });
  const { memo } = walk;
  const arrays = [scores.rowToken, scores.rowHead, scores.keyToken, probs.index, value.index];
  const key = `attend ${arrays.map((array) => memo.id(array))} ${[batch, m, k, n]} ${source.kind} ${source.width}`;
  const plain = probs.coefficient === 1 && value.coefficient === 1;
  const { columnsOf, order, index } = plain ? memo.once(key, find) : find();
  const result = attentionValue(walk, scores, source, columnsOf, order, n);
  return rowsForm(result, [...weights.dims.slice(0, -2), m, n], index);
}

/** `batch` products of [m, k] weights with [k, n] values. */
interface Sizes {
  readonly batch: number;
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

/**
 * Finds the columns of the values for each head, the order of heads in the output, and the index of each element of the
 * result.
 */
function placeHeads(
  walk: Walk,
  probs: Term,
  scores: Scores,
  value: Term,
  source: Value,
  { batch, m, k, n }: Sizes,
) {
  const { tokens, columns } = valueVectors(walk, value, source, batch, k, n);
  const probIndex = indexOf(probs, batch * m * k);
  const columnsOf: (Columns | undefined)[] = [];
  const rowOf = new Int32Array(batch * m).fill(-1);
  for (let v = 0; v < batch * m; v++) {
    const row = Math.floor((probIndex[v * k] ?? 0) / k);
    if ((scores.rowToken[row] ?? -1) < 0) continue;
    rowOf[v] = row;
    const b = Math.floor(v / m);
    for (let j = 0; j < k; j++) {
      const element = probIndex[v * k + j] ?? 0;
      if (Math.floor(element / k) !== row || coefficientAt(probs, v * k + j) !== 1) {
        throw new Unexplained('attention weights are changed before they meet the values');
      }
      const key = scores.keyToken[element] ?? -1;
      if (key >= 0 && key !== tokens[b * k + j]) {
        throw new Unexplained('values are not in the order of the keys');
      }
    }
    const head = scores.rowHead[row] ?? 0;
    const own = columns[b] ?? [];
    columnsOf[head] ??= own;
    if (!isSame(columnsOf[head], own)) {
      throw new Unexplained('values of one head differ between rows');
    }
  }
  const order = columnsOf
    .map((list, head) => ({ head, first: list?.[0] ?? 0 }))
    .sort((a, b) => a.first - b.first)
    .map(({ head }) => head);
  const place = new Map(order.map((head, i) => [head, i]));
  const width = order.length * n;
  const index = new Int32Array(batch * m * n);
  rowOf.forEach((row, v) => {
    if (row < 0) return;
    const head = place.get(scores.rowHead[row] ?? 0) ?? 0;
    const start = (scores.rowToken[row] ?? 0) * width + head * n;
    for (let d = 0; d < n; d++) index[v * n + d] = start + d;
  });
  markPadding(walk, index, rowOf, n, width);
  return { columnsOf, order, index };
}

/**
 * Token of each vector of the values (-1: padding), and the columns of the value that the vectors of each batch item take.
 */
function valueVectors(walk: Walk, term: Term, source: Value, batch: number, k: number, n: number) {
  const index = indexOf(term, batch * k * n);
  const tokens = new Int32Array(batch * k).fill(-1);
  const columns: (readonly number[] | undefined)[] = [];
  for (let v = 0; v < batch * k; v++) {
    const token = Math.floor((index[v * n] ?? 0) / source.width);
    if (!isValidRow(walk.probe, source, token)) continue;
    tokens[v] = token;
    const b = Math.floor(v / k);
    const start = token * source.width;
    columns[b] ??= Array.from({ length: n }, (_, d) => (index[v * n + d] ?? 0) - start);
    const own = columns[b] ?? [];
    for (let d = 0; d < n; d++) {
      const column = (index[v * n + d] ?? 0) - start;
      const inside = column >= 0 && column < source.width;
      if (!inside || column !== own[d] || coefficientAt(term, v * n + d) !== 1) {
        throw new Unexplained('values are not in the order of the keys');
      }
    }
  }
  return { tokens, columns };
}

/** Points the vectors of padding at a row of padding, so that they are not taken for a token. */
function markPadding(
  walk: Walk,
  index: Int32Array,
  rowOf: Int32Array,
  n: number,
  width: number,
): void {
  const padding = walk.probe.valid.indexOf(0);
  rowOf.forEach((row, v) => {
    if (row < 0) for (let d = 0; d < n; d++) index[v * n + d] = padding * width + d;
  });
}

function attentionValue(
  walk: Walk,
  scores: Scores,
  values: Value,
  valueColumns: readonly (Columns | undefined)[],
  order: readonly number[],
  headDim: number,
): Value {
  const { queries, keys, keyHead, reach, disentangled } = scores;
  if (queries.value === null || keys.value === null || queries.length !== headDim) {
    throw new Unexplained('heads of queries and values have different sizes');
  }
  if (JSON.stringify(queries.rotary) !== JSON.stringify(keys.rotary)) {
    throw new Unexplained('queries and keys are rotated differently');
  }
  const heads = order.length;
  const width = heads * headDim;
  const queryColumns = order.map((head) => queries.heads[head]);
  const keyColumns = order.map((head) => keys.heads[keyHead[head] ?? 0]);
  const query = projected(walk, queries.value, queryColumns, width, 'alone');
  const key = projected(walk, keys.value, keyColumns, width, 'shared');
  const valuesOf = order.map((head) => valueColumns[head]);
  const value = projected(walk, values, valuesOf, width, 'shared');
  if (scores.relative && order.some((head, i) => head !== i)) {
    throw new Unexplained('a bias by distance has its heads in another order');
  }
  const table = (vectors: Vectors | null | undefined) =>
    vectors ? tableValue(walk, vectors, order) : null;
  const node: DraftAttention = {
    op: 'attention',
    query,
    key,
    value,
    heads,
    headDim,
    scale: walk.half ? unrounded(scores.scale, headDim) : scores.scale,
    rotary: queries.rotary,
    window: reach.kind === 'window' ? reach.size : null,
    relativeBias: scores.relative,
    disentangled: disentangled && {
      keys: table(disentangled.keys),
      queries: table(disentangled.queries),
      buckets: disentangled.buckets,
      maxDistance: disentangled.maxDistance,
    },
  };
  return walk.value('token', query.rows, width, node);
}

/**
 * In 16-bit files: the exact 1 / sqrt(headDim), or that of two or three times headDim (DeBERTa), when the rounded scale is
 * close to it.
 */
function unrounded(scale: number, headDim: number): number {
  const usual = [1, 2, 3].map((terms) => 1 / Math.sqrt(headDim * terms));
  return usual.find((wanted) => Math.abs(scale / wanted - 1) < 2e-3) ?? scale;
}

/** A product with only these output columns. With `shared`, heads of keys and values may serve several heads of queries. */
function projected(
  walk: Walk,
  value: Value | null,
  heads: readonly (Columns | undefined)[],
  width: number,
  shared: 'shared' | 'alone',
): Value {
  const once = new Set(heads.map((head) => head?.join()));
  const columns = heads.flatMap((head) => head ?? []);
  const distinct = shared === 'shared' ? (width / heads.length) * once.size : width;
  if (value === null || columns.length !== width || new Set(columns).size !== distinct) {
    throw new Unexplained('heads overlap');
  }
  const whole = width === value.width && columns.every((c, i) => c === i);
  const cut = whole ? value : sliceColumns(walk, value, columns);
  if (cut?.node.op === 'linear') return cut;
  throw new Unexplained('queries, keys or values are not products with a weight');
}

/** The vectors of distances as a table value [rows, heads * headDim], its heads in the order of the queries' heads. */
function tableValue(walk: Walk, vectors: Vectors, order: readonly number[]): Value {
  const { value, numbers, length, heads } = vectors;
  const columns = order.flatMap((head) => heads[head] ?? []);
  if (value !== null) {
    const whole = columns.length === value.width && columns.every((c, i) => c === i);
    const cut = whole ? value : sliceColumns(walk, value, columns);
    if (cut === null) throw new Unexplained('vectors of distances are no product');
    return cut;
  }
  const matrices = new Set(vectors.head).size;
  const rows = (numbers?.length ?? 0) / length / matrices;
  const width = order.length * length;
  const literal = new Float32Array(rows * width);
  order.forEach((head, i) => {
    const matrix = (heads[head]?.[0] ?? 0) / length;
    for (let r = 0; r < rows; r++) {
      const from = (matrix * rows + r) * length;
      literal.set(numbers?.subarray(from, from + length) ?? [], r * width + i * length);
    }
  });
  const matrix = { rows, columns: width, pieces: [], literal };
  return walk.value('table', rows, width, { op: 'parameter', matrix });
}
