/**
 * Attention as standard operators, with every form of position information.
 *
 * softmax(scale (q k^T + disentangled terms) + relative bias + mask) v for every head. A row whose mask is all 0 attends
 * evenly: no NaN.
 */

import { disentangledRows } from '../../graph/distance-buckets.js';
import type { AttentionNode, Disentangled, EncoderGraph } from '../../graph/types.js';
import { relativeBias, rotated, rowsOfDistances, windowBias } from './lower-positions.js';
import type { Lowering, Lowerings } from './lowering.js';

/** Query, key and value as [batch, heads, sequence, headDim]; `keyColumns` is the key with its last two axes swapped. */
interface Heads {
  readonly query: string;
  readonly keyColumns: string;
  readonly keyRows: () => string;
  readonly value: string;
}

function lowerAttention(
  lowering: Lowering,
  node: AttentionNode,
  { maxTokens }: EncoderGraph,
): void {
  const { builder } = lowering;
  const width = node.heads * node.headDim;
  const step = (op: string, inputs: string[], name: string, attributes = {}): string =>
    builder.step(op, inputs, `${node.output}/${name}`, attributes);
  // In f16 the products of long vectors could overflow, so the query is scaled before the product.
  const early = builder.floatType === 'float16';
  const heads = splitHeads(lowering, node, early);
  const products = step('MatMul', [heads.query, heads.keyColumns], 'products');
  const terms = node.disentangled
    ? disentangledTerms(lowering, node, node.disentangled, heads, early, maxTokens)
    : [];
  let scores = terms.reduce((sum, term) => step('Add', [sum, term], 'terms'), products);
  if (!early) scores = step('Div', [scores, builder.float(Math.fround(1 / node.scale))], 'scaled');
  if (node.relativeBias !== undefined) {
    scores = step('Add', [scores, relativeBias(lowering, node.relativeBias, maxTokens)], 'biased');
  }
  const mask =
    node.window === undefined ? lowering.attentionBias() : windowBias(lowering, node.window);
  scores = step('Add', [scores, mask], 'scores');
  const weights = step('Softmax', [scores], 'weights', { axis: { int: -1 } });
  const context = step('MatMul', [weights, heads.value], 'context');
  const rows = step('Transpose', [context], 'rows', { perm: { ints: [0, 2, 1, 3] } });
  const name = lowering.nameOf(node.output);
  builder.node('Reshape', [rows, builder.int64s(0, 0, width)], name);
  lowering.set(node.output, 'token', name, width);
}

function splitHeads(lowering: Lowering, node: AttentionNode, early: boolean): Heads {
  const { builder } = lowering;
  const { heads, headDim, rotary, output } = node;
  const [queryIn, keyIn, valueIn] = queryKeyValue(lowering, node, heads * headDim);
  const step = (op: string, inputs: string[], name: string, attributes = {}): string =>
    builder.step(op, inputs, `${output}/${name}`, attributes);
  const turn = (name: string, tensor: string, perm: number[]): string =>
    step('Transpose', [tensor], name, { perm: { ints: perm } });
  const split = (name: string, tensor: string): string =>
    step('Reshape', [tensor, builder.int64s(0, 0, heads, headDim)], `${name}_split`);
  const rotate = (name: string, tensor: string): string =>
    rotary === undefined ? tensor : rotated(lowering, rotary, headDim, tensor, `${output}/${name}`);

  const turned = rotate('query', turn('query', split('query', queryIn), [0, 2, 1, 3]));
  const scale = (): string => builder.float(Math.fround(node.scale));
  const query = early ? step('Mul', [turned, scale()], 'query_scaled') : turned;
  const keySplit = split('key', keyIn);
  const keyRows = (): string => turn('key_rows', keySplit, [0, 2, 1, 3]);
  const keyColumns =
    rotary === undefined
      ? turn('key', keySplit, [0, 2, 3, 1])
      : turn('key', rotate('key', keyRows()), [0, 1, 3, 2]);
  const value = turn('value', split('value', valueIn), [0, 2, 1, 3]);
  return { query, keyColumns, keyRows, value };
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

/**
 * The terms q . keys[p] and k . queries[p'], [batch, heads, sequence, sequence] each. As in transformers, each q (or k) is
 * multiplied by all rows of the table, then the product with the row of its distance is picked. The distance seen from the
 * key has the opposite sign and so the same row: p' is the transpose of p.
 */
function disentangledTerms(
  lowering: Lowering,
  node: AttentionNode,
  { keys, queries, buckets, maxDistance }: Disentangled,
  heads: Heads,
  early: boolean,
  maxTokens: number,
): readonly string[] {
  const { builder } = lowering;
  const step = (op: string, inputs: string[], name: string, attributes = {}): string =>
    builder.step(op, inputs, `${node.output}/${name}`, attributes);
  const table = disentangledRows(buckets, maxDistance, maxTokens);
  const key = `disentangled_rows/${buckets}/${maxDistance}`;
  const picked = rowsOfDistances(lowering, 'query - key', key, table);
  /** [heads, headDim, rows] of a table [rows, heads * headDim]. */
  const columns = (value: string, name: string, scaled: boolean): string => {
    const shape = builder.int64s(0, node.heads, node.headDim);
    const { name: rows } = lowering.whole(value, 'float');
    const factor = (): string => builder.float32(Math.fround(node.scale));
    const table = scaled ? step('Mul', [rows, factor()], `${name}_scaled`) : rows;
    const split = step('Reshape', [table, shape], `${name}_split`);
    const turned = step('Transpose', [split], name, { perm: { ints: [1, 2, 0] } });
    if (builder.floatType === 'float') return turned;
    return builder.cast(turned, 'float16', builder.fresh(`${turned}/f16`));
  };
  const pick = (products: string, rows: string, name: string): string => {
    const index = expanded(lowering, rows, products, `${node.output}/${name}_index`);
    return step('GatherElements', [products, index], name, { axis: { int: -1 } });
  };
  const terms: string[] = [];
  if (keys !== null) {
    const products = step(
      'MatMul',
      [heads.query, columns(keys, 'position_keys', false)],
      'to_position',
    );
    terms.push(pick(products, picked, 'content_to_position'));
  }
  if (queries !== null) {
    const queryColumns = columns(queries, 'position_queries', early);
    const products = step('MatMul', [heads.keyRows(), queryColumns], 'from_position');
    const [turned = ''] = lowering.once(`${key} turned`, () => [
      builder.step('Transpose', [picked], 'positions/rows_turned', { perm: { ints: [1, 0] } }),
    ]);
    const term = pick(products, turned, 'key_to_position');
    terms.push(step('Transpose', [term], 'position_to_content', { perm: { ints: [0, 1, 3, 2] } }));
  }
  return terms;
}

/**
 * Expands `rows` [sequence, sequence] to i64 [batch, heads, sequence, sequence], the sizes of `products` [batch, heads,
 * sequence, any].
 */
function expanded(lowering: Lowering, rows: string, products: string, name: string): string {
  const { builder } = lowering;
  const parts = [0, 1, 2].map((axis) =>
    builder.dimension(products, axis, builder.fresh(`${name}/size`)),
  );
  const sizes = [...parts, lowering.sequenceLength()];
  const shape = builder.step('Concat', sizes, `${name}/shape`, { axis: { int: 0 } });
  return builder.step('Expand', [rows, shape], name);
}

export const ATTENTION_LOWERINGS = { attention: lowerAttention } satisfies Partial<Lowerings>;
