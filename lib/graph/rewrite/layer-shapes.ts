/** What the time of each layer of a graph depends on: its heads, its neurons, and everything else as one text. */

import { inputsOf } from '../nodes.js';
import type { EncoderGraph } from '../types.js';
import { validateGraph } from '../validate.js';
import { unitsOf } from './units.js';

export interface LayerShape {
  /** The same for layers that differ in their widths only: `bert`'s have one kind, those of ModernBERT two. */
  readonly kind: string;
  readonly heads: number;
  readonly neurons: number;
}

/** The shapes of the layers, in the order in which they run. */
export function layerShapes(graph: EncoderGraph): readonly LayerShape[] {
  const values = validateGraph(graph);
  const units = unitsOf(graph);
  const makers = new Map(graph.nodes.map((node) => [node.output, node]));
  return graph.nodes
    .filter((node) => node.op === 'attention')
    .map((node, layer) => {
      const { headDim, rotary, window, relativeBias, disentangled } = node;
      const product = makers.get(node.input);
      const width = values.get(product === undefined ? '' : (inputsOf(product)[0] ?? ''))?.width;
      const neurons = units.neurons[layer];
      const maker = makers.get(neurons?.value ?? '');
      const kind = [
        `width ${width ?? 0}`,
        `head ${headDim}`,
        ...(rotary === undefined ? [] : ['rotary']),
        ...(window === undefined ? [] : [`window ${window}`]),
        ...(relativeBias === undefined ? [] : ['relative bias']),
        ...(disentangled === undefined ? [] : ['disentangled']),
        ...(maker?.op === 'gate' ? [`gated ${maker.activation}`] : []),
        ...(maker?.op === 'linear' ? [maker.activation] : []),
      ].join(', ');
      return { kind, heads: node.heads, neurons: neurons?.count ?? 0 };
    });
}
