/**
 * A rule: which nodes it looks at, and what it puts in their place.
 *
 * A rule is rooted at the node whose result the matched part gives, looks backwards along the dataflow, never at names, and
 * writes nodes that give the same values under the root's output names. What it matched is removed when nobody reads it.
 */

import type { Attribute, OnnxNode, Tensor } from '../model.js';
import type { Draft } from './draft.js';

export interface Rule {
  /** Short and stable: `inspect` prints it. */
  readonly name: string;
  /** For the table in the documentation. */
  readonly matches: string;
  readonly writes: string;
  /** Types and axes are inferred anew before it runs: what it writes is worse where they are unknown. */
  readonly fresh?: true;
  /** Operators of the root, as `operatorOf` gives them; `'*'` for every node. */
  readonly roots: readonly string[];
  /** Whether it rewrote the node. Where it says false the nodes that it wrote are forgotten; it must not have made an alias. */
  readonly rewrite: (node: OnnxNode, write: Writer) => boolean;
}

/** Notes that a rule keeps while it goes over the graph once. */
export type Pass = Map<string, OnnxNode>;

/** Writes the nodes that replace one node. */
export class Writer {
  readonly graph: Draft;
  readonly pass: Pass;
  readonly #node: OnnxNode;
  #root: string | null = null;

  constructor(graph: Draft, node: OnnxNode, pass: Pass) {
    this.graph = graph;
    this.pass = pass;
    this.#node = node;
  }

  /** The node's own result under a passing name: rules look at nodes of the graph, and the root is not in it yet. */
  root(): string {
    if (this.#root === null) {
      this.#root = this.graph.freshName(this.#hint());
      this.graph.emit({ ...this.#node, outputs: [this.#root] });
    }
    return this.#root;
  }

  #hint(): string {
    return this.#node.outputs[0] ?? this.#node.op;
  }

  #emit(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>>,
    outputs: readonly string[],
  ): void {
    const trimmed = [...inputs];
    while (trimmed.at(-1) === '') trimmed.pop();
    const separator = op.indexOf('::');
    this.graph.emit({
      op: separator < 0 ? op : op.slice(separator + 2),
      domain: separator < 0 ? '' : op.slice(0, separator),
      name: this.#node.name,
      inputs: trimmed,
      outputs,
      attributes: new Map(Object.entries(attributes)),
    });
  }

  /** A node with one new result, whose name is returned. */
  op(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string {
    const output = this.graph.freshName(this.#hint());
    this.#emit(op, inputs, attributes, [output]);
    return output;
  }

  /** A node with `count` new results. */
  ops(
    op: string,
    inputs: readonly string[],
    count: number,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string[] {
    const outputs = Array.from({ length: count }, () => this.graph.freshName(this.#hint()));
    this.#emit(op, inputs, attributes, outputs);
    return outputs;
  }

  /** A node that gives the result of this name. */
  into(
    output: string,
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): true {
    this.#emit(op, inputs, attributes, [output]);
    return true;
  }

  /** The result of this name is `value`. */
  same(output: string, value: string): true {
    this.graph.alias(output, value);
    return true;
  }

  tensor(tensor: Tensor): string {
    return this.graph.constant(this.#hint(), tensor);
  }

  /** A float constant of no axes. */
  scalar(value: number): string {
    const exact = Math.fround(value);
    return this.graph.cached(`f32:${Object.is(exact, -0) ? '-0' : exact}`, () =>
      this.tensor({ dtype: 'float32', dims: [], data: Float32Array.of(exact) }),
    );
  }

  /** An int64 constant of one axis. */
  ints(values: readonly number[]): string {
    return this.graph.cached(`i64:${values.join(',')}`, () =>
      this.tensor({ dtype: 'int64', dims: [values.length], data: Float64Array.from(values) }),
    );
  }

  /** An int64 constant of no axes. */
  int(value: number): string {
    return this.graph.cached(`i64 scalar:${value}`, () =>
      this.tensor({ dtype: 'int64', dims: [], data: Float64Array.of(value) }),
    );
  }
}
