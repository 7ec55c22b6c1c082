/**
 * Sorts nodes topologically and refuses values that are assigned twice, made by no node, or part of a cycle.
 *
 * A node that holds a graph (`If`) also reads the values that its graph reads from outside. A file whose order is already
 * topological keeps it.
 */

import { isGraph, type OnnxGraph, type OnnxNode } from '../model.js';
import type { ParseContext } from './context.js';

/** Sorts the graph and the graphs inside its nodes. `outer`: values of enclosing graphs, which it may read. */
export function sortNodes(
  context: ParseContext,
  graph: OnnxGraph,
  outer: ReadonlySet<string>,
): OnnxGraph {
  const given = new Set([...graph.inputs.map((input) => input.name), ...graph.initializers.keys()]);
  const nodes = sortWithin(context, graph.nodes, given, outer);
  const made = new Set([...given, ...nodes.flatMap((node) => node.outputs)]);
  for (const { name } of graph.outputs) {
    if (!made.has(name) && !outer.has(name)) {
      throw context.corrupt('graph', `the output ${name} is made by no node`, { tensor: name });
    }
  }
  return { ...graph, nodes };
}

/**
 * Sorts nodes so that each value is made before it is read. `given`: inputs and initializers; `outer`: values of enclosing
 * graphs.
 */
export function sortWithin(
  context: ParseContext,
  nodes: readonly OnnxNode[],
  given: ReadonlySet<string>,
  outer: ReadonlySet<string>,
): OnnxNode[] {
  const makers = makersOf(context, nodes, given);
  const visible = new Set([...outer, ...given, ...makers.keys()]);
  const inner = nodes.map((node) => withSortedGraphs(context, node, visible));
  const order = new Sorter(context, inner, makers, given, outer).run();
  return order.map((index) => inner[index] as OnnxNode);
}

/** Value -> index of the node that makes it. */
function makersOf(
  context: ParseContext,
  nodes: readonly OnnxNode[],
  given: ReadonlySet<string>,
): Map<string, number> {
  const makers = new Map<string, number>();
  for (const [index, node] of nodes.entries()) {
    for (const output of node.outputs) {
      if (output === '') continue;
      if (makers.has(output) || given.has(output)) {
        throw context.corrupt('graph', `value ${output} is assigned twice`, {
          node: labelOf(node),
          tensor: output,
        });
      }
      makers.set(output, index);
    }
  }
  return makers;
}

function withSortedGraphs(
  context: ParseContext,
  node: OnnxNode,
  visible: ReadonlySet<string>,
): OnnxNode {
  if (![...node.attributes.values()].some(isGraph)) return node;
  const attributes = new Map(node.attributes);
  for (const [name, value] of attributes) {
    if (isGraph(value)) attributes.set(name, sortNodes(context, value, visible));
  }
  return { ...node, attributes };
}

/** Name of a node in messages. */
export function labelOf(node: OnnxNode): string {
  return node.name || node.outputs.find((output) => output !== '') || node.op;
}

/** Names of all values that a node reads: its inputs, and those that its graphs read from outside. */
export function readsOf(node: OnnxNode): readonly string[] {
  const inputs = node.inputs.filter((input) => input !== '');
  const graphs = [...node.attributes.values()].filter(isGraph);
  return graphs.length === 0 ? inputs : [...inputs, ...graphs.flatMap(captured)];
}

function captured(graph: OnnxGraph): string[] {
  const made = new Set([
    ...graph.inputs.map((input) => input.name),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap((node) => node.outputs),
  ]);
  const reads = [...graph.nodes.flatMap(readsOf), ...graph.outputs.map((output) => output.name)];
  return reads.filter((name) => !made.has(name));
}

/** Depth-first search without recursion, because a chain of nodes may be longer than the stack. */
class Sorter {
  readonly #state: Uint8Array;
  readonly #order: number[] = [];

  constructor(
    readonly context: ParseContext,
    readonly nodes: readonly OnnxNode[],
    readonly makers: ReadonlyMap<string, number>,
    readonly given: ReadonlySet<string>,
    readonly outer: ReadonlySet<string>,
  ) {
    this.#state = new Uint8Array(nodes.length);
  }

  run(): readonly number[] {
    for (let index = 0; index < this.nodes.length; index++) {
      if (this.#state[index] === 0) this.#visit(index);
    }
    return this.#order;
  }

  #visit(root: number): void {
    const path: { index: number; needs: readonly number[]; next: number }[] = [];
    const enter = (index: number) => {
      this.#state[index] = 1;
      path.push({ index, needs: this.#needsOf(index), next: 0 });
    };
    enter(root);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const need = top.needs[top.next++];
      if (need === undefined) {
        this.#state[top.index] = 2;
        this.#order.push(top.index);
        path.pop();
      } else if (this.#state[need] === 1) {
        throw this.#cyclic(
          path.map((step) => step.index).slice(path.findIndex((step) => step.index === need)),
        );
      } else if (this.#state[need] === 0) enter(need);
    }
  }

  #needsOf(index: number): number[] {
    const node = this.nodes[index] as OnnxNode;
    const needs: number[] = [];
    for (const name of readsOf(node)) {
      const maker = this.makers.get(name);
      if (maker !== undefined) needs.push(maker);
      else if (!this.given.has(name) && !this.outer.has(name)) {
        throw this.context.corrupt(
          'graph',
          `${labelOf(node)} (${node.op}) reads ${name}, which nobody makes`,
          { node: labelOf(node), tensor: name },
        );
      }
    }
    return needs;
  }

  #cyclic(cycle: readonly number[]): Error {
    const labels = cycle.map((index) => labelOf(this.nodes[index] as OnnxNode));
    const shown = labels.length > 6 ? [...labels.slice(0, 6), '...'] : labels;
    return this.context.corrupt('graph', `nodes that need themselves: ${shown.join(', ')}`, {
      node: labels[0] ?? '',
    });
  }
}
