/**
 * Wrong readings of a graph: each is the graph with one mistake that an importer could make.
 */

import type { EncoderGraph, GraphNode, PoolKind } from '../../../lib/graph/types.js';
import { validateGraph } from '../../../lib/graph/validate.js';

export interface Mutation {
  readonly name: string;
  readonly graph: EncoderGraph;
}

type Change = (node: GraphNode) => readonly (readonly [string, GraphNode | null])[];

const POOLS: readonly PoolKind[] = ['mean', 'cls', 'max', 'weightedmean', 'lasttoken'];

/** Mistakes in one node; null: the node is left out and its input passed on. */
const changes: Change = (node) => {
  switch (node.op) {
    case 'embedding': {
      const without = (index: string) => node.tables.filter((table) => table.index !== index);
      const changed = (tables: typeof node.tables) => ({ ...node, tables });
      return [
        ['without positions', changed(without('position'))],
        ['without segments', changed(without('segment'))],
        [
          'positions shifted by one',
          changed(
            node.tables.map((table) =>
              table.index === 'position' ? { ...table, offset: table.offset + 1 } : table,
            ),
          ),
        ],
      ];
    }
    case 'norm':
      return [
        ['another epsilon', { ...node, epsilon: 0.05 }],
        ['without its residual', { ...node, residual: null }],
        ['the other kind', { ...node, kind: node.kind === 'layer' ? 'rms' : 'layer', bias: null }],
        ['without bias', { ...node, bias: null }],
        ['left out', node.residual === null ? null : node],
      ];
    case 'linear': {
      const [first = '', second = '', ...rest] = node.weights;
      return [
        ['without activation', { ...node, activation: 'none' }],
        [
          'another activation',
          { ...node, activation: node.activation === 'none' ? 'none' : 'relu' },
        ],
        [
          'the other GELU',
          node.activation === 'gelu' ? { ...node, activation: 'gelu_tanh' } : node,
        ],
        // The bias of keys adds the same to all scores of a query: nothing.
        ['without bias', node.weights.length === 1 ? { ...node, biases: [] } : node],
        [
          'query and key swapped',
          second === '' ? node : { ...node, weights: [second, first, ...rest] },
        ],
      ];
    }
    case 'attention':
      return [
        ['another scale', { ...node, scale: node.scale * 1.05 }],
        ['a window', { ...node, window: 2 }],
        ['a wider window', node.window === undefined ? node : { ...node, window: node.window + 1 }],
        ['without window', withoutField(node, 'window')],
        ['without rotation', withoutField(node, 'rotary')],
        [
          'another theta',
          node.rotary
            ? { ...node, rotary: { ...node.rotary, theta: node.rotary.theta * 1.5 } }
            : node,
        ],
        ['without relative bias', withoutField(node, 'relativeBias')],
        ['without distances', withoutField(node, 'disentangled')],
      ];
    case 'gate':
      return [
        [
          'another activation',
          { ...node, activation: node.activation === 'gelu' ? 'silu' : 'gelu' },
        ],
      ];
    case 'add':
      return [['without its residual', null]];
    case 'pool':
      return POOLS.filter((kind) => kind !== node.kind).map((kind) => [
        `as ${kind}`,
        { ...node, kind },
      ]);
    case 'normalize':
      return [['left out', null]];
    default:
      return [];
  }
};

function withoutField<T extends GraphNode, K extends keyof T>(node: T, field: K): T {
  const { [field]: _, ...rest } = node;
  return rest as unknown as T;
}

/** All mistakes in the nodes of a graph that give a graph that can run: the first and the last of each kind of node. */
export function mutationsOf(graph: EncoderGraph): Mutation[] {
  const kinds = new Map<string, number[]>();
  graph.nodes.forEach((node, i) => {
    const key = `${node.op} ${'activation' in node ? node.activation : ''}`;
    kinds.set(key, [...(kinds.get(key) ?? []), i]);
  });
  const made: Mutation[] = [];
  for (const places of kinds.values()) {
    for (const i of new Set([places[0] ?? 0, places.at(-1) ?? 0])) {
      const node = graph.nodes[i];
      if (node === undefined) continue;
      for (const [what, changed] of changes(node)) {
        if (JSON.stringify(changed) === JSON.stringify(node)) continue;
        if (what === 'without bias' && isKeyOfDistances(graph, node.output)) continue;
        const mutant = used(changed === null ? passedOn(graph, i) : replaced(graph, i, changed));
        if (isValid(mutant)) made.push({ name: `${node.op} ${i} ${what}`, graph: mutant });
      }
    }
  }
  return made;
}

/** As with all keys, its bias adds the same to all scores of a query. */
function isKeyOfDistances({ nodes }: EncoderGraph, output: string): boolean {
  return nodes.some((node) => node.op === 'attention' && node.disentangled?.keys === output);
}

function replaced(graph: EncoderGraph, at: number, node: GraphNode): EncoderGraph {
  return { ...graph, nodes: graph.nodes.map((other, i) => (i === at ? node : other)) };
}

function passedOn(graph: EncoderGraph, at: number): EncoderGraph {
  const node = graph.nodes[at];
  if (node === undefined || !('input' in node)) return graph;
  const text = JSON.stringify({ ...graph, nodes: graph.nodes.filter((_, i) => i !== at) });
  const renamed = text.replaceAll(JSON.stringify(node.output), JSON.stringify(node.input));
  return JSON.parse(renamed) as EncoderGraph;
}

/** The graph with only the weights that its nodes read. */
function used(graph: EncoderGraph): EncoderGraph {
  const text = JSON.stringify(graph.nodes);
  const weights = graph.weights.filter(({ name }) => text.includes(JSON.stringify(name)));
  const embedding = graph.nodes.find((node) => node.op === 'embedding');
  const room = (embedding?.op === 'embedding' ? embedding.tables : [])
    .filter(({ index }) => index === 'position')
    .map(
      ({ weight, offset }) => (weights.find(({ name }) => name === weight)?.shape[0] ?? 0) - offset,
    );
  return { ...graph, weights, maxTokens: Math.min(graph.maxTokens, ...room) };
}

function isValid(graph: EncoderGraph): boolean {
  try {
    validateGraph(graph);
    return graph.nodes.length > 0;
  } catch {
    return false;
  }
}
