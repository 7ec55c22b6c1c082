/**
 * EncoderGraph to ONNX: which nodes are needed, what the inputs and outputs are called, one lowering per operation.
 *
 * Names are what other tools look for: input_ids, attention_mask and token_type_ids go in; last_hidden_state,
 * logits (or start_logits and end_logits) and sentence_embedding come out.
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
  /** Logits [batch, sequence, 2] become start_logits and end_logits, [batch, sequence]. */
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
  // One value under two output names: the second is a copy.
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

/** 8-bit form of tables that are weights of products too. */
function formOf(products: Products): IntegerForm {
  return products.kind === 'dynamic' || products.kind === 'static' ? products.weights : 'int8';
}

/** Steps that an ONNX file does not have: their output is their input. */
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
 * Dropout is the identity here, and an ONNX model gives what is asked of selected tokens for all of them: the outputs of
 * both are other names for the values that go in.
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

/** Names of weights that are tables and weights of products. */
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

/** The nodes that the wanted values depend on, in order, their inputs renamed past identities. */
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

/** A file is asked for token ids: other tools have no features to hand over. */
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
