/**
 * EncoderGraph to ONNX: selects the nodes that the outputs need, names inputs and outputs, calls the lowering of each
 * operation.
 *
 * The names are those that other tools look for. Inputs: input_ids, attention_mask, token_type_ids. Outputs:
 * last_hidden_state, logits (or start_logits and end_logits), sentence_embedding.
 */

import { rangeMistake, SinterError } from '../../core/errors.js';
import type { Steps } from '../../core/turns.js';
import { inputsOf, weightsOf, withNames } from '../../graph/nodes.js';
import type { GraphNode, NodeOf } from '../../graph/ops.js';
import type { EncoderGraph, OutputName } from '../../graph/types.js';
import { ACTIVATION_LOWERINGS } from './lower-activation.js';
import { ATTENTION_LOWERINGS } from './lower-attention.js';
import { EMBEDDING_LOWERINGS } from './lower-embedding.js';
import { LINEAR_LOWERINGS } from './lower-linear.js';
import { NORM_LOWERINGS } from './lower-norm.js';
import { POOL_LOWERINGS } from './lower-pool.js';
import {
  ATTENTION_MASK,
  INPUT_IDS,
  Lowering,
  type Lowerings,
  type Products,
  TOKEN_TYPE_IDS,
} from './lowering.js';
import { ModelBuilder } from './model-builder.js';
import type { Opset } from './opsets.js';
import type { FloatType, GraphSpec } from './proto.js';
import { type IntegerForm, type WeightSource, WeightTensors } from './weights.js';

/** ONNX name of each output, in the order in which a file lists them (hidden.N come after these). */
const OUTPUT_NAMES: readonly (readonly [OutputName, string])[] = [
  ['hidden', 'last_hidden_state'],
  ['logits', 'logits'],
  ['embedding', 'sentence_embedding'],
  ['pooled', 'pooler_output'],
];

/** Names of the two columns of a question answerer's logits, as transformers has them. */
const SPAN_NAMES = ['start_logits', 'end_logits'] as const;

export interface GraphExport {
  readonly opset: Opset;
  readonly products: Products;
  readonly floatType: FloatType;
  readonly outputType: FloatType;
  readonly outputs: readonly OutputName[];
  /** Whether logits [batch, sequence, 2] are written as two outputs, start_logits and end_logits [batch, sequence]. */
  readonly spans: boolean;
}

/** The ONNX graph that computes `options.outputs`; nodes and weights that they do not need are left out. */
export function* exportGraph(
  graph: EncoderGraph,
  source: WeightSource,
  options: GraphExport,
): Steps<GraphSpec> {
  const { products, outputType } = options;
  const builder = new ModelBuilder(options.opset, options.floatType);
  const aliases = identityAliases(graph);
  const wanted = wantedOutputs(graph, options.outputs, aliases);
  const needed = neededNodes(graph, new Set(wanted.map((output) => output.value)), aliases);
  refuseFeatures(needed);
  declareInputs(builder, graph, needed);
  yield;

  const spans = (name: string): boolean => options.spans && name === 'logits';
  for (const { name } of wanted) {
    for (const reserved of spans(name) ? SPAN_NAMES : [name]) builder.fresh(reserved);
  }
  const names = new Map<string, string>();
  for (const { value, name } of wanted) {
    if (!names.has(value) && !spans(name)) names.set(value, name);
  }
  const weights = new WeightTensors(graph, source, builder, tiedTables(needed), formOf(products));
  const lowering = new Lowering(builder, weights, products, names, outputType);
  for (const node of needed) {
    lowerNode(lowering, node, graph);
    yield;
  }

  for (const { value, name } of wanted) {
    if (spans(name)) declareSpans(lowering, value, outputType);
    else declareOutput(lowering, value, name, outputType);
  }
  return builder.graph(graph.architecture);
}

function declareOutput(lowering: Lowering, value: string, name: string, type: FloatType): void {
  const { builder } = lowering;
  const { kind, name: made, width } = lowering.whole(value, type);
  // Two outputs may share a value: the second is a copy.
  if (made !== name) builder.node('Identity', [made], name);
  const dims = kind === 'token' ? ['batch', 'sequence', width] : ['batch', width];
  builder.output(name, type, dims);
}

function declareSpans(lowering: Lowering, value: string, type: FloatType): void {
  const { builder } = lowering;
  const { kind, name, width } = lowering.whole(value, type);
  if (kind !== 'token' || width !== SPAN_NAMES.length) {
    throw rangeMistake('spans', 'false for a model whose logits are not two per token', true);
  }
  const columns = builder.split(name, [1, 1], 'logits/column');
  for (const [i, output] of SPAN_NAMES.entries()) {
    builder.node('Squeeze', [columns[i] ?? '', builder.int64s(-1)], output);
    builder.output(output, type, ['batch', 'sequence']);
  }
}

/** 8-bit form of tied tables, which are weights of products too. */
function formOf(products: Products): IntegerForm {
  return products.kind === 'dynamic' || products.kind === 'static' ? products.weights : 'int8';
}

/** Operations that are left out of ONNX files: their output is their input. */
type Identity = 'dropout' | 'select';

const LOWERINGS: Omit<Lowerings, Identity | 'features'> = {
  ...EMBEDDING_LOWERINGS,
  ...NORM_LOWERINGS,
  ...LINEAR_LOWERINGS,
  ...ACTIVATION_LOWERINGS,
  ...ATTENTION_LOWERINGS,
  ...POOL_LOWERINGS,
};

function lowerNode(lowering: Lowering, node: GraphNode, graph: EncoderGraph): void {
  if (isIdentity(node) || node.op === 'features') {
    throw new SinterError('INTERNAL', `ONNX export: ${node.op} is no step of an ONNX file`);
  }
  const lower = LOWERINGS[node.op] as (l: Lowering, n: GraphNode, g: EncoderGraph) => void;
  lower(lowering, node, graph);
}

/**
 * Whether the node's output is its input in an ONNX file: dropout is off at inference, and `select` is left out because the
 * file computes all tokens, not only selected ones.
 */
function identityAliases(graph: EncoderGraph): ReadonlyMap<string, string> {
  const aliases = new Map<string, string>();
  for (const node of graph.nodes) {
    if (!isIdentity(node)) continue;
    aliases.set(node.output, aliases.get(node.input) ?? node.input);
  }
  return aliases;
}

function isIdentity(node: GraphNode): node is NodeOf<Identity> {
  return node.op === 'dropout' || node.op === 'select';
}

/** Names of tied weights: embedding tables that are weights of products too. */
function tiedTables(nodes: readonly GraphNode[]): ReadonlySet<string> {
  const of = (kind: GraphNode['op']): string[] =>
    nodes.flatMap((node) => (node.op === kind ? weightsOf(node) : []));
  const products = new Set(of('linear'));
  return new Set(of('embedding').filter((name) => products.has(name)));
}

function wantedOutputs(
  graph: EncoderGraph,
  outputs: readonly OutputName[],
  aliases: ReadonlyMap<string, string>,
): readonly { readonly value: string; readonly name: string }[] {
  const order = [...OUTPUT_NAMES.map(([output]) => output)];
  const rank = (output: OutputName): number => {
    const index = order.indexOf(output);
    return index >= 0 ? index : order.length + Number(output.slice('hidden.'.length));
  };
  const sorted = [...new Set(outputs)].sort((a, b) => rank(a) - rank(b));
  if (sorted.length === 0) throw rangeMistake('outputs', 'one output name or more', outputs);
  const fixed = new Map(OUTPUT_NAMES);
  return sorted.map((output) => {
    const value = graph.outputs[output];
    if (value === undefined) {
      const known = Object.keys(graph.outputs).join(', ');
      throw rangeMistake('outputs', `outputs of this model (${known})`, output);
    }
    const name = fixed.get(output) ?? output.replace('hidden.', 'hidden_states.');
    return { value: aliases.get(value) ?? value, name };
  });
}

/** The nodes that the `wanted` values depend on, in topological order, without identities; inputs are renamed accordingly. */
function neededNodes(
  graph: EncoderGraph,
  wanted: Set<string>,
  aliases: ReadonlyMap<string, string>,
): readonly GraphNode[] {
  const original = (value: string): string => aliases.get(value) ?? value;
  const needed: GraphNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (isIdentity(node) || !wanted.has(node.output)) continue;
    needed.push(withNames(node, { value: original }));
    for (const input of inputsOf(node)) wanted.add(original(input));
  }
  return needed.reverse();
}

/** Throws UNSUPPORTED_MODEL for a `features` node: an ONNX file takes token ids, and other tools have no features to feed. */
function refuseFeatures(needed: readonly GraphNode[]): void {
  for (const { op, output } of needed) {
    if (op !== 'features') continue;
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `ONNX export: node ${output} reads features of the texts, which an ONNX file has no input for`,
    );
  }
}

function declareInputs(
  builder: ModelBuilder,
  graph: EncoderGraph,
  needed: readonly GraphNode[],
): void {
  const tables = needed.flatMap((node) => (node.op === 'embedding' ? node.tables : []));
  if (!tables.some((table) => table.index === 'token')) {
    throw new SinterError('INTERNAL', 'ONNX export: no output depends on the token ids');
  }
  const segments = graph.segments > 1 && tables.some((table) => table.index === 'segment');
  const names = [INPUT_IDS, ATTENTION_MASK, ...(segments ? [TOKEN_TYPE_IDS] : [])];
  for (const name of names) builder.input(name, 'int64', ['batch', 'sequence']);
}
