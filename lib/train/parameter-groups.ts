/**
 * Which weights a training changes, and with what learning rate and decay.
 *
 * A weight belongs to the part of the graph that reads it first: the embeddings, a layer, or the head after the last layer
 * (a pooler counts as head).
 */

import { rangeMistake, SinterError } from '../core/errors.js';
import { weightsOf } from '../graph/nodes.js';
import { onlyOutputs } from '../graph/rewrite/outputs.js';
import type { EncoderGraph, OutputName } from '../graph/types.js';
import type { ParameterGroup } from '../native/training.js';
import { decayedWeights } from './weight-decay.js';

export interface GroupSettings {
  readonly optimizer: string;
  readonly weightDecay: number;
  readonly layerDecay: number;
  readonly freeze: readonly string[];
  readonly trainable: 'all' | 'biases';
}

/** The depth of each weight: 0 for embeddings, 1 for the first layer, `layers` + 1 for the head. */
export interface Depths {
  readonly layers: number;
  readonly of: ReadonlyMap<string, number>;
}

/** Throws UNSUPPORTED_MODEL if the graph does not say where its layers end. */
export function weightDepths(graph: EncoderGraph): Depths {
  const made = new Map(graph.nodes.map((node, index) => [node.output, index]));
  const placeOf = (name: OutputName) => {
    const value = graph.outputs[name];
    return value === undefined ? undefined : made.get(value);
  };
  const ends: number[] = [];
  for (let end = placeOf('hidden.0'); end !== undefined; end = placeOf(`hidden.${ends.length}`))
    ends.push(end);
  if (ends.length === 0)
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      'train: the model does not say where its layers end',
    );
  // A norm after the last layer belongs to it.
  ends.push(Math.max(ends.pop() ?? 0, placeOf('hidden') ?? 0));
  const of = new Map<string, number>();
  for (const [index, node] of graph.nodes.entries()) {
    const depth = ends.filter((end) => end < index).length;
    for (const name of weightsOf(node)) if (!of.has(name)) of.set(name, depth);
  }
  return { layers: ends.length - 1, of };
}

/** Names of the weights that are trained: `true` for all. Throws RangeError for a part that the model does not have. */
export function trainedWeights(
  graph: EncoderGraph,
  { freeze, trainable }: Pick<GroupSettings, 'freeze' | 'trainable'>,
): true | string[] {
  if (freeze.length === 0 && trainable === 'all') return true;
  const depths = weightDepths(graph);
  const names = graph.weights.map(({ name }) => name);
  const frozen = new Set(freeze.flatMap((part, i) => weightsIn(part, i, names, depths)));
  const biases = biasesOf(graph);
  const isChosen = (name: string) =>
    trainable === 'all' || biases.has(name) || depths.of.get(name) === depths.layers + 1;
  const trained = names.filter((name) => !frozen.has(name) && isChosen(name));
  if (!someCount(graph, trained)) throw new RangeError('train: freeze leaves no weight to train');
  checkStacks(graph, new Set(trained));
  return trained;
}

/** Whether one of the weights changes what is trained: the pooler of an encoder does not change its vectors. */
function someCount(graph: EncoderGraph, trained: readonly string[]): boolean {
  const { logits, embedding } = graph.outputs;
  const output = logits === undefined ? 'embedding' : 'logits';
  if (logits === undefined && embedding === undefined) return trained.length > 0;
  const used = new Set(onlyOutputs(graph, [output]).weights.map(({ name }) => name));
  return trained.some((name) => used.has(name));
}

/** The parameter groups of the trained weights. A weight in none has the full learning rate and no decay. */
export function parameterGroups(
  graph: EncoderGraph,
  settings: GroupSettings,
  trained: true | readonly string[] = true,
): ParameterGroup[] {
  const { weightDecay, layerDecay, optimizer } = settings;
  const decayed = new Set(decayedWeights(graph));
  const names = trained === true ? graph.weights.map(({ name }) => name) : trained;
  const groups = new Map<string, ParameterGroup & { weights: string[] }>();
  const depths = layerDecay === 1 ? null : weightDepths(graph);
  for (const name of names) {
    const decays = decayed.has(name);
    const above = depths === null ? 0 : depths.layers + 1 - (depths.of.get(name) ?? 0);
    // LAMB leaves biases and norms as they are, as its authors do.
    const isPlain = !decays && (optimizer !== 'lamb' || weightDecay === 0);
    if (isPlain && above === 0 && optimizer !== 'lamb') continue;
    const key = `${above} ${decays}`;
    const group = groups.get(key) ?? {
      weights: [],
      learningRateFactor: layerDecay ** above,
      weightDecay: decays ? weightDecay : 0,
      ...(optimizer === 'lamb' && { trustRatio: decays }),
    };
    group.weights.push(name);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function biasesOf({ nodes }: EncoderGraph): Set<string> {
  const biases = new Set<string>();
  for (const node of nodes) {
    if (node.op === 'linear') for (const bias of node.biases) biases.add(bias);
    if (node.op === 'norm' && node.bias !== null) biases.add(node.bias);
  }
  return biases;
}

function weightsIn(
  part: string,
  index: number,
  names: readonly string[],
  { layers, of }: Depths,
): string[] {
  const layer = /^layer\.(\d+)$/.exec(part)?.[1];
  const isWithin = (depth: number) => {
    if (part === 'embeddings') return depth === 0;
    if (part === 'encoder') return depth <= layers;
    if (part === 'head') return depth > layers;
    return layer !== undefined && Number(layer) < layers && depth === Number(layer) + 1;
  };
  const found = names.filter(
    (name) => isWithin(of.get(name) ?? 0) || name === part || name.startsWith(`${part}.`),
  );
  if (found.length > 0) return found;
  const parts = `"embeddings", "encoder", "layer.0" to "layer.${layers - 1}", "head"`;
  const what = `${parts}, or a name of weights such as ${JSON.stringify(names[0] ?? '')}`;
  throw rangeMistake(`train: freeze[${index}]`, what, part);
}

/** Weights that one product computes together are trained together. */
function checkStacks({ nodes }: EncoderGraph, trained: ReadonlySet<string>): void {
  for (const node of nodes) {
    if (node.op !== 'linear') continue;
    for (const stack of [node.weights, node.biases]) {
      const frozen = stack.find((name) => !trained.has(name));
      const other = stack.find((name) => trained.has(name));
      if (frozen === undefined || other === undefined) continue;
      const what = `${frozen} and ${other} are computed together; freeze both or neither`;
      throw new RangeError(`train: freeze: ${what}`);
    }
  }
}
