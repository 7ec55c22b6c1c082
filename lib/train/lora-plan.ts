/**
 * Which matrices of a model get a low-rank adapter, and which weights of its head are trained whole.
 */

import { rangeMistake } from '../core/errors.js';
import type { LoraSettings } from '../graph/adapter-options.js';
import type { HeadPlans } from '../graph/rewrite/head.js';
import type { LoraMatrix } from '../graph/rewrite/lora.js';
import { onlyOutputs } from '../graph/rewrite/outputs.js';
import { holdsCodes } from '../graph/storages.js';
import type { EncoderGraph } from '../graph/types.js';

export interface LoraPlan {
  readonly adapters: readonly (LoraMatrix & { readonly module: string })[];
  /** Weights of the head, which PEFT calls modules to save. */
  readonly whole: readonly string[];
}

const WEIGHT = '.weight';

/** Throws RangeError for targets that the model does not have. */
export function loraPlan(
  where: string,
  graph: EncoderGraph,
  { prefix }: Pick<HeadPlans, 'prefix'>,
  settings: LoraSettings,
): LoraPlan {
  const whole = headWeights(graph, prefix);
  const matrices = encoderMatrices(graph, new Set(whole));
  const { targets } = settings;
  const modules = matrices.map((weight) => weight.slice(0, -WEIGHT.length));
  const chosen =
    targets === 'all-linear'
      ? modules
      : modules.filter((module) => targets.some((target) => isModule(module, target)));
  const names = targets === 'all-linear' ? [] : targets;
  const missing = names.find((target) => !chosen.some((module) => isModule(module, target)));
  if (missing !== undefined || chosen.length === 0) {
    const ends = new Set(modules.map((module) => module.slice(module.lastIndexOf('.') + 1)));
    const what = `matrices of the encoder (their names end in ${[...ends].join(', ')})`;
    throw rangeMistake(`${where}: lora: targets`, what, missing ?? targets);
  }
  const adapters = chosen.map((module) => ({
    ...{ module, weight: module + WEIGHT, ...sizeOf(module, settings) },
    ...{ a: `${module}.lora_A.weight`, b: `${module}.lora_B.weight` },
  }));
  return { adapters, whole };
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

/** Matrices of products, each once, in the order in which they run. A token table that gives logits too is no matrix of the encoder. */
function encoderMatrices(graph: EncoderGraph, head: ReadonlySet<string>): string[] {
  const codes = new Set(graph.weights.filter(holdsCodes).map(({ name }) => name));
  const tables = new Set(
    graph.nodes.flatMap((node) =>
      node.op === 'embedding' ? node.tables.map(({ weight }) => weight) : [],
    ),
  );
  const names = graph.nodes.flatMap((node) => (node.op === 'linear' ? node.weights : []));
  return [...new Set(names)].filter(
    (name) => name.endsWith(WEIGHT) && !head.has(name) && !codes.has(name) && !tables.has(name),
  );
}

/** Whether a module is meant by a name: its own, or the end of it after a dot. */
function isModule(module: string, name: string): boolean {
  return module === name || module.endsWith(`.${name}`);
}

/** Rank and scale of the adapter of a module. */
function sizeOf(module: string, settings: LoraSettings): { rank: number; scale: number } {
  const { rankPattern, alphaPattern, rslora } = settings;
  const own = <T>(pattern: Readonly<Record<string, T>>) =>
    Object.entries(pattern).find(([name]) => isModule(module, name))?.[1];
  const rank = own(rankPattern) ?? settings.r;
  const alpha = own(alphaPattern) ?? settings.alpha;
  return { rank, scale: alpha / (rslora ? Math.sqrt(rank) : rank) };
}
