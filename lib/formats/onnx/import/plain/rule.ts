/**
 * The type of a rule, and the writer of its nodes.
 *
 * A rule starts at the root: the node that gives the result of the pattern. It looks backwards along the dataflow, never at
 * names, and writes nodes that give the same values under the root's output names. Nodes of the pattern are removed when
 * nothing reads them any more.
 */

import type { Attribute, OnnxNode, Tensor } from '../model.js';
import type { Draft } from './draft.js';

export interface Rule {
  /** Short and stable: `inspect` prints it. */
  readonly name: string;
  /** For the table in the documentation: the pattern that the rule matches. */
  readonly matches: string;
  readonly writes: string;
  /** Set when facts are inferred anew before the rule runs, because it writes worse nodes without types and axes. */
  readonly fresh?: true;
  /** Operators of the root, as `operatorOf` gives them; `'*'` for every node. */
  readonly roots: readonly string[];
  /**
   * Rewrites the node and returns true. When it returns false, the nodes that it wrote are dropped; it must not have made an
   * alias.
   */
  readonly rewrite: (node: OnnxNode, write: Writer) => boolean;
}

/** Notes of a rule, kept during one pass over the graph. */
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

  /**
   * A copy of the node under a temporary name, for helpers that look at nodes of the graph: the root itself is not in it yet.
   */
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

  /** Writes a node with one new result and returns the name of the result. */
  op(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string {
    const output = this.graph.freshName(this.#hint());
    this.#emit(op, inputs, attributes, [output]);
    return output;
  }

  /** Writes a node with `count` new results and returns their names. */
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

  /** Writes a node whose result gets the name `output`. */
  into(
    output: string,
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): true {
    this.#emit(op, inputs, attributes, [output]);
    return true;
  }

  /** Makes `output` an alias of `value`. */
  same(output: string, value: string): true {
    this.graph.alias(output, value);
    return true;
  }

  tensor(tensor: Tensor): string {
    return this.graph.constant(this.#hint(), tensor);
  }

  /** A float constant without axes. */
  scalar(value: number): string {
    const exact = Math.fround(value);
    return this.graph.cached(`f32:${Object.is(exact, -0) ? '-0' : exact}`, () =>
      this.tensor({ dtype: 'float32', dims: [], data: Float32Array.of(exact) }),
    );
  }

  /** An int64 constant with one axis. */
  ints(values: readonly number[]): string {
    return this.graph.cached(`i64:${values.join(',')}`, () =>
      this.tensor({ dtype: 'int64', dims: [values.length], data: Float64Array.from(values) }),
    );
  }

  /** An int64 constant without axes. */
  int(value: number): string {
    return this.graph.cached(`i64 scalar:${value}`, () =>
      this.tensor({ dtype: 'int64', dims: [], data: Float64Array.of(value) }),
    );
  }
}
