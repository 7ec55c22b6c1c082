/** Vectors of length 1. */

import { onlyOutputs } from '../graph/rewrite/outputs.js';
import type { EncoderGraph } from '../graph/types.js';
import type { NativeProgram } from '../native/program.js';
import { programOver } from './program.js';
import type { SharedProgram } from './shared-program.js';

/** Whether the last step of the graph scales its vectors to length 1. */
export function hasUnitRows(graph: EncoderGraph): boolean {
  const { embedding } = graph.outputs;
  return graph.nodes.some((node) => node.op === 'normalize' && node.output === embedding);
}

const unscaled = new WeakMap<EncoderGraph, EncoderGraph>();

/** The graph whose embedding is what the last step would scale; the graph itself if its last step does not scale. */
export function unscaledGraph(graph: EncoderGraph): EncoderGraph {
  const { embedding } = graph.outputs;
  const last = graph.nodes.find((node) => node.output === embedding);
  if (last?.op !== 'normalize') return graph;
  let made = unscaled.get(graph);
  if (made === undefined) {
    made = onlyOutputs({ ...graph, outputs: { embedding: last.input } }, ['embedding']);
    unscaled.set(graph, made);
  }
  return made;
}

/** A program for `unscaledGraph` over the weights of `program`. Only inside `use` of it. */
export function unscaledProgram(
  graph: EncoderGraph,
  program: SharedProgram,
): Promise<NativeProgram> {
  return program.beside('unscaled', ({ store }) =>
    programOver(unscaledGraph(graph), store, { trainable: false, where: 'run' }),
  );
}

/** Scales a vector in place to length 1; a vector of zeros stays as it is. */
export function scaleToUnit(vector: Float32Array): void {
  let squares = 0;
  for (const value of vector) squares += value * value;
  const factor = squares === 0 ? 0 : 1 / Math.sqrt(squares);
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] ?? 0) * factor;
}
