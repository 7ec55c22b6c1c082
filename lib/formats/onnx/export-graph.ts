/**
 * EncoderGraph to ONNX: which nodes are needed, what the inputs and outputs are called, one lowering per operation.
 *
 * Names are what other tools look for: input_ids, attention_mask and token_type_ids go in; last_hidden_state,
 * logits and sentence_embedding come out.
 */

import { rangeMistake, SinterError } from '../../core/errors.js';
import { inputsOf, withInputs } from '../../graph/nodes.js';
import type { EncoderGraph, GraphNode, OutputName } from '../../graph/types.js';
import { lowerLinear, lowerNorm } from './lower-linear.js';
import { lowerAttention, lowerEmbedding, lowerNormalize, lowerPool } from './lower-sequence.js';
import {
  ATTENTION_MASK,
  INPUT_IDS,
  type IntegerSettings,
  Lowering,
  TOKEN_TYPE_IDS,
} from './lowering.js';
import { ModelBuilder } from './model-builder.js';
import type { GraphSpec } from './proto.js';
import { type WeightSource, WeightTensors } from './weights.js';

/** ONNX name of each output, in the order in which a file lists them (hidden.N come after these). */
const OUTPUT_NAMES: readonly (readonly [OutputName, string])[] = [
  ['hidden', 'last_hidden_state'],
  ['logits', 'logits'],
  ['embedding', 'sentence_embedding'],
  ['pooled', 'pooler_output'],
];

export interface GraphExport {
  readonly opset: 17 | 20;
  readonly integer: IntegerSettings | null;
  readonly outputs: readonly OutputName[];
}

/** The ONNX graph that computes `options.outputs`; nodes and weights that they do not need are left out. */
export function exportGraph(
  graph: EncoderGraph,
  source: WeightSource,
  options: GraphExport,
): GraphSpec {
  const builder = new ModelBuilder(options.opset);
  const aliases = dropoutAliases(graph);
  const wanted = wantedOutputs(graph, options.outputs, aliases);
  const needed = neededNodes(graph, new Set(wanted.map((output) => output.value)), aliases);
  declareInputs(builder, graph, needed);

  const names = new Map<string, string>();
  for (const { value, name } of wanted) if (!names.has(value)) names.set(value, name);
  const weights = new WeightTensors(graph, source, builder);
  const lowering = new Lowering(builder, weights, options.integer, names);
  for (const node of needed) lowerNode(lowering, node, graph.segments);

  for (const { value, name } of wanted) {
    const { kind, name: made, width } = lowering.whole(value);
    // One value under two output names: the second is a copy.
    if (made !== name) builder.node('Identity', [made], builder.fresh(name));
    const dims = kind === 'token' ? ['batch', 'sequence', width] : ['batch', width];
    builder.output(name, 'float', dims);
  }
  return builder.graph(graph.architecture);
}

function lowerNode(lowering: Lowering, node: GraphNode, segments: number): void {
  switch (node.op) {
    case 'embedding':
      lowerEmbedding(lowering, node, segments);
      break;
    case 'norm':
      lowerNorm(lowering, node);
      break;
    case 'linear':
      lowerLinear(lowering, node);
      break;
    case 'attention':
      lowerAttention(lowering, node);
      break;
    case 'pool':
      lowerPool(lowering, node);
      break;
    case 'normalize':
      lowerNormalize(lowering, node);
      break;
    case 'dropout':
      break;
    default:
      throw new SinterError('UNSUPPORTED_MODEL', `ONNX export: operation ${node.op}`);
  }
}

/** Dropout is the identity here: its output is another name for the value that goes in. */
function dropoutAliases(graph: EncoderGraph): ReadonlyMap<string, string> {
  const aliases = new Map<string, string>();
  for (const node of graph.nodes) {
    if (node.op === 'dropout') aliases.set(node.output, aliases.get(node.input) ?? node.input);
  }
  return aliases;
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

/** The nodes that the wanted values depend on, in order, their inputs renamed past dropout. */
function neededNodes(
  graph: EncoderGraph,
  wanted: Set<string>,
  aliases: ReadonlyMap<string, string>,
): readonly GraphNode[] {
  const original = (value: string): string => aliases.get(value) ?? value;
  const needed: GraphNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (node.op === 'dropout' || !wanted.has(node.output)) continue;
    needed.push(withInputs(node, original));
    for (const input of inputsOf(node)) wanted.add(original(input));
  }
  return needed.reverse();
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
