/**
 * The operations that see a whole sequence: embedding, attention, pool, normalize.
 *
 * These are the ones that padding could disturb; each takes the mask into account or says why it need not.
 */

import { SinterError } from '../../core/errors.js';
import type { AttentionNode, EmbeddingNode, NormalizeNode, PoolNode } from '../../graph/types.js';
import { INPUT_IDS, type Lowering, TOKEN_TYPE_IDS } from './lowering.js';

type Table = EmbeddingNode['tables'][number];

/** Sum of looked-up rows. Padding gets rows too; nothing reads them. */
export function lowerEmbedding(lowering: Lowering, node: EmbeddingNode, segments: number): void {
  const { builder } = lowering;
  const [first, ...rest] = node.tables;
  if (first === undefined) {
    throw new SinterError('INTERNAL', `ONNX export: embedding "${node.output}" has no table`);
  }
  const { width } = lowering.weights.spec(first.weight, 2);
  // A token table comes first so that the sum has a batch axis from its first term on.
  const tables = [first, ...rest].sort((a, b) => rank(a) - rank(b));
  const rows = tables.map((table) => lookUp(lowering, table, node.output, segments));
  let sum = rows[0] ?? '';
  for (const [i, row] of rows.slice(1).entries()) {
    const last = i === rows.length - 2;
    const name = last ? lowering.nameOf(node.output) : builder.fresh(`${node.output}/sum`);
    sum = builder.node('Add', [sum, row], name);
  }
  if (rows.length === 1) sum = builder.node('Identity', [sum], lowering.nameOf(node.output));
  lowering.set(node.output, 'token', sum, width);
}

function rank(table: Table): number {
  return table.index === 'token' ? 0 : table.index === 'segment' ? 1 : 2;
}

/** Rows of one table as f32: [batch, sequence, width], or [sequence, width] for positions. */
function lookUp(lowering: Lowering, table: Table, output: string, segments: number): string {
  const { builder, weights } = lowering;
  const pick = (constant: string, name: string): string => {
    const made = builder.fresh(`${output}/${table.index}${name}`);
    if (table.index === 'position') return positionRows(lowering, constant, table.offset, made);
    return builder.node('Gather', [constant, rowIndex(lowering, table, segments)], made);
  };
  const quantized = weights.spec(table.weight, 2).dtype === 's8' && lowering.integer !== null;
  if (!quantized) return pick(weights.table(table.weight), '');
  const integers = pick(weights.integerTable(table.weight), '_i8');
  const scales = pick(weights.scales(table.weight, 'column'), '_scale');
  const floats = builder.fresh(`${output}/${table.index}_f32`);
  builder.node('Cast', [integers], floats, { to: { int: 1 } });
  return builder.node('Mul', [floats, scales], builder.fresh(`${output}/${table.index}`));
}

function rowIndex(lowering: Lowering, table: Table, segments: number): string {
  const { builder } = lowering;
  if (table.index === 'segment' && segments < 2) return builder.int64(table.offset);
  const ids = table.index === 'token' ? INPUT_IDS : TOKEN_TYPE_IDS;
  if (table.offset === 0) return ids;
  const shifted = builder.fresh(`${ids}/shifted`);
  return builder.node('Add', [ids, builder.int64(table.offset)], shifted);
}

/** Rows offset ... offset + sequence of a constant: positions count from the first token, padding on the right. */
function positionRows(
  lowering: Lowering,
  constant: string,
  offset: number,
  output: string,
): string {
  const { builder } = lowering;
  const [end = ''] = lowering.once(`positions from ${offset}`, () => {
    const shape = builder.node('Shape', [INPUT_IDS], builder.fresh('input_ids/sequence'), {
      start: { int: 1 },
      end: { int: 2 },
    });
    if (offset === 0) return [shape];
    const shifted = builder.fresh('input_ids/sequence_end');
    return [builder.node('Add', [shape, builder.int64s(offset)], shifted)];
  });
  const bounds = [builder.int64s(offset), end, builder.int64s(0)];
  return builder.node('Slice', [constant, ...bounds], output);
}

/** Softmax(scale q k^T + mask) v for every head. A row whose mask is all 0 attends evenly: no NaN. */
export function lowerAttention(lowering: Lowering, node: AttentionNode): void {
  const { builder } = lowering;
  const width = node.heads * node.headDim;
  const [query, key, value] = queryKeyValue(lowering, node, width);
  const step = (op: string, inputs: string[], name: string, attributes = {}): string =>
    builder.node(op, inputs, builder.fresh(`${node.output}/${name}`), attributes);
  const heads = (name: string, tensor: string, perm: number[]): string => {
    const shape = builder.int64s(0, 0, node.heads, node.headDim);
    const split = step('Reshape', [tensor, shape], `${name}_split`);
    return step('Transpose', [split], name, { perm: { ints: perm } });
  };
  const q = heads('query', query, [0, 2, 1, 3]);
  const k = heads('key', key, [0, 2, 3, 1]);
  const v = heads('value', value, [0, 2, 1, 3]);
  const products = step('MatMul', [q, k], 'products');
  const scaled = step('Div', [products, builder.float(Math.fround(1 / node.scale))], 'scaled');
  const scores = step('Add', [scaled, lowering.attentionBias()], 'scores');
  const weights = step('Softmax', [scores], 'weights', { axis: { int: -1 } });
  const context = step('MatMul', [weights, v], 'context');
  const rows = step('Transpose', [context], 'rows', { perm: { ints: [0, 2, 1, 3] } });
  const name = lowering.nameOf(node.output);
  builder.node('Reshape', [rows, builder.int64s(0, 0, width)], name);
  lowering.set(node.output, 'token', name, width);
}

function queryKeyValue(
  lowering: Lowering,
  node: AttentionNode,
  width: number,
): readonly [string, string, string] {
  const { parts } = lowering.value(node.input);
  const [q, k, v] = parts;
  if (parts.length === 3 && q && k && v && parts.every((part) => part.width === width)) {
    return [q.name, k.name, v.name];
  }
  const { builder } = lowering;
  const whole = lowering.whole(node.input);
  const names = ['query', 'key', 'value'].map((part) => builder.fresh(`${node.output}/${part}_in`));
  const sizes = builder.int64s(width, width, width);
  builder.nodes('Split', [whole.name, sizes], names, { axis: { int: -1 } });
  return [names[0] ?? '', names[1] ?? '', names[2] ?? ''];
}

/** Token value to sequence value, over real tokens only. */
export function lowerPool(lowering: Lowering, node: PoolNode): void {
  const { builder } = lowering;
  const input = lowering.whole(node.input);
  const name = lowering.nameOf(node.output);
  const step = (op: string, inputs: string[], part: string): string =>
    builder.node(op, inputs, builder.fresh(`${node.output}/${part}`));
  if (node.kind === 'cls') {
    // The first token is always real: padding stands on the right.
    builder.node('Gather', [input.name, builder.int64(0)], name, { axis: { int: 1 } });
  } else if (node.kind === 'max') {
    // As in sentence-transformers: padding counts as -1e9.
    const real = builder.node(
      'Cast',
      [lowering.tokenMask()],
      builder.fresh(`${node.output}/real`),
      {
        to: { int: 9 },
      },
    );
    const kept = step('Where', [real, input.name, builder.float(-1e9)], 'kept');
    builder.reduce('ReduceMax', kept, 1, false, name);
  } else {
    const mask = lowering.tokenMask();
    const kept = step('Mul', [input.name, mask], 'kept');
    const sum = builder.reduce('ReduceSum', kept, 1, false, builder.fresh(`${node.output}/sum`));
    const count = builder.reduce(
      'ReduceSum',
      mask,
      1,
      false,
      builder.fresh(`${node.output}/count`),
    );
    const divisor = step('Max', [count, builder.float(1e-9)], 'divisor');
    builder.node('Div', [sum, divisor], name);
  }
  lowering.set(node.output, 'sequence', name, input.width);
}

export function lowerNormalize(lowering: Lowering, node: NormalizeNode): void {
  const { builder } = lowering;
  const input = lowering.whole(node.input);
  const length = builder.reduce(
    'ReduceL2',
    input.name,
    -1,
    true,
    builder.fresh(`${node.output}/length`),
  );
  const divisor = builder.fresh(`${node.output}/divisor`);
  builder.node('Max', [length, builder.float(1e-12)], divisor);
  const name = builder.node('Div', [input.name, divisor], lowering.nameOf(node.output));
  lowering.set(node.output, input.kind, name, input.width);
}
