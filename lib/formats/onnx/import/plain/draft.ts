/**
 * A graph while rules rewrite it.
 *
 * Nodes are in topological order. A rule looks backwards only and puts new nodes in place of the one it rewrites. During a
 * pass the new nodes wait in a separate list; nodes that only a rewritten node read stay until `settle` removes them.
 */

import type { Initializer, OnnxGraph, OnnxNode, Tensor, ValueInfo } from '../model.js';
import { isGraph } from '../model.js';
import { MAX_RANK } from '../reader/limits.js';
import { operatorOf } from './attributes.js';
import {
  type Axes,
  type Fact,
  type FactSource,
  inferElements,
  inferFacts,
  UNKNOWN,
} from './facts.js';
import type { ActivationQuantization, QuantizedWeight } from './plain-model.js';

/** Most elements of a constant whose numbers any rule may read. */
const SMALL = 4096;

/** Most elements of a shape whose numbers are followed; larger values are no shapes. */
const MAX_ELEMENTS = 64;
const MAX_ELEMENT_STEPS = 32;

/** The graph with every name that is read inside it replaced by `name(from)`. */
function renameReads(graph: OnnxGraph, name: (from: string) => string): OnnxGraph {
  return {
    ...graph,
    nodes: graph.nodes.map((node) => renameNode(node, name)),
    outputs: graph.outputs.map((value) => ({ ...value, name: name(value.name) })),
  };
}

function renameNode(node: OnnxNode, name: (from: string) => string): OnnxNode {
  const inputs = node.inputs.map((input) => (input === '' ? input : name(input)));
  if (![...node.attributes.values()].some(isGraph)) {
    return inputs.every((input, index) => input === node.inputs[index])
      ? node
      : { ...node, inputs };
  }
  const attributes = new Map(node.attributes);
  for (const [key, value] of attributes) {
    if (isGraph(value)) attributes.set(key, renameReads(value, name));
  }
  return { ...node, inputs, attributes };
}

/** Every name that a node reads, including those that graphs inside it read. */
export function readNames(node: OnnxNode): string[] {
  const names = node.inputs.filter((input) => input !== '');
  for (const value of node.attributes.values()) {
    if (!isGraph(value)) continue;
    for (const inner of value.nodes) names.push(...readNames(inner));
    names.push(...value.outputs.map((output) => output.name));
  }
  return names;
}

export class Draft implements FactSource {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly quantized = new Map<string, QuantizedWeight>();
  readonly activations = new Map<string, ActivationQuantization>();
  /** Total number of elements that constant folding has made. */
  folded = 0;
  readonly #graphName: string;
  readonly #outputNames: ReadonlySet<string>;
  readonly #inputNames: ReadonlySet<string>;
  #nodes: OnnxNode[] = [];
  #initializers: Map<string, Initializer>;
  #producers = new Map<string, OnnxNode>();
  #facts = new Map<string, Fact>();
  /** Aliases: reads of the key are reads of the entry. */
  #same = new Map<string, string>();
  #small = new Map<string, readonly number[] | null>();
  #elements = new Map<string, Axes | null>();
  #cache = new Map<string, string>();
  #fresh = 0;
  #read: ReadonlySet<string> | null = null;
  #operators: ReadonlySet<string> | null = null;
  /** Nodes that the running rule has emitted, each with the producers and facts that it has replaced; null outside a rule. */
  #trial: { node: OnnxNode; hidden: (readonly [string, OnnxNode | undefined, Fact])[] }[] | null =
    null;
  #elementDepth = 0;

  constructor(graph: OnnxGraph) {
    this.#graphName = graph.name;
    this.inputs = graph.inputs;
    this.outputs = graph.outputs;
    this.#outputNames = new Set(graph.outputs.map((output) => output.name));
    this.#inputNames = new Set(graph.inputs.map((input) => input.name));
    this.#initializers = new Map(graph.initializers);
    for (const input of graph.inputs) {
      const dims = input.dims?.map((d) => (typeof d === 'number' ? d : null)) ?? null;
      this.#facts.set(input.name, { dtype: input.dtype, dims });
    }
    this.#nodes = [...graph.nodes];
    this.refresh();
  }

  get nodes(): readonly OnnxNode[] {
    return this.#nodes;
  }

  /** Operators of all nodes, as of the start of this pass. */
  get operators(): ReadonlySet<string> {
    this.#operators ??= new Set(this.#nodes.map(operatorOf));
    return this.#operators;
  }

  get initializers(): ReadonlyMap<string, Initializer> {
    return this.#initializers;
  }

  /** Follows aliases to the current name of a value. */
  resolve(name: string): string {
    let current = name;
    for (let next = this.#same.get(current); next !== undefined; next = this.#same.get(current)) {
      current = next;
    }
    return current;
  }

  /** Resolved name of an input, '' when it is left out. */
  input(node: OnnxNode, index: number): string {
    const name = node.inputs[index] ?? '';
    return name === '' ? '' : this.resolve(name);
  }

  /** The node that makes a value; null for inputs, initializers and unknown names. */
  producer(name: string): OnnxNode | null {
    return this.#producers.get(this.resolve(name)) ?? null;
  }

  initializer(name: string): Initializer | null {
    return this.#initializers.get(this.resolve(name)) ?? null;
  }

  isOutput(name: string): boolean {
    return this.#outputNames.has(name);
  }

  /** Whether a node or the graph's outputs read a value, as of the start of this pass. */
  isRead(name: string): boolean {
    this.#read ??= new Set(this.#nodes.flatMap(readNames));
    return name !== '' && (this.#read.has(name) || this.#outputNames.has(name));
  }

  fact(name: string): Fact {
    const resolved = this.resolve(name);
    const initializer = this.#initializers.get(resolved);
    if (initializer !== undefined) return { dtype: initializer.dtype, dims: initializer.dims };
    return this.#facts.get(resolved) ?? UNKNOWN;
  }

  rank(name: string): number | null {
    return this.fact(name).dims?.length ?? null;
  }

  /** Numbers of a constant of at most 4,096 elements. */
  small(name: string): readonly number[] | null {
    const resolved = this.resolve(name);
    const known = this.#small.get(resolved);
    if (known !== undefined) return known;
    const initializer = this.#initializers.get(resolved);
    if (initializer === undefined) return null;
    const count = initializer.dims.reduce((a, b) => a * b, 1);
    const numbers = count > SMALL ? null : Array.from(initializer.read().data);
    this.#small.set(resolved, numbers);
    return numbers;
  }

  elements(name: string): Axes | null {
    const resolved = this.resolve(name);
    const dims = this.fact(resolved).dims;
    if (dims === null || dims.length > 1) return null;
    const known = this.#elements.get(resolved);
    if (known !== undefined) return known;
    const constant = this.small(resolved);
    const node = this.#producers.get(resolved);
    this.#elementDepth += 1;
    const inside = node !== undefined && this.#elementDepth < MAX_ELEMENT_STEPS;
    const made = constant ?? (inside ? inferElements(node, this) : null);
    this.#elementDepth -= 1;
    const length = dims.length === 0 ? 1 : (dims[0] ?? null);
    const short =
      length !== null && Number.isInteger(length) && length >= 0 && length <= MAX_ELEMENTS;
    const result = made ?? (short ? new Array<null>(length).fill(null) : null);
    this.#elements.set(resolved, result);
    return result;
  }

  /** The number of a constant of one element. */
  scalar(name: string): number | null {
    const numbers = this.small(name);
    return numbers?.length === 1 ? (numbers[0] ?? null) : null;
  }

  /** A name that no value has. */
  freshName(hint: string): string {
    for (;;) {
      this.#fresh += 1;
      const name = `${hint}__${this.#fresh}`;
      if (!this.#facts.has(name) && !this.#initializers.has(name) && !this.#same.has(name))
        return name;
    }
  }

  addInitializer(initializer: Initializer): string {
    this.#initializers.set(initializer.name, initializer);
    this.#small.delete(initializer.name);
    return initializer.name;
  }

  constant(hint: string, tensor: Tensor): string {
    const name = this.freshName(hint);
    return this.addInitializer({
      name,
      dtype: tensor.dtype,
      dims: tensor.dims,
      read: () => tensor,
    });
  }

  /** The initializer made for `key` before; null without one. */
  known(key: string): string | null {
    const name = this.#cache.get(key);
    return name !== undefined && this.#initializers.has(name) ? name : null;
  }

  /** The initializer made for `key` before, or the one that `make` makes now. */
  cached(key: string, make: () => string): string {
    const known = this.known(key);
    if (known !== null) return known;
    const name = make();
    this.#cache.set(key, name);
    return name;
  }

  /** Adds a node at the place of the node that the running rule rewrites; its inputs must exist. */
  emit(node: OnnxNode): void {
    const hidden = node.outputs.map(
      (output) => [output, this.#producers.get(output), this.fact(output)] as const,
    );
    if (this.#trial === null) {
      this.#nodes.push(node);
      this.#operators = null;
    } else this.#trial.push({ node, hidden });
    this.#learn(node);
  }

  #learn(node: OnnxNode): void {
    const facts = inferFacts(node, this);
    node.outputs.forEach((output, index) => {
      if (output === '') return;
      const fact = facts[index] ?? UNKNOWN;
      const known = (fact.dims?.length ?? 0) <= MAX_RANK;
      this.#producers.set(output, node);
      this.#facts.set(output, known ? fact : { dtype: fact.dtype, dims: null });
    });
  }

  /** Infers all facts again: constants found since then make more of them known. */
  refresh(): void {
    this.#elements.clear();
    this.#producers.clear();
    for (const node of this.#nodes) this.#learn(node);
  }

  /** Runs `rewrite` on a node. Returns the nodes that it emitted; null when it returned false, after undoing its effects. */
  attempt(node: OnnxNode, rewrite: () => boolean): OnnxNode[] | null {
    this.#trial = [];
    const done = rewrite();
    const trial = this.#trial;
    this.#trial = null;
    if (!done) {
      for (const { hidden } of trial.reverse()) {
        for (const [output, producer, fact] of hidden) {
          if (producer === undefined) this.#producers.delete(output);
          else this.#producers.set(output, producer);
          this.#facts.set(output, fact);
        }
      }
      return null;
    }
    for (const output of node.outputs) {
      if (this.#producers.get(output) === node) this.#producers.delete(output);
    }
    return trial.map((item) => item.node);
  }

  /**
   * Makes `name`, a result of the node being rewritten, an alias of `target`. The name of a graph output must stay: the value
   * takes it over, or an Identity copies the value.
   */
  alias(name: string, target: string): void {
    const value = this.resolve(target);
    if (!this.#outputNames.has(name)) {
      this.#same.set(name, value);
      return;
    }
    if (this.canRename(value)) this.#rename(value, name);
    else
      this.emit({
        op: 'Identity',
        domain: '',
        name: '',
        inputs: [value],
        outputs: [name],
        attributes: new Map(),
      });
  }

  /** Whether a value may take the name of a graph output. */
  canRename(name: string): boolean {
    const value = this.resolve(name);
    return (
      !this.#outputNames.has(value) && !this.#inputNames.has(value) && this.#producers.has(value)
    );
  }

  /** Gives the value of `from` the name `to`; its node keeps the old output name until `settle`. */
  #rename(from: string, to: string): void {
    const node = this.#producers.get(from);
    if (node === undefined) return;
    this.#producers.set(to, node);
    this.#facts.set(to, this.#facts.get(from) ?? UNKNOWN);
    this.#same.set(from, to);
  }

  /**
   * Ends a pass that made `nodes`: replaces aliases by the current names and drops nodes and initializers that no output
   * needs.
   */
  settle(nodes: readonly OnnxNode[] = this.#nodes): void {
    const needed = new Set(this.#outputNames);
    const kept: OnnxNode[] = [];
    for (let index = nodes.length - 1; index >= 0; index--) {
      const node = nodes[index];
      if (node === undefined) continue;
      const renamed = renameNode(node, (name) => this.resolve(name));
      const outputs = node.outputs.map((output) => (output === '' ? '' : this.resolve(output)));
      if (!outputs.some((output) => needed.has(output))) continue;
      for (const name of readNames(renamed)) needed.add(name);
      const same = outputs.every((output, at) => output === node.outputs[at]);
      kept.push(same ? renamed : { ...renamed, outputs });
    }
    this.#nodes = kept.reverse();
    this.#read = null;
    this.#operators = null;
    this.#producers.clear();
    for (const node of this.#nodes) {
      for (const output of node.outputs) if (output !== '') this.#producers.set(output, node);
    }
    this.#initializers = new Map([...this.#initializers].filter(([name]) => needed.has(name)));
    for (const [name, note] of [...this.activations]) {
      const value = this.resolve(name);
      this.activations.delete(name);
      if (needed.has(value)) this.activations.set(value, note);
    }
    for (const name of [...this.quantized.keys()]) {
      if (!this.#initializers.has(name)) this.quantized.delete(name);
    }
  }

  toGraph(): OnnxGraph {
    return {
      name: this.#graphName,
      nodes: this.#nodes,
      initializers: this.#initializers,
      inputs: this.inputs,
      outputs: this.outputs,
    };
  }
}
