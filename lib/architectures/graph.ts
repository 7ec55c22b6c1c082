/**
 * Encoders of no known family (recovered from ONNX files): config.json carries the graph itself.
 *
 * Sinter saves and loads them; transformers does not know them. Their head is the one they have, under whatever names: a new one needs a family.
 */

import { SinterError } from '../core/errors.js';
import type { JsonObject } from '../core/json.js';
import { isJsonObject } from '../core/json.js';
import { GraphBuilder } from '../graph/builder.js';
import type {
  Checkpoint,
  GraphRequest,
  ImportedModel,
  ModelHead,
  Task,
} from '../graph/checkpoint.js';
import { readGraphJson } from '../graph/from-json.js';
import { inputsOf, weightsOf } from '../graph/nodes.js';
import { addSentenceHead, sentenceHead } from '../graph/sentence.js';
import type { EncoderGraph, GraphNode, WeightSpec } from '../graph/types.js';
import { ConfigReader } from './config-reader.js';
import { chooseHead, withProblem } from './labels.js';
import { lengthLimit } from './length-limit.js';
import { findWeights } from './weight-sources.js';
import { headKeys, withoutStale } from './write-config.js';

/** model_type, and EncoderGraph.architecture. */
export const GRAPH_TYPE = 'sinter_graph';
const KEY = 'sinter_graph';

/** config.json of a graph without a family. */
export function graphConfig(graph: EncoderGraph, base: JsonObject, head: ModelHead): JsonObject {
  const { task, labels } = head;
  const plain = withoutSentence(graph);
  return {
    ...withoutStale(base),
    architectures: ['SinterGraph'],
    model_type: GRAPH_TYPE,
    ...headKeys(base, head),
    [KEY]: JSON.parse(JSON.stringify({ ...plain, task, labels })),
  };
}

/** The graph that config.json carries, with the pooling that is asked for. */
export function importGraph(checkpoint: Checkpoint, request: GraphRequest): ImportedModel {
  const { config, path, tensors } = checkpoint;
  const where = `${path}/config.json`;
  const stored = config[KEY];
  if (!isJsonObject(stored)) {
    throw new SinterError('CORRUPT_MODEL', `${where}: ${KEY} must be an object`);
  }
  const own = readGraphJson(stored, `${where}: ${KEY}`);
  const task = taskOfGraph(config);
  if ((request.task !== 'embedding' && request.task !== task) || request.newHead === true) {
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${path}: an encoder of no known family is for ${task} as it is; it takes no new head`,
    );
  }
  const limited = { ...own, maxTokens: lengthLimit(own.maxTokens, checkpoint, request) };
  const graph = request.task === 'embedding' ? withSentence(limited, checkpoint, request) : limited;
  const naming = { candidates: (name: string) => [name], init: () => null };
  const { sources, created } = findWeights({ ...checkpoint, tensors }, graph.weights, naming);
  const used = new Set(sources.values());
  const unused = [...tensors.keys()].filter((name) => !used.has(name));
  const found = { graph, sources, created, unused, notes: [] };
  if (request.task === 'embedding') {
    return { ...found, config, task: 'embedding', labels: null, problem: null };
  }
  const { state: _, ...head } = chooseHead(checkpoint, new ConfigReader(config, path), request, {
    rows: Array.isArray(stored.labels) ? stored.labels.length : 0,
    missing: null,
    other: null,
  });
  return { ...found, config: withProblem(config, 'trained', head.problem, request), ...head };
}

/** What the graph in a config.json is for. */
export function taskOfGraph({ [KEY]: stored }: JsonObject): Task {
  const task = isJsonObject(stored) ? stored.task : undefined;
  return typeof task === 'string' ? (task as Task) : 'embedding';
}

function withSentence(graph: EncoderGraph, checkpoint: Checkpoint, request: GraphRequest) {
  const head = sentenceHead(checkpoint.sentence, request);
  const { hidden } = graph.outputs;
  if (head === null || hidden === undefined) return graph;
  const builder = new GraphBuilder();
  addSentenceHead(builder, head, hidden);
  const { maxTokens, vocabulary, segments, architecture } = graph;
  const added = builder.finish({ architecture, maxTokens, vocabulary, segments });
  return {
    ...graph,
    weights: [...graph.weights, ...added.weights],
    nodes: [...graph.nodes, ...added.nodes],
    outputs: { ...graph.outputs, ...added.outputs },
  };
}

/** What is in sentence files and in quantization_config is left out, and what only that needs. */
function withoutSentence(graph: EncoderGraph): EncoderGraph {
  const { embedding: _, ...outputs } = graph.outputs;
  const needed = new Set<string | undefined>(Object.values(outputs));
  const nodes: GraphNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!needed.has(node.output)) continue;
    for (const input of inputsOf(node)) needed.add(input);
    nodes.push(plainNode(node));
  }
  nodes.reverse();
  const used = new Set(nodes.flatMap(weightsOf));
  const weights = graph.weights
    .filter(({ name }) => used.has(name))
    .map((weight): WeightSpec => ({ ...weight, dtype: 'f32' }));
  return { ...graph, architecture: GRAPH_TYPE, weights, nodes, outputs };
}

function plainNode(node: GraphNode): GraphNode {
  if (node.op !== 'linear') return node;
  const { equalizer: _, ...rest } = node;
  return { ...rest, activationBits: 8 };
}
