/**
 * Factorises the table of tokens as ALBERT does (Lan et al. 2020): vocabulary x width becomes vocabulary x rank, and a product of
 * rank x width behind it. What other tables add, and all that follows, stays.
 */

import { weightsOf } from '../nodes.js';
import { holdsCodes } from '../storages.js';
import type { EncoderGraph, GraphNode, WeightSpec } from '../types.js';
import { validateGraph } from '../validate.js';

export interface FactoredTable {
  readonly graph: EncoderGraph;
  /** The table that was, [vocabulary, width]. */
  readonly table: string;
  /** The new table, [vocabulary, rank]. */
  readonly rows: string;
  /** The weight of the product, [width, rank]. */
  readonly product: string;
}

/**
 * Throws UNSUPPORTED_MODEL, as validateGraph does, for a graph that is not whole, and RangeError for one whose tokens are not looked
 * up in one table of floats that nothing else reads, and for a rank that is not below its width.
 */
export function factorTable(graph: EncoderGraph, rank: number): FactoredTable {
  validateGraph(graph);
  const nodes = graph.nodes.filter((node) => node.op === 'embedding');
  const found = nodes.filter(({ tables }) => tables.some(({ index }) => index === 'token'));
  const [node] = found;
  const tokens = node?.tables.filter(({ index }) => index === 'token') ?? [];
  const [token] = tokens;
  if (node === undefined || token === undefined || found.length + tokens.length > 2)
    throw new RangeError('the tokens of the graph are not looked up in one table');
  const { weight: table } = token;
  const readers = graph.nodes.flatMap(weightsOf).filter((name) => name === table);
  if (readers.length > 1) throw new RangeError(`weight ${table} is read more than once`);
  const spec = graph.weights.find(({ name }) => name === table);
  const [vocabulary = 0, width = 0] = spec?.shape ?? [];
  if (spec === undefined || holdsCodes(spec))
    throw new RangeError(
      `weight ${table} is ${spec?.dtype}; factorise the float model, then quantize`,
    );
  if (!(Number.isSafeInteger(rank) && rank >= 1 && rank < width))
    throw new RangeError(`the embedding size must be from 1 to ${width - 1}, got ${rank}`);
  const stem = table.replace(/\.weight$/, '');
  const [rows, product] = [`${stem}.low_rank_a.weight`, `${stem}.low_rank_b.weight`];
  const weights = graph.weights.flatMap((weight): WeightSpec[] =>
    weight.name === table
      ? [
          { name: rows, shape: [vocabulary, rank], dtype: 'f32' },
          { name: product, shape: [width, rank], dtype: 'f32' },
        ]
      : [weight],
  );
  const others = node.tables.filter((one) => one !== token);
  const { output } = node;
  const [looked, widened] = [
    `${output}.low_rank`,
    others.length === 0 ? output : `${output}.tokens`,
  ];
  const added: GraphNode[] = [
    { op: 'embedding', tables: [{ ...token, weight: rows }], output: looked },
    {
      ...{ op: 'linear', input: looked, weights: [product], biases: [] },
      ...{ activation: 'none', activationBits: 8, output: widened },
    },
    ...(others.length === 0
      ? []
      : [
          { op: 'embedding' as const, tables: others, output: `${output}.others` },
          { op: 'add' as const, input: widened, residual: `${output}.others`, output },
        ]),
  ];
  const left = {
    ...graph,
    weights,
    nodes: graph.nodes.flatMap((one) => (one === node ? added : [one])),
  };
  validateGraph(left);
  return { graph: left, table, rows, product };
}
