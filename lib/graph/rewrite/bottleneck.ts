/**
 * Bottleneck adapters as nodes inside the layers: f(x) = up(activation(down(x))), joined where a block meets its residual.
 *
 * They are ordinary products and sums, so a graph with them trains, exports, quantizes and saves like any other.
 */

import { SinterError } from '../../core/errors.js';
import type { BottleneckSettings } from '../adapter-options.js';
import type { GraphNode, NodeOf } from '../ops.js';
import type { EncoderGraph, WeightSpec } from '../types.js';
import { validateGraph } from '../validate.js';

/** Where a block ends: the node that adds its residual. */
interface Joint {
  readonly node: NodeOf<'norm'> | NodeOf<'add'>;
  /** The value of the block, and the residual. */
  readonly branch: string;
  readonly residual: string;
  /** Module of the adapter: `bert.encoder.layer.0.output.adapter`. */
  readonly module: string;
}

/** `graph` with bottleneck adapters. Throws UNSUPPORTED_MODEL where its layers are no blocks of attention and feed-forward. */
export function withBottlenecks(graph: EncoderGraph, settings: BottleneckSettings): EncoderGraph {
  const { kind, size, reductionFactor, activation } = settings;
  if (graph.weights.some(({ name }) => name.endsWith('.adapter.down.weight')))
    throw unsupported(graph, 'has bottleneck adapters already');
  const width = validateGraph(graph).get(graph.outputs.hidden ?? '')?.width ?? 0;
  const inner = size ?? Math.max(1, Math.floor(width / reductionFactor));
  const joints = layerJoints(graph).flatMap(([attention, feedForward]) =>
    kind === 'houlsby' ? [attention, feedForward] : [feedForward],
  );
  const byOutput = new Map(joints.map((joint) => [joint.node.output, joint]));
  const nodes = graph.nodes.flatMap((node) => {
    const joint = byOutput.get(node.output);
    if (joint === undefined) return [node];
    if (kind === 'pfeiffer' && node.op !== 'norm')
      throw unsupported(graph, "has its norms before its blocks; use kind 'houlsby' or 'ffn'");
    return adapted(joint, kind === 'pfeiffer', activation);
  });
  // Layers that share their weights share their adapters too.
  const modules = new Set(joints.map(({ module }) => module));
  const added = [...modules].flatMap((module): WeightSpec[] => [
    { name: `${module}.down.weight`, shape: [inner, width], dtype: 'f32' },
    { name: `${module}.down.bias`, shape: [inner], dtype: 'f32' },
    { name: `${module}.up.weight`, shape: [width, inner], dtype: 'f32' },
    { name: `${module}.up.bias`, shape: [width], dtype: 'f32' },
  ]);
  const made = { ...graph, nodes, weights: [...graph.weights, ...added] };
  validateGraph(made);
  return made;
}

/** The nodes in place of a joint; the last one has its output. */
function adapted(
  { node, branch, residual, module }: Joint,
  isAfterNorm: boolean,
  activation: BottleneckSettings['activation'],
): GraphNode[] {
  const at = `${node.output}.adapter`;
  const nodes: GraphNode[] = [];
  const linear = (part: string, kind: 'none' | typeof activation, input: string) => {
    const output = `${at}.${part}`;
    nodes.push({
      ...{ op: 'linear', input, activation: kind, activationBits: 8, output },
      ...{ weights: [`${module}.${part}.weight`], biases: [`${module}.${part}.bias`] },
    });
    return output;
  };
  let input = branch;
  if (isAfterNorm) {
    input = `${at}.normed`;
    nodes.push({ ...node, output: input });
  }
  const up = linear('up', 'none', linear('down', activation, input));
  const sum = `${at}.sum`;
  nodes.push({ op: 'add', input: branch, residual: up, output: sum });
  nodes.push({ ...node, input: sum, residual });
  return nodes;
}

/** The joints of attention and feed-forward of every layer. */
function layerJoints(graph: EncoderGraph): [Joint, Joint][] {
  const made = new Map(graph.nodes.map((node, index) => [node.output, index]));
  const ends: number[] = [];
  for (let k = 0; ; k++) {
    const end = made.get(graph.outputs[`hidden.${k}`] ?? '');
    if (end === undefined) break;
    ends.push(end);
  }
  if (ends.length < 2) throw unsupported(graph, 'does not say where its layers end');
  return ends.slice(1).map((end, k) => {
    const nodes = graph.nodes.slice((ends[k] ?? 0) + 1, end + 1);
    const joints = nodes.flatMap((node) => jointAt(graph, made, node) ?? []);
    const [attention, feedForward] = joints;
    if (joints.length === 2 && attention && feedForward) return [attention, feedForward];
    const what = `has ${joints.length} blocks with a residual in layer ${k}; bottleneck adapters need two`;
    throw unsupported(graph, what);
  });
}

function jointAt(
  graph: EncoderGraph,
  made: ReadonlyMap<string, number>,
  node: GraphNode,
): Joint | undefined {
  if ((node.op !== 'norm' && node.op !== 'add') || node.residual === null) return undefined;
  const sides = [
    { branch: node.input, residual: node.residual },
    { branch: node.residual, residual: node.input },
  ];
  for (const { branch, residual } of sides) {
    const weight = productOf(graph, made, branch);
    if (weight === undefined) continue;
    const module = `${weight.replace(/\.weight$/, '').replace(/\.dense$/, '')}.adapter`;
    return { node, branch, residual, module };
  }
  return undefined;
}

/** The matrix of the product that a value comes from, dropout aside. */
function productOf(
  { nodes }: Pick<EncoderGraph, 'nodes'>,
  made: ReadonlyMap<string, number>,
  value: string,
): string | undefined {
  const node = nodes[made.get(value) ?? -1];
  if (node?.op === 'dropout') return productOf({ nodes }, made, node.input);
  return node?.op === 'linear' && node.weights.length === 1 ? node.weights[0] : undefined;
}

function unsupported({ architecture }: EncoderGraph, what: string): SinterError {
  return new SinterError('UNSUPPORTED_MODEL', `the model (${architecture}) ${what}`);
}
