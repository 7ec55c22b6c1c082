/**
 * The table of architectures: model_type -> how a graph is made from a checkpoint, and a config.json from a graph.
 *
 * A new family needs one file and one row here.
 */

import { SinterError, show } from '../core/errors.js';
import type { JsonObject } from '../core/json.js';
import { atOnce, type Steps } from '../core/turns.js';
import type {
  Checkpoint,
  GraphRequest,
  ImportedModel,
  ModelHead,
  Task,
} from '../graph/checkpoint.js';
import { carriesGraph } from '../graph/sinter-file.js';
import { HEAD_TASKS } from '../graph/tasks.js';
import type { EncoderGraph } from '../graph/types.js';
import { unify } from '../graph/unify.js';
import { validateGraph } from '../graph/validate.js';
import { ALBERT } from './albert.js';
import { BERT } from './bert.js';
import { DEBERTA_V2 } from './deberta-v2.js';
import { DISTILBERT } from './distilbert.js';
import { ELECTRA } from './electra.js';
import { ERNIE } from './ernie.js';
import { type Family, statedTask } from './family.js';
import { type FamilyRequest, graphOfConfig } from './family-graph.js';
import { graphConfig, importGraph, taskOfGraph } from './graph.js';
import { importModel } from './import-model.js';
import { MODERNBERT } from './modernbert.js';
import { MPNET } from './mpnet.js';
import { NOMIC_BERT } from './nomic-bert.js';
import { CAMEMBERT, ROBERTA, XLM_ROBERTA } from './roberta.js';
import {
  configByStructure,
  requestOf,
  sharedOutputs,
  type WrittenConfig,
  writeConfig,
} from './write-config.js';

/** The order matters: if several families compute the same, a graph without names gets the first one. */
const FAMILIES: readonly Family[] = [
  BERT,
  DISTILBERT,
  ROBERTA,
  XLM_ROBERTA,
  CAMEMBERT,
  MPNET,
  ELECTRA,
  ERNIE,
  ALBERT,
  MODERNBERT,
  DEBERTA_V2,
  NOMIC_BERT,
];

/** Every supported model_type. */
export const ARCHITECTURES: readonly string[] = FAMILIES.map(({ modelType }) => modelType);

function familyOf(name: unknown, where: string): Family {
  const known = FAMILIES.find(({ modelType }) => modelType === name);
  if (known !== undefined) return known;
  const supported = ARCHITECTURES.join(', ');
  if (typeof name !== 'string') {
    throw new SinterError(
      'CORRUPT_MODEL',
      `${where}: model_type must be a string (supported: ${supported}), got ${show(name)}`,
    );
  }
  throw new SinterError(
    'UNSUPPORTED_MODEL',
    `${where}: unsupported model_type ${show(name)} (supported: ${supported})`,
  );
}

/**
 * The validated graph for `request`, with the source of every weight. A checkpoint is an open model folder, or `{ path,
 * config, tensors, sentence }` made from a graph in memory (a classifier from an encoder).
 */
export function graphFromCheckpoint(checkpoint: Checkpoint, request: GraphRequest): ImportedModel {
  return atOnce(graphSteps(checkpoint, request));
}

/** As `graphFromCheckpoint`, in steps: the first graph of a process takes 10 ms. */
export function* graphSteps(checkpoint: Checkpoint, request: GraphRequest): Steps<ImportedModel> {
  const where = `${checkpoint.path}/config.json`;
  if (carriesGraph(checkpoint.config)) return importGraph(checkpoint, request);
  const family = familyOf(checkpoint.config.model_type, where);
  const model = yield* importModel(family, checkpoint, request);
  yield;
  validateGraph(model.graph);
  return model;
}

/** Throws UNSUPPORTED_MODEL for a config.json of a family that is none of ARCHITECTURES, CORRUPT_MODEL for one that names none. */
export function checkFamily({ path, config }: Pick<Checkpoint, 'path' | 'config'>): void {
  if (!carriesGraph(config)) familyOf(config.model_type, `${path}/config.json`);
}

/** The task that a config.json states; `embedding` if it states none. */
export function taskOfConfig(config: JsonObject): Task {
  if (carriesGraph(config)) return taskOfGraph(config);
  const stated = statedTask(config);
  return HEAD_TASKS.find((task) => task === stated) ?? 'embedding';
}

/**
 * config.json for a graph; keys of `base` that Sinter does not know are kept. Throws UNSUPPORTED_MODEL if no config.json of
 * its architecture describes exactly this graph.
 */
export function configFromGraph(
  graph: EncoderGraph,
  base: JsonObject,
  head: ModelHead,
): JsonObject {
  return writeConfig(familyOf(graph.architecture, 'graph'), graph, base, head).config;
}

/** The config that a model is saved with: its family's if that describes exactly this graph, else one that contains the graph. */
export function savedConfig(graph: EncoderGraph, base: JsonObject, head: ModelHead): WrittenConfig {
  const family = FAMILIES.find(({ modelType }) => modelType === graph.architecture);
  if (family !== undefined && !carriesGraph(base)) {
    try {
      return writeConfig(family, graph, base, head);
    } catch (error) {
      if (!(error instanceof SinterError && error.code === 'UNSUPPORTED_MODEL')) throw error;
    }
  }
  return { config: graphConfig(graph, base, head), names: new Map() };
}

/**
 * The graph of a config.json alone, which shows what the model computes and how its weights are named. Throws CORRUPT_MODEL
 * or UNSUPPORTED_MODEL naming the key.
 */
export function familyGraph(config: JsonObject, request: FamilyRequest): EncoderGraph {
  return graphOfConfig(familyOf(config.model_type, 'config.json'), config, request);
}

export { graphConfig } from './graph.js';

export interface NamedGraph {
  /** config.json of the family that computes the same as the given graph. */
  readonly config: JsonObject;
  /** The family's graph, with dropouts and all outputs. */
  readonly graph: EncoderGraph;
  /** Weight of the given graph -> its name in that family. */
  readonly names: ReadonlyMap<string, string>;
}

/**
 * Finds the family whose graph computes the same as `graph`, whatever the names of its weights: for graphs that were
 * recovered from files without names. The model_type of `base` is tried first; `base` may be empty. Returns null if no
 * family fits; `why` then has a line for each.
 */
export function nameByFamily(
  graph: EncoderGraph,
  base: JsonObject,
  head: ModelHead,
  why: string[] = [],
): NamedGraph | null {
  const first = FAMILIES.filter(({ modelType }) => modelType === base.model_type);
  for (const family of new Set([...first, ...FAMILIES])) {
    try {
      const known = family.modelType === base.model_type ? base : {};
      const config = configByStructure(family, graph, known, head);
      const own = graphOfConfig(family, config, requestOf(graph, head));
      const found = unify(graph, own, { outputs: sharedOutputs(graph), dropout: false });
      if (found.difference === undefined) return { config, graph: own, names: found.weights };
      why.push(`${family.modelType}: ${found.difference}`);
    } catch (error) {
      if (!(error instanceof SinterError)) throw error;
      why.push(`${family.modelType}: ${error.message}`);
    }
  }
  return null;
}
