/**
 * Encoders that no family's config.json can describe (recovered from ONNX files, or pruned unevenly): their config contains
 * the graph itself.
 *
 * They take heads, are trained, saved and exported like any other model, but transformers cannot load them.
 */

import { SinterError, show } from '../core/errors.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import { GraphBuilder } from '../graph/builder.js';
import type {
  Checkpoint,
  GraphRequest,
  ImportedModel,
  ModelHead,
  Task,
} from '../graph/checkpoint.js';
import { readGraphJson } from '../graph/from-json.js';
import { lengthLimit } from '../graph/length-limit.js';
import type { GraphNode } from '../graph/ops.js';
import { withHead } from '../graph/rewrite/head.js';
import { defaultPlans } from '../graph/rewrite/head-plans.js';
import { onlyOutputs } from '../graph/rewrite/outputs.js';
import { addSentenceHead, sentenceHead } from '../graph/sentence.js';
import { GRAPH_KEY, GRAPH_TYPE } from '../graph/sinter-file.js';
import { type HeadTask, TASK_NAMES, TASKS } from '../graph/tasks.js';
import type { EncoderGraph, OutputName, WeightSpec } from '../graph/types.js';
import { ConfigReader } from './config-reader.js';

import type { FoundHead } from './head-weights.js';
import { chooseHead, withProblem } from './labels.js';
import { findWeights } from './weight-sources.js';
import { headKeys, withoutStale } from './write-config.js';

/** Keys of config.json with the sizes of an encoder, in any family. They are dropped, because the graph has the sizes. */
const SIZES = [
  ...['hidden_size', 'intermediate_size', 'num_hidden_layers', 'num_attention_heads'],
  ...['dim', 'hidden_dim', 'n_layers', 'n_heads', 'n_embd', 'n_inner', 'n_layer', 'n_head'],
  ...['embedding_size', 'vocab_size', 'max_position_embeddings', 'type_vocab_size'],
  ...['num_hidden_groups', 'inner_group_num', 'layer_types', 'n_positions'],
];

/** The config of a graph that no family describes. */
export function graphConfig(graph: EncoderGraph, base: JsonObject, head: ModelHead): JsonObject {
  const { task, labels } = head;
  const kept = Object.entries(withoutStale(base)).filter(([key]) => !SIZES.includes(key));
  return {
    ...Object.fromEntries(kept),
    architectures: ['SinterGraph'],
    model_type: GRAPH_TYPE,
    ...headKeys(base, head),
    [GRAPH_KEY]: JSON.parse(JSON.stringify({ ...withoutSentence(graph), task, labels })),
  };
}

/** The graph that a config contains, with the requested head or pooling. */
export function importGraph(checkpoint: Checkpoint, request: GraphRequest): ImportedModel {
  const { config, path } = checkpoint;
  const stored = storedGraph(config, path);
  const { task: _, labels: _l, ...plain } = stored;
  taskOfGraph(config, path);
  const own = readGraphJson(plain, `${path}: its graph`);
  return request.task === 'embedding'
    ? importEncoder(checkpoint, own, request)
    : importWithHead(checkpoint, own, { ...request, task: request.task });
}

function importEncoder(
  checkpoint: Checkpoint,
  own: EncoderGraph,
  request: GraphRequest,
): ImportedModel {
  const limited = { ...own, maxTokens: lengthLimit(own.maxTokens, checkpoint, request) };
  const graph = withSentence(limited, checkpoint, request);
  const found = findWeights(checkpoint, graph.weights, AS_STORED);
  const head = { task: 'embedding', labels: null, problem: null } as const;
  return { ...imported(checkpoint, graph, found), config: checkpoint.config, ...head };
}

function importWithHead(
  checkpoint: Checkpoint,
  own: EncoderGraph,
  request: GraphRequest & { readonly task: HeadTask },
): ImportedModel {
  const { config, path } = checkpoint;
  const { task } = request;
  const { state, ...head } = chooseHead(
    checkpoint,
    new ConfigReader(config, path),
    request,
    foundHead(config, own, task),
  );
  const base = withProblem(config, state, head.problem, request);
  const plans = plansOf(checkpoint, own);
  const maxTokens = lengthLimit(
    state === 'new' ? plans.positions : own.maxTokens,
    checkpoint,
    request,
  );
  if (state !== 'new') {
    const graph = { ...own, maxTokens };
    const found = findWeights(checkpoint, graph.weights, AS_STORED);
    return { ...imported(checkpoint, graph, found), config: base, ...head };
  }
  if (plans.heads[task] === undefined) {
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${path}: the token table is not as wide as the layers, so it cannot be the matrix of a new head for ${task}`,
      { details: { file: path } },
    );
  }
  const labels = head.labels?.length ?? 0;
  const { graph, sources, created } = withHead(own, plans, { task, labels, maxTokens });
  const naming = { candidates: (name: string) => [sources.get(name) ?? name], init: () => null };
  const old = graph.weights.filter(({ name }) => sources.has(name));
  const found = { ...findWeights(checkpoint, old, naming), created: [...created] };
  return { ...imported(checkpoint, graph, found), config: base, ...head };
}

const AS_STORED = { candidates: (name: string) => [name], init: () => null };

function imported(
  checkpoint: Checkpoint,
  graph: EncoderGraph,
  { sources, created }: ReturnType<typeof findWeights>,
) {
  const used = new Set(sources.values());
  const unused = [...checkpoint.tensors.keys()].filter((name) => !used.has(name));
  return { graph, sources, created, unused, notes: [], plans: plansOf(checkpoint, graph) };
}

function plansOf({ sentence }: Checkpoint, graph: EncoderGraph) {
  const [pooling, ...more] = sentence?.pooling ?? [];
  return more.length === 0 && pooling !== undefined
    ? defaultPlans(graph, pooling)
    : defaultPlans(graph);
}

/**
 * The model's own head if it is for the task. A head that was trained for another task is reported, so that it is not
 * dropped silently.
 */
function foundHead(config: JsonObject, { outputs }: EncoderGraph, task: Task): FoundHead {
  const own = taskOfGraph(config);
  const none = { rows: null, missing: null, other: null };
  if (outputs.logits === undefined) return none;
  const { labels } = storedGraph(config, 'config');
  if (own === task) return { ...none, rows: Array.isArray(labels) ? labels.length : 1 };
  return { ...none, other: TASKS[own].pretraining ? null : own };
}

function storedGraph({ [GRAPH_KEY]: stored }: JsonObject, path: string): JsonObject {
  if (stored !== undefined && isJsonObject(stored)) return stored;
  throw new SinterError('CORRUPT_MODEL', `${path}: ${GRAPH_KEY} must be an object`, {
    details: { file: path },
  });
}

/** The task of the graph in a config. Throws CORRUPT_MODEL if it is unknown. */
export function taskOfGraph(config: JsonObject, path = 'config'): Task {
  const { task = 'embedding' } = storedGraph(config, path);
  const known = TASK_NAMES.find((name) => name === task);
  if (known !== undefined) return known;
  const what = `one of ${TASK_NAMES.join(', ')}`;
  throw new SinterError('CORRUPT_MODEL', `${path}: task must be ${what}, got ${show(task)}`, {
    details: { file: path },
  });
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

/** The graph without the parts that other files describe: sentence vectors, quantization, and the nodes that only they need. */
function withoutSentence(graph: EncoderGraph): EncoderGraph {
  const names = Object.keys(graph.outputs).filter((name) => name !== 'embedding');
  const bare = onlyOutputs(graph, names as OutputName[]);
  const nodes = bare.nodes.map(plainNode);
  const equalizers = new Set(
    bare.nodes.flatMap((node) => (node.op === 'linear' ? (node.equalizer ?? []) : [])),
  );
  const weights = bare.weights
    .filter(({ name }) => !equalizers.has(name))
    .map((weight): WeightSpec => ({ ...weight, dtype: 'f32' }));
  return { ...bare, architecture: GRAPH_TYPE, nodes, weights };
}

function plainNode(node: GraphNode): GraphNode {
  if (node.op !== 'linear') return node;
  const { equalizer: _, ...rest } = node;
  return { ...rest, activationBits: 8 };
}
