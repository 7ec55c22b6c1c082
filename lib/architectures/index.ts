/**
 * The table of architectures: model_type -> how to make a graph from a checkpoint, and a
 * config.json from a graph.
 *
 * A new family is one file and one row here.
 */

import { SinterError, show } from '../core/errors.js';
import type { JsonObject } from '../core/json.js';
import type { Checkpoint, GraphRequest, ImportedModel, ModelHead } from '../graph/checkpoint.js';
import type { EncoderGraph } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import { importBert } from './bert.js';
import { bertConfig } from './bert-config.js';

interface Architecture {
  readonly fromCheckpoint: (checkpoint: Checkpoint, request: GraphRequest) => ImportedModel;
  readonly toConfig: (graph: EncoderGraph, base: JsonObject, head: ModelHead) => JsonObject;
}

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  bert: { fromCheckpoint: importBert, toConfig: bertConfig },
};

function architectureOf(name: unknown, where: string): Architecture {
  const known =
    typeof name === 'string' && Object.hasOwn(ARCHITECTURES, name)
      ? ARCHITECTURES[name]
      : undefined;
  if (known !== undefined) return known;
  const supported = Object.keys(ARCHITECTURES).join(', ');
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
 * The graph that `request` asks for, checked, with the source of every weight. A checkpoint is an
 * open model folder, or `{ path, config, tensors, sentence }` made from a graph in memory (a
 * classifier from an encoder).
 */
export function graphFromCheckpoint(checkpoint: Checkpoint, request: GraphRequest): ImportedModel {
  const where = `${checkpoint.path}/config.json`;
  const architecture = architectureOf(checkpoint.config.model_type, where);
  const model = architecture.fromCheckpoint(checkpoint, request);
  validateGraph(model.graph);
  return model;
}

/** config.json for a graph; keys of `base` that Sinter does not know are kept. */
export function configFromGraph(
  graph: EncoderGraph,
  base: JsonObject,
  head: ModelHead,
): JsonObject {
  return architectureOf(graph.architecture, 'graph').toConfig(graph, base, head);
}
