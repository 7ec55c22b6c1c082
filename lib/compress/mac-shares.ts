/** Which share of a model's multiplications each product has, counted from the graph. */

import type { QuantizableProduct } from '../graph/rewrite/products.js';
import type { EncoderGraph } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';

/** Mean length of the texts in tokens, and mean of the squares of lengths. */
export interface TextLengths {
  readonly mean: number;
  readonly meanSquare: number;
}

/**
 * The products' shares of all multiplications of a text: rows * columns a token in a product, 2 * length * width a token in
 * attention, rows * columns a text in a head. A table that is only looked up has none.
 */
export function macShares(
  graph: EncoderGraph,
  products: readonly QuantizableProduct[],
  { mean, meanSquare }: TextLengths,
): readonly number[] {
  const values = validateGraph(graph);
  const shapes = new Map(graph.weights.map(({ name, shape }) => [name, shape]));
  const byNode = new Map<string, number>();
  let total = 0;
  for (const node of graph.nodes) {
    let macs = 0;
    if (node.op === 'linear') {
      const times = values.get(node.input)?.kind === 'token' ? mean : 1;
      for (const name of node.weights) {
        const [rows = 0, columns = 0] = shapes.get(name) ?? [];
        macs += rows * columns * times;
      }
    } else if (node.op === 'attention') {
      macs = 2 * meanSquare * (values.get(node.output)?.width ?? 0);
    }
    byNode.set(node.output, macs);
    total += macs;
  }
  return products.map(
    ({ outputs }) => outputs.reduce((sum, name) => sum + (byNode.get(name) ?? 0), 0) / total,
  );
}
