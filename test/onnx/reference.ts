/**
 * The IR computed plainly, one text at a time, in double precision: what an exported file must agree with.
 *
 * Written from the docstrings of lib/graph/types.ts and from nothing else; it shares no code with the writer or the core.
 */

import type { AttentionNode, EncoderGraph, GraphNode } from '../../lib/graph/types.js';
import type { Floats } from './support.js';

export interface Text {
  readonly ids: readonly number[];
  readonly segments: readonly number[];
}

/** [rows, width]. */
export interface Table {
  readonly rows: number;
  readonly width: number;
  readonly data: Float64Array;
}

/** Every value of the graph for one text, by its name. */
export function evaluate(graph: EncoderGraph, floats: Floats, text: Text): Map<string, Table> {
  const weights = new Map(
    graph.weights.map(({ name, shape }) => {
      const [rows, width] = shape.length === 2 ? shape : [1, shape[0]];
      const data = Float64Array.from(floats.get(name) ?? []);
      if (data.length !== (rows ?? 0) * (width ?? 0)) throw new Error(`weight ${name}`);
      return [name, { rows: rows ?? 0, width: width ?? 0, data }];
    }),
  );
  const values = new Map<string, Table>();
  const of = (map: ReadonlyMap<string, Table>) => (name: string) => {
    const found = map.get(name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  };
  for (const node of graph.nodes) {
    values.set(node.output, compute(node, of(values), of(weights), text));
  }
  return values;
}

type Find = (name: string) => Table;

function make(rows: number, width: number, at: (row: number, column: number) => number): Table {
  const data = Float64Array.from({ length: rows * width }, (_, i) =>
    at(Math.floor(i / width), i % width),
  );
  return { rows, width, data };
}

function at(table: Table, row: number, column: number): number {
  const value = table.data[row * table.width + column];
  if (value === undefined || row < 0 || column >= table.width) throw new Error('out of range');
  return value;
}

function compute(node: GraphNode, value: Find, weight: Find, text: Text): Table {
  switch (node.op) {
    case 'embedding': {
      const tables = node.tables.map((table) => ({ ...table, data: weight(table.weight) }));
      return make(text.ids.length, tables[0]?.data.width ?? 0, (t, i) =>
        tables.reduce((sum, { index, offset, data }) => {
          const rows = { token: text.ids[t], position: t, segment: text.segments[t], row: 0 };
          const row = rows[index] ?? -1;
          return sum + at(data, row + offset, i);
        }, 0),
      );
    }
    case 'parameter':
      return weight(node.weight);
    case 'norm':
      return norm(node, value, weight);
    case 'linear':
      return linear(node, value, weight);
    case 'attention':
      return attention(node, value, weight);
    case 'add': {
      const [a, b] = [value(node.input), value(node.residual)];
      return make(a.rows, a.width, (r, i) => at(a, r, i) + at(b, r, i));
    }
    case 'scale': {
      const [input, factors] = [value(node.input), weight(node.weight)];
      const { column = 0 } = node;
      const isScaled = (i: number) => i >= column && i < column + factors.width;
      return make(
        input.rows,
        input.width,
        (r, i) => at(input, r, i) * (isScaled(i) ? at(factors, 0, i - column) : 1),
      );
    }
    case 'gate': {
      const input = value(node.input);
      const half = input.width / 2;
      return make(
        input.rows,
        half,
        (r, i) => activate(node.activation, at(input, r, i)) * at(input, r, half + i),
      );
    }
    case 'activation': {
      const input = value(node.input);
      return make(input.rows, input.width, (r, i) => activate(node.kind, at(input, r, i)));
    }
    case 'features':
      throw new Error('a text has no features here');
    case 'concat': {
      const inputs = node.inputs.map(value);
      const cells = inputs.flatMap((input, k) =>
        Array.from({ length: input.width }, (_, i) => [k, i] as const),
      );
      return make(inputs[0]?.rows ?? 0, cells.length, (r, column) => {
        const [k = 0, i = 0] = cells[column] ?? [];
        return at(inputs[k] as Table, r, i);
      });
    }
    case 'pool':
      return pool(node.kind, value(node.input));
    case 'normalize': {
      const input = value(node.input);
      return make(input.rows, input.width, (r, i) => {
        const row = input.data.subarray(r * input.width, (r + 1) * input.width);
        return at(input, r, i) / Math.max(Math.hypot(...row), 1e-12);
      });
    }
    case 'dropout':
    case 'select':
      return value(node.input);
  }
}

function norm(node: Extract<GraphNode, { op: 'norm' }>, value: Find, weight: Find): Table {
  const input = value(node.input);
  const residual = node.residual === null ? null : value(node.residual);
  const sum = make(input.rows, input.width, (r, i) => {
    return at(input, r, i) + (residual === null ? 0 : at(residual, r, i));
  });
  const [scale, shift] = [weight(node.weight), node.bias === null ? null : weight(node.bias)];
  return make(sum.rows, sum.width, (r, i) => {
    const row = [...sum.data.subarray(r * sum.width, (r + 1) * sum.width)];
    const mean = node.kind === 'rms' ? 0 : row.reduce((a, b) => a + b, 0) / row.length;
    const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / row.length;
    const unit = (at(sum, r, i) - mean) / Math.sqrt(variance + node.epsilon);
    return unit * at(scale, 0, i) + (shift === null ? 0 : at(shift, 0, i));
  });
}

function linear(node: Extract<GraphNode, { op: 'linear' }>, value: Find, weight: Find): Table {
  const input = value(node.input);
  const adapterInput = value(node.adapterInput ?? node.input);
  const rows = node.weights.flatMap((name, k) => {
    const adapter = node.adapters?.find(({ member }) => member === k);
    const matrix = weight(name);
    const bias = node.biases[k];
    return Array.from({ length: matrix.rows }, (_, row) => ({
      matrix,
      row,
      adapter,
      bias: bias === undefined ? 0 : at(weight(bias), 0, row),
    }));
  });
  return make(input.rows, rows.length, (r, o) => {
    const { matrix, row, bias, adapter } = rows[o] as (typeof rows)[number];
    let sum = bias;
    for (let i = 0; i < input.width; i++) sum += at(input, r, i) * at(matrix, row, i);
    const a = adapter && weight(adapter.a);
    for (let k = 0; a !== undefined && k < a.rows; k++) {
      let low = 0;
      for (let i = 0; i < input.width; i++) low += at(adapterInput, r, i) * at(a, k, i);
      sum += (adapter?.scale ?? 0) * low * at(weight(adapter?.b ?? ''), row, k);
    }
    return activate(node.activation, sum);
  });
}

function attention(node: AttentionNode, value: Find, weight: Find): Table {
  const input = value(node.input);
  const { heads, headDim, scale, rotary, window } = node;
  const width = heads * headDim;
  /** Element i of the query (0), key (1) or value (2) of a head. */
  const part = (which: number, head: number, t: number, i: number): number => {
    const raw = (k: number): number => at(input, t, which * width + head * headDim + k);
    if (rotary === undefined || which === 2 || i >= rotary.dimensions) return raw(i);
    const half = rotary.dimensions / 2;
    const angle = t * rotary.theta ** ((-2 * (i % half)) / rotary.dimensions);
    const other = i < half ? -raw(i + half) : raw(i - half);
    return raw(i) * Math.cos(angle) + other * Math.sin(angle);
  };
  const dot = (a: (i: number) => number, b: (i: number) => number): number => {
    let sum = 0;
    for (let i = 0; i < headDim; i++) sum += a(i) * b(i);
    return sum;
  };
  const score = (head: number, q: number, k: number): number => {
    const query = (i: number): number => part(0, head, q, i);
    const key = (i: number): number => part(1, head, k, i);
    let sum = dot(query, key);
    const { disentangled, relativeBias } = node;
    if (disentangled !== undefined) {
      const { keys, queries } = disentangled;
      const p = disentangledRow(disentangled, q - k);
      const ofTable = (name: string) => (i: number) => at(value(name), p, head * headDim + i);
      if (keys !== null) sum += dot(query, ofTable(keys));
      if (queries !== null) sum += dot(key, ofTable(queries));
    }
    const biases = relativeBias && weight(relativeBias.weight);
    const bias =
      biases && relativeBias
        ? at(biases, relativeBucket(k - q, biases.rows, relativeBias.maxDistance), head)
        : 0;
    return sum * scale + bias;
  };
  const rows = Array.from({ length: heads }, (_, head) =>
    Array.from({ length: input.rows }, (_, q) => {
      const scores = Array.from({ length: input.rows }, (_, k) =>
        window !== undefined && Math.abs(q - k) > window ? -Infinity : score(head, q, k),
      );
      const most = Math.max(...scores);
      const exps = scores.map((s) => Math.exp(s - most));
      const total = exps.reduce((a, b) => a + b, 0);
      return exps.map((e) => e / total);
    }),
  );
  return make(input.rows, width, (t, column) => {
    const [head, i] = [Math.floor(column / headDim), column % headDim];
    const weights = rows[head]?.[t] ?? [];
    return weights.reduce((sum, w, k) => sum + w * part(2, head, k, i), 0);
  });
}

/** Buckets in exact arithmetic on logarithms, away from the edges that the unit test of buckets covers. */
function relativeBucket(distance: number, buckets: number, maxDistance: number): number {
  const half = buckets / 2;
  const exact = half / 2;
  const far = Math.abs(distance);
  const log = Math.log(far / exact) / Math.log(maxDistance / exact);
  const bucket = far < exact ? far : exact + Math.floor(log * (half - exact) + 1e-9);
  return (distance > 0 ? half : 0) + Math.min(bucket, half - 1);
}

function disentangledRow(
  { buckets, maxDistance }: NonNullable<AttentionNode['disentangled']>,
  distance: number,
): number {
  const span = buckets === 0 ? maxDistance : buckets;
  const middle = Math.floor(buckets / 2);
  const far = Math.abs(distance);
  let d = distance;
  if (buckets !== 0 && far > middle) {
    const log = Math.log(far / middle) / Math.log((maxDistance - 1) / middle);
    d = Math.sign(distance) * (Math.ceil(log * (middle - 1) - 1e-9) + middle);
  }
  return Math.min(Math.max(d + span, 0), 2 * span - 1);
}

function pool(kind: string, input: Table): Table {
  const { rows, width } = input;
  return make(1, width, (_, i) => {
    const column = Array.from({ length: rows }, (_, t) => at(input, t, i));
    const sum = column.reduce((a, b) => a + b, 0);
    if (kind === 'mean') return sum / rows;
    if (kind === 'cls') return column[0] ?? 0;
    if (kind === 'max') return Math.max(...column);
    if (kind === 'mean_sqrt_len_tokens') return sum / Math.sqrt(rows);
    if (kind === 'lasttoken') return column.at(-1) ?? 0;
    if (kind !== 'weightedmean') throw new Error(kind);
    const total = column.reduce((a, x, t) => a + x * (t + 1), 0);
    return total / ((rows * (rows + 1)) / 2);
  });
}

function activate(kind: string, x: number): number {
  if (kind === 'none') return x;
  if (kind === 'relu') return Math.max(x, 0);
  if (kind === 'tanh') return Math.tanh(x);
  if (kind === 'silu') return x / (1 + Math.exp(-x));
  if (kind === 'quick_gelu') return x / (1 + Math.exp(-1.702 * x));
  if (kind === 'gelu') return 0.5 * x * (1 + erf(x / Math.SQRT2));
  if (kind !== 'gelu_tanh') throw new Error(kind);
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

/** The series of erf: exact to double precision where it is needed here. */
function erf(x: number): number {
  if (Math.abs(x) > 5) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 200; n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
