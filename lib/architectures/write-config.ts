/**
 * Makes config.json for a graph: keys of the old file that Sinter does not know are kept, sizes come from the graph.
 *
 * The result is read again and must give exactly the same graph, so that a config.json never disagrees with the weights
 * beside it.
 */

import type { JsonObject } from '../core/json.js';
import type { ModelHead } from '../graph/checkpoint.js';
import type { EncoderGraph, OutputName } from '../graph/types.js';
import { unify } from '../graph/unify.js';
import { classNameOf, type Family } from './family.js';
import { type FamilyRequest, graphOfConfig } from './family-graph.js';
import { GraphStructure, notWritable } from './structure.js';

/** A config that describes a graph, and the names of the graph's weights in the files beside it. */
export interface WrittenConfig {
  readonly config: JsonObject;
  /** Weight of the graph -> its name in the files, for the weights that the config covers. */
  readonly names: ReadonlyMap<string, string>;
}

/** The config for a graph. Throws UNSUPPORTED_MODEL if no config.json of the family describes it. */
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

/** The config by the nodes of the graph. The caller must check that it describes the graph. */
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
    architectures: [classNameOf(family, head.task)],
    model_type: family.modelType,
    ...(untied === null || untied === (base.tie_word_embeddings === false)
      ? {}
      : { tie_word_embeddings: !untied }),
    ...family.keys(structure, base),
    ...headKeys(base, head),
  };
}

/** The request for which the family's graph should equal this one. */
export function requestOf(graph: EncoderGraph, { task, labels }: ModelHead): FamilyRequest {
  const pooler = graph.outputs.pooled !== undefined;
  return { task, pooler, labels: labels?.length ?? 1, maxTokens: graph.maxTokens };
}

/** The outputs that a config.json covers. How sentence vectors are made is in other files. */
export function sharedOutputs({ outputs }: EncoderGraph): OutputName[] {
  return (Object.keys(outputs) as OutputName[]).filter((name) => name !== 'embedding');
}

/** The keys of config.json for labels and problem type. */
export function headKeys(base: JsonObject, { labels, problem }: ModelHead): JsonObject {
  const names =
    labels === null
      ? {}
      : {
          id2label: Object.fromEntries(labels.map((label, i) => [String(i), label])),
          label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
        };
  // Left out if the old file has none: with it, readers would no longer treat a model of one label as a score.
  const stated = problem !== null && (base.problem_type ?? null) !== null;
  return stated ? { ...names, problem_type: problem } : names;
}

/** The config without keys that may no longer be true. num_labels follows from id2label, the dtype from the stored weights. */
export function withoutStale(base: JsonObject): JsonObject {
  const labels = ['id2label', 'label2id', 'num_labels', '_num_labels', 'problem_type'];
  const stale = [...labels, 'dtype', 'torch_dtype'];
  return Object.fromEntries(Object.entries(base).filter(([key]) => !stale.includes(key)));
}
