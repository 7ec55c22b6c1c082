/** Removes layers from a graph: nodes that read the output of a removed layer read its input instead. */

import { withNames } from '../nodes.js';
import type { EncoderGraph, OutputName } from '../types.js';
import { validateGraph } from '../validate.js';
import { onlyOutputs } from './outputs.js';

/**
 * `graph` without these layers, counted from 0 in the order in which they run. The outputs `hidden.N` are renumbered. Throws
 * RangeError if a layer does not exist, if none would remain, or if the graph has no outputs for the hidden values of its
 * layers.
 */
export function dropLayers(graph: EncoderGraph, layers: readonly number[]): EncoderGraph {
  const ends = layerEnds(graph);
  const count = ends.length - 1;
  const dropped = new Set(layers);
  const wrong = layers.find(
    (layer) => !(Number.isSafeInteger(layer) && layer >= 0 && layer < count),
  );
  if (wrong !== undefined) {
    throw new RangeError(`layers must be from 0 to ${count - 1}, got ${wrong}`);
  }
  if (dropped.size === count) throw new RangeError(`layers: at least one must be left of ${count}`);
  const instead = new Map<string, string>();
  for (const layer of [...dropped].sort((a, b) => a - b)) {
    const [begin = '', end = ''] = [ends[layer], ends[layer + 1]];
    instead.set(end, instead.get(begin) ?? begin);
  }
  const rename = (value: string) => instead.get(value) ?? value;
  const nodes = graph.nodes.map((node) => withNames(node, { value: rename }));
  const outputs = outputsWithout(graph, dropped, count, rename);
  const changed = { ...graph, nodes, outputs };
  const left = onlyOutputs(changed, Object.keys(outputs) as OutputName[]);
  validateGraph(left);
  return left;
}

/** The input of each layer, then the output of the last one. In pre-norm encoders that is the value before the final norm. */
function layerEnds(graph: EncoderGraph): readonly string[] {
  const ends: string[] = [];
  for (let i = 0; ; i++) {
    const value = graph.outputs[`hidden.${i}`];
    if (value === undefined) break;
    ends.push(value);
  }
  const layers = graph.nodes.filter(({ op }) => op === 'attention').length;
  if (ends.length !== layers + 1) {
    throw new RangeError(`the graph must offer the hidden values of its ${layers} layers`);
  }
  const last = graph.nodes.find(({ output }) => output === ends[layers]);
  if (last?.op === 'norm' && last.residual === null) ends[layers] = last.input;
  return ends;
}

function outputsWithout(
  { outputs }: EncoderGraph,
  dropped: ReadonlySet<number>,
  count: number,
  rename: (value: string) => string,
): EncoderGraph['outputs'] {
  const left: Partial<Record<OutputName, string>> = {};
  for (const [name, value] of Object.entries(outputs) as [OutputName, string][]) {
    if (!name.startsWith('hidden.')) left[name] = rename(value);
  }
  // hidden.i is the output of layer i - 1. The last one may be the output of a final norm, which stays.
  let number = 0;
  for (let i = 0; i <= count; i++) {
    if (i > 0 && dropped.has(i - 1)) continue;
    left[`hidden.${number}`] = rename(outputs[`hidden.${i}`] ?? '');
    number += 1;
  }
  left[`hidden.${number - 1}`] = rename(outputs[`hidden.${count}`] ?? '');
  return left;
}
