/**
 * config.json for a graph: keys of the old file that Sinter does not know are kept, sizes are read off the graph.
 *
 * What was written is read again and must give the very same graph: a config.json never says less, or other things, than
 * the weights beside it.
 */

import type { JsonObject } from '../core/json.js';
import type { ModelHead } from '../graph/checkpoint.js';
import type { EncoderGraph, OutputName } from '../graph/types.js';
import { unify } from '../graph/unify.js';
import { classOf, type Family } from './family.js';
import { type FamilyRequest, graphOfConfig } from './family-graph.js';
import { GraphStructure, notWritable } from './structure.js';

/** A config that says what a graph is, and what the graph's weights are called in files beside it. */
export interface WrittenConfig {
  readonly config: JsonObject;
  /** Weight of the graph -> its name, for those that it speaks of. */
  readonly names: ReadonlyMap<string, string>;
}

/** Throws UNSUPPORTED_MODEL when no config.json of the family means this graph. */
export function writeConfig(
  family: Family,
  graph: EncoderGraph,
  base: JsonObject,
  head: ModelHead,
): WrittenConfig {
  const config = configByStructure(family, graph, base, head);
  const again = graphOfConfig(family, config, requestOf(graph, head));
  const found = unify(graph, again, { outputs: sharedOutputs(graph), dropout: true });
  if (found.difference !== undefined) throw notWritable(found.difference);
  return { config, names: found.weights };
}

/** The config as the nodes say it; whether it means the graph is for the caller to check. */
export function configByStructure(
  family: Family,
  graph: EncoderGraph,
  base: JsonObject,
  head: ModelHead,
): JsonObject {
  const structure = new GraphStructure(graph);
  const { untied } = structure;
  return {
    ...withoutStale(base),
    architectures: [classOf(family, head.task)],
    model_type: family.modelType,
    ...(untied === null || untied === (base.tie_word_embeddings === false)
      ? {}
      : { tie_word_embeddings: !untied }),
    ...family.keys(structure, base),
    ...headKeys(base, head),
  };
}

/** What the family's graph of the same kind has to be asked for. */
export function requestOf(graph: EncoderGraph, { task, labels }: ModelHead): FamilyRequest {
  const pooler = graph.outputs.pooled !== undefined;
  return { task, pooler, labels: labels?.length ?? 1, maxTokens: graph.maxTokens };
}

/** The outputs that a config.json speaks of: how sentences are pooled is in files of their own. */
export function sharedOutputs({ outputs }: EncoderGraph): OutputName[] {
  return (Object.keys(outputs) as OutputName[]).filter((name) => name !== 'embedding');
}

/** What config.json says of labels and problem. */
export function headKeys(base: JsonObject, { labels, problem }: ModelHead): JsonObject {
  const names =
    labels === null
      ? {}
      : {
          id2label: Object.fromEntries(labels.map((label, i) => [String(i), label])),
          label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
        };
  // Left out where the old file leaves it out: readers treat one label without it as a score.
  const stated = problem !== null && (base.problem_type ?? null) !== null;
  return stated ? { ...names, problem_type: problem } : names;
}

/** What may no longer be true. num_labels follows from id2label, the dtype from the stored weights. */
export function withoutStale(base: JsonObject): JsonObject {
  const labels = ['id2label', 'label2id', 'num_labels', '_num_labels', 'problem_type'];
  const stale = [...labels, 'dtype', 'torch_dtype'];
  return Object.fromEntries(Object.entries(base).filter(([key]) => !stale.includes(key)));
}
