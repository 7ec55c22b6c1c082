/**
 * Plans the training of adapters: which modules of a model get one, what it begins as, and which weights of the head are
 * trained whole.
 */

import { rangeMistake, SinterError } from '../core/errors.js';
import { SeededRandom } from '../core/random.js';
import type { FloatTensor } from '../core/tensor.js';
import type { BottleneckSettings, Ia3Settings, LoraSettings } from '../graph/adapter-options.js';
import { withBottlenecks } from '../graph/rewrite/bottleneck.js';
import { onlyOutputs } from '../graph/rewrite/outputs.js';
import { shapeOf } from '../graph/rewrite/tables.js';
import { holdsCodes } from '../graph/storages.js';
import type { EncoderGraph } from '../graph/types.js';
import type { Adapter, BottleneckAdapter, Ia3Adapter, LoraAdapter } from '../runtime/adapter.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { isModule, sizeOf } from './adapter-options.js';

/** The kind of adapters that a training makes, and their settings. */
export type AdapterChoice =
  | { readonly method: 'lora'; readonly settings: LoraSettings }
  | { readonly method: 'ia3'; readonly settings: Ia3Settings }
  | { readonly method: 'bottleneck'; readonly settings: BottleneckSettings };

const WEIGHT = '.weight';

/** The adapter before its training: its tensors are its own ones, without those of the head. Throws RangeError for targets that the model does not have. */
export function newAdapter(
  where: string,
  parts: ModelParts,
  choice: AdapterChoice,
  seed: number,
): Adapter {
  const { graph, plans, head, base, isChanged } = parts;
  const whole = headWeights(graph, plans.prefix);
  const { labels, problem } = head;
  const common = {
    whole,
    base: isChanged === true ? null : base,
    head: labels === null ? null : { labels, problem },
  };
  const modules = encoderModules(graph, new Set(whole));
  switch (choice.method) {
    case 'lora':
      return { ...common, ...newLora(where, graph, modules, choice.settings, seed) };
    case 'ia3':
      return { ...common, ...newIa3(where, graph, modules, choice.settings) };
    case 'bottleneck':
      return { ...common, ...newBottleneck(graph, choice.settings, seed) };
  }
}

/** New adapters as PEFT draws them: A uniform within 1 / sqrt(inputs) (Kaiming with a = sqrt 5), B zero. */
function newLora(
  where: string,
  graph: EncoderGraph,
  modules: readonly string[],
  settings: LoraSettings,
  seed: number,
): Pick<LoraAdapter, 'kind' | 'settings' | 'matrices' | 'tensors'> {
  const { targets } = settings;
  const chosen =
    targets === 'all-linear' ? modules : chosenModules(`${where}: lora`, modules, targets);
  const random = new SeededRandom(seed);
  const tensors = new Map<string, FloatTensor>();
  const matrices = chosen.map((module) => {
    const weight = module + WEIGHT;
    const { rank, scale } = sizeOf(module, settings);
    const [a, b] = [`${module}.lora_A.weight`, `${module}.lora_B.weight`];
    const [outputs = 0, inputs = 0] = shapeOf(graph, weight);
    tensors.set(a, drawUniform(random, [rank, inputs]));
    tensors.set(b, filled([outputs, rank], 0));
    return { module, weight, a, b, rank, scale };
  });
  return { kind: 'lora', settings, matrices, tensors };
}

/** New vectors are ones, as PEFT has them: the model is the base at first. */
function newIa3(
  where: string,
  graph: EncoderGraph,
  modules: readonly string[],
  settings: Ia3Settings,
): Pick<Ia3Adapter, 'kind' | 'settings' | 'matrices' | 'tensors'> {
  const tensors = new Map<string, FloatTensor>();
  const chosen = chosenModules(`${where}: ia3`, modules, settings.targets);
  const matrices = chosen.map((module) => {
    const weight = module + WEIGHT;
    const [outputs = 0, inputs = 0] = shapeOf(graph, weight);
    const isInput = settings.feedforward.some((name) => isModule(module, name));
    const vector = `${module}.ia3_l`;
    tensors.set(vector, filled(isInput ? [1, inputs] : [outputs, 1], 1));
    const side = isInput ? 'input' : 'output';
    return { module, weight, vector, side, size: isInput ? inputs : outputs } as const;
  });
  return { kind: 'ia3', settings, matrices, tensors };
}

/** `down` is uniform within 1 / sqrt(inputs), as in a new linear layer of PyTorch, and `up` is 0: the model is the base at first. */
function newBottleneck(
  graph: EncoderGraph,
  settings: BottleneckSettings,
  seed: number,
): Pick<BottleneckAdapter, 'kind' | 'settings' | 'tensors'> {
  const known = new Set(graph.weights.map(({ name }) => name));
  const random = new SeededRandom(seed);
  const tensors = new Map<string, FloatTensor>();
  for (const { name, shape } of withBottlenecks(graph, settings).weights) {
    if (known.has(name)) continue;
    const isDrawn = name.endsWith('.down.weight');
    tensors.set(name, isDrawn ? drawUniform(random, shape) : filled(shape, 0));
  }
  return { kind: 'bottleneck', settings, tensors };
}

function drawUniform(random: SeededRandom, shape: readonly number[]): FloatTensor {
  const [rows = 1, inputs = 1] = shape;
  const bound = 1 / Math.sqrt(inputs);
  const draw = () => (random.next() / 2 ** 31 - 1) * bound;
  return { shape, data: Float32Array.from({ length: rows * inputs }, draw) };
}

function filled(shape: readonly number[], value: number): FloatTensor {
  return { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value) };
}

function chosenModules(
  at: string,
  modules: readonly string[],
  targets: readonly string[],
): readonly string[] {
  const chosen = modules.filter((module) => targets.some((target) => isModule(module, target)));
  const missing = targets.find((target) => !chosen.some((module) => isModule(module, target)));
  if (missing === undefined && chosen.length > 0) return chosen;
  const ends = new Set(modules.map((module) => module.slice(module.lastIndexOf('.') + 1)));
  const what = `matrices of the encoder (their names end in ${[...ends].join(', ')})`;
  throw rangeMistake(`${at}: targets`, what, missing ?? targets);
}

/** The weights that are no part of the encoder. */
function headWeights(graph: EncoderGraph, prefix: string): string[] {
  const { hidden } = graph.outputs;
  if (graph.outputs.logits === undefined || hidden === undefined) return [];
  const encoder = new Set(onlyOutputs(graph, ['hidden']).weights.map(({ name }) => name));
  return graph.weights
    .map(({ name }) => name)
    .filter((name) => !encoder.has(name) && (prefix === '' || !name.startsWith(prefix)));
}

/** Modules of products, each once, in the order in which they run. A token table that gives logits too is no matrix of the encoder. */
function encoderModules(graph: EncoderGraph, head: ReadonlySet<string>): string[] {
  const codes = new Set(graph.weights.filter(holdsCodes).map(({ name }) => name));
  const tables = new Set(
    graph.nodes.flatMap((node) =>
      node.op === 'embedding' ? node.tables.map(({ weight }) => weight) : [],
    ),
  );
  const names = graph.nodes.flatMap((node) => (node.op === 'linear' ? node.weights : []));
  const chosen = [...new Set(names)].filter(
    (name) => name.endsWith(WEIGHT) && !head.has(name) && !codes.has(name) && !tables.has(name),
  );
  if (chosen.length > 0) return chosen.map((weight) => weight.slice(0, -WEIGHT.length));
  throw new SinterError('UNSUPPORTED_MODEL', 'train: the encoder has no matrices for adapters');
}
