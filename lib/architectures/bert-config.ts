/**
 * config.json of a BERT graph, from the graph: sizes are read off the weights, never off the old
 * file.
 *
 * Keys of the old file that Sinter does not know are kept. transformers needs every layer to have
 * the same sizes; a graph whose layers differ is UNSUPPORTED_MODEL (it can still be written as
 * ONNX).
 */

import { SinterError } from '../core/errors.js';
import type { JsonObject } from '../core/json.js';
import type { ModelHead } from '../graph/checkpoint.js';
import type { EncoderGraph, GraphNode } from '../graph/types.js';

type NodeOf<Op extends GraphNode['op']> = Extract<GraphNode, { op: Op }>;

function nodesOf<Op extends GraphNode['op']>(graph: EncoderGraph, op: Op): NodeOf<Op>[] {
  return graph.nodes.filter((node): node is NodeOf<Op> => node.op === op);
}

function notBert(what: string): SinterError {
  return new SinterError(
    'UNSUPPORTED_MODEL',
    `cannot be written as a BERT config.json: ${what}; export it as ONNX instead`,
  );
}

/** The one value that all items have. */
function uniform<T>(values: readonly T[], what: string): T {
  const [first] = values;
  if (first === undefined) throw notBert(`no ${what}`);
  const other = values.find((value) => value !== first);
  if (other === undefined) return first;
  throw notBert(`${what} differ between layers (${String(first)} and ${String(other)})`);
}

/**
 * Keeps the old file's spelling where it means the same (gelu_new and gelu_pytorch_tanh are one
 * function).
 */
function activationName(kind: string, old: unknown): string {
  if (kind !== 'gelu_tanh') return kind;
  return old === 'gelu_pytorch_tanh' ? old : 'gelu_new';
}

/** A dropout of the graph by the name of its value. */
function dropoutAt(graph: EncoderGraph, output: string): number | null {
  return nodesOf(graph, 'dropout').find((node) => node.output === output)?.probability ?? null;
}

/** The config as a JSON value. */
export function bertConfig(
  graph: EncoderGraph,
  base: JsonObject,
  { labels }: ModelHead,
): JsonObject {
  const shapes = new Map(graph.weights.map(({ name, shape }) => [name, shape]));
  const size = (name: string, axis: number) => {
    const found = shapes.get(name)?.[axis];
    if (found === undefined) throw notBert(`no weight ${name}`);
    return found;
  };
  const prefix = labels === null ? '' : 'bert.';
  const at = `${prefix}embeddings`;
  const attention = nodesOf(graph, 'attention');
  const layers = attention.map((_, i) => `${prefix}encoder.layer.${i}`);
  const wide = layers.map((layer) => `${layer}.intermediate.dense.weight`);
  const activations = wide.map(
    (name) => nodesOf(graph, 'linear').find((node) => node.weights[0] === name)?.activation,
  );
  const hidden = size(`${at}.word_embeddings.weight`, 1);
  const heads = uniform(
    attention.map((node) => node.heads),
    'numbers of heads',
  );
  if (
    uniform(
      attention.map((node) => node.headDim),
      'head sizes',
    ) *
      heads !==
    hidden
  ) {
    throw notBert(`${heads} heads do not fill hidden size ${hidden}`);
  }
  const hiddenDropout = dropoutAt(graph, 'hidden.0') ?? 0;
  return {
    ...withoutStale(base),
    architectures: [labels === null ? 'BertModel' : 'BertForSequenceClassification'],
    model_type: 'bert',
    vocab_size: size(`${at}.word_embeddings.weight`, 0),
    max_position_embeddings: size(`${at}.position_embeddings.weight`, 0),
    type_vocab_size: size(`${at}.token_type_embeddings.weight`, 0),
    hidden_size: hidden,
    num_hidden_layers: layers.length,
    num_attention_heads: heads,
    intermediate_size: uniform(
      wide.map((name) => size(name, 0)),
      'intermediate sizes',
    ),
    hidden_act: activationName(uniform(activations, 'activations') ?? 'gelu', base.hidden_act),
    layer_norm_eps: uniform(
      nodesOf(graph, 'norm').map((node) => node.epsilon),
      'epsilons',
    ),
    hidden_dropout_prob: hiddenDropout,
    attention_probs_dropout_prob: uniform(
      attention.map((node) => node.dropout),
      'dropouts',
    ),
    ...(labels === null ? {} : headConfig(graph, base, labels, hiddenDropout)),
  };
}

function headConfig(
  graph: EncoderGraph,
  base: JsonObject,
  labels: readonly string[],
  hiddenDropout: number,
): JsonObject {
  const dropout = dropoutAt(graph, 'pooled.dropped') ?? hiddenDropout;
  const stated = dropout !== hiddenDropout || typeof base.classifier_dropout === 'number';
  return {
    classifier_dropout: stated ? dropout : null,
    id2label: Object.fromEntries(labels.map((label, i) => [String(i), label])),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
    problem_type: base.problem_type ?? 'single_label_classification',
  };
}

/**
 * What may no longer be true. num_labels follows from id2label, the dtype from the stored weights.
 */
function withoutStale(base: JsonObject): JsonObject {
  const stale = ['id2label', 'label2id', 'num_labels', 'problem_type', 'dtype', 'torch_dtype'];
  return Object.fromEntries(Object.entries(base).filter(([key]) => !stale.includes(key)));
}
