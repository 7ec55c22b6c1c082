/**
 * The reference evaluator: computes an ONNX graph node by node, with plain code that shares nothing with the code it checks.
 *
 * Float results are float32 with sums in doubles; float16 and bfloat16 graphs are computed in float32; integer products are
 * exact. Work and memory are limited, and the event loop gets its turn.
 */

import { setImmediate } from 'node:timers/promises';
import { SinterError, throwIfAborted } from '../../../../core/errors.js';
import {
  type Attribute,
  type Initializer,
  isGraph,
  isReference,
  type OnnxFunction,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type Tensor,
} from '../model.js';
import { labelOf, readsOf } from '../reader/order.js';
import { corruptOnnx } from '../reader/problem.js';
import { Call, EvaluationBudget } from './call.js';
import type { Multiply } from './multiply.js';
import { neededRows } from './needed-rows.js';
import { Origins, type Smooth } from './smooth.js';
import { operatorName, operatorOf } from './table.js';

/** A model, or any graph made from one. */
export interface Evaluable extends Pick<OnnxModel, 'graph' | 'opsets'> {
  readonly functions?: readonly OnnxFunction[];
  readonly path?: string;
  readonly bytes?: number;
}

export interface EvaluationSettings {
  /**
   * Names of the values to compute, inner ones too. Default: the graph's outputs. Only the nodes that they need are computed.
   */
  readonly outputs?: readonly string[];
  /** Called with every value of the outer graph when it is computed, and the node that made it. */
  readonly onValue?: (name: string, value: Tensor, node: OnnxNode) => void;
  /** Most multiply-adds and written elements; beyond, CORRUPT_MODEL (limits) is thrown. Default 2e11, some minutes. */
  readonly maxMultiplyAdds?: number;
  /** Most elements of one value. Default: those of the model's files, at least 16 million. */
  readonly maxElements?: number;
  /** Settings to compute quantized activations without rounding. */
  readonly smooth?: Smooth;
  /** Product of matrices to use, with the same bits. Default: loops in JavaScript. */
  readonly multiply?: Multiply | undefined;
  readonly signal?: AbortSignal;
}

const MAX_MULTIPLY_ADDS = 2e11;
const MIN_ELEMENTS = 2 ** 24;
/** Multiply-adds between two turns of the event loop, about 10 ms. */
const TURN = 5e6;
const MAX_DEPTH = 72;

/**
 * Computes the wanted values for `feeds` (input name -> tensor). Throws UNSUPPORTED_MODEL that lists every unknown operator;
 * CORRUPT_MODEL (shape) naming the first node whose inputs do not fit; CORRUPT_MODEL (limits); CANCELLED.
 */
export async function evaluate(
  subject: Evaluable,
  feeds: ReadonlyMap<string, Tensor>,
  options: EvaluationSettings = {},
): Promise<ReadonlyMap<string, Tensor>> {
  const evaluation = new Evaluation(subject, options);
  const wanted = options.outputs ?? subject.graph.outputs.map((output) => output.name);
  evaluation.refuseUnknown(neededNodes(subject.graph, wanted));
  return evaluation.graph(subject.graph, feeds, wanted);
}

/** Whether `evaluateNode` can compute a node from its inputs alone. */
export function foldable(node: OnnxNode): boolean {
  return operatorOf(node) !== undefined && ![...node.attributes.values()].some(isReference);
}

/**
 * Computes the outputs of one node, synchronously. `inputs` has null for those left out; `opset` is of the node's domain.
 * Same errors as `evaluate`.
 */
export function evaluateNode(
  node: OnnxNode,
  inputs: readonly (Tensor | null)[],
  opset: number,
  options: Pick<EvaluationSettings, 'maxMultiplyAdds' | 'maxElements'> & { file?: string } = {},
): readonly (Tensor | null)[] {
  const operator = operatorOf(node);
  if (!operator) throw unknownOperators(options.file ?? 'the graph', [node]);
  const budget = new EvaluationBudget(
    options.file ?? 'the graph',
    options.maxMultiplyAdds ?? MAX_MULTIPLY_ADDS,
    options.maxElements ?? MIN_ELEMENTS,
  );
  const result = operator(new Call(node, inputs, opset, budget));
  return 'data' in result ? [result] : result;
}

/** An UNSUPPORTED_MODEL error that lists nodes with unknown operators. */
export function unknownOperators(file: string, nodes: readonly OnnxNode[]): SinterError {
  const lines = nodes.map((node) => `${operatorName(node)} (${labelOf(node)})`);
  const shown = lines.length > 20 ? [...lines.slice(0, 20), `${lines.length - 20} more`] : lines;
  const message = `${file}: operators that are not known: ${shown.join(', ')}`;
  return new SinterError('UNSUPPORTED_MODEL', message, {
    details: { file, category: 'unsupported', nodes: lines },
  });
}

/** The nodes that the values `wanted` depend on, in order. */
export function neededNodes(graph: OnnxGraph, wanted: readonly string[]): OnnxNode[] {
  const needed = new Set(wanted);
  const nodes: OnnxNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => output !== '' && needed.has(output))) continue;
    nodes.push(node);
    for (const name of readsOf(node)) needed.add(name);
  }
  return nodes.reverse();
}

/** The values of a graph, and of the graphs around it. */
class Scope {
  readonly values = new Map<string, Tensor>();

  constructor(
    readonly initializers: ReadonlyMap<string, Initializer>,
    readonly outer: Scope | null,
  ) {}

  find(name: string): Tensor | undefined {
    return this.values.get(name) ?? this.initializers.get(name)?.read() ?? this.outer?.find(name);
  }

  /** The initializer behind a name; undefined for computed values. */
  initializer(name: string): Initializer | undefined {
    if (this.values.has(name)) return undefined;
    return this.initializers.get(name) ?? this.outer?.initializer(name);
  }
}

interface Frame {
  readonly scope: Scope;
  readonly opsets: ReadonlyMap<string, number>;
  /** Attributes of the calling node, which references in a function stand for; null outside functions. */
  readonly attributes: ReadonlyMap<string, Attribute> | null;
  readonly depth: number;
}

class Evaluation {
  readonly #subject: Evaluable;
  readonly #options: EvaluationSettings;
  readonly #budget: EvaluationBudget;
  readonly #functions: ReadonlyMap<string, OnnxFunction>;
  readonly #origins = new Origins();
  #nextTurn = TURN;

  constructor(subject: Evaluable, options: EvaluationSettings) {
    this.#subject = subject;
    this.#options = options;
    this.#budget = new EvaluationBudget(
      subject.path ?? 'the graph',
      options.maxMultiplyAdds ?? MAX_MULTIPLY_ADDS,
      options.maxElements ?? Math.max(MIN_ELEMENTS, subject.bytes ?? 0),
      options.multiply,
    );
    const functions = subject.functions ?? [];
    this.#functions = new Map(functions.map((item) => [`${item.domain}::${item.name}`, item]));
  }

  /** Throws for all unknown operators at once, including those inside functions and inner graphs. */
  refuseUnknown(nodes: readonly OnnxNode[]): void {
    const unknown: OnnxNode[] = [];
    const seen = new Set<OnnxFunction>();
    const visit = (list: readonly OnnxNode[]) => {
      for (const node of list) {
        const callee = this.#functionOf(node);
        if (callee && !seen.has(callee)) {
          seen.add(callee);
          visit(callee.nodes);
        }
        for (const value of node.attributes.values()) if (isGraph(value)) visit(value.nodes);
        if (!callee && !isIf(node) && !operatorOf(node)) unknown.push(node);
      }
    };
    visit(nodes);
    if (unknown.length > 0) throw unknownOperators(this.#budget.file, unknown);
  }

  async graph(
    graph: OnnxGraph,
    feeds: ReadonlyMap<string, Tensor>,
    wanted: readonly string[],
  ): Promise<ReadonlyMap<string, Tensor>> {
    const scope = new Scope(graph.initializers, null);
    for (const { name } of graph.inputs) {
      const value = feeds.get(name);
      if (!value) continue;
      scope.values.set(name, value);
      this.#origins.feed(value, this.#options.smooth?.ids.has(name) ?? false);
    }
    const { opsets } = this.#subject;
    await this.#run(graph, wanted, { scope, opsets, attributes: null, depth: 0 });
    return new Map(wanted.map((name) => [name, this.#value(scope, name, null)]));
  }

  #functionOf(node: OnnxNode): OnnxFunction | undefined {
    return this.#functions.get(`${node.domain}::${node.op}`);
  }

  #value(scope: Scope, name: string, node: OnnxNode | null): Tensor {
    const value = scope.find(name);
    if (value) return value;
    const reader = node ? `${labelOf(node)} (${node.op}) reads` : 'wanted is';
    throw corruptOnnx(this.#budget.file, 'graph', `${reader} ${name}, which has no value`, {
      tensor: name,
    });
  }

  /** Computes `wanted` and drops each value after its last reader. */
  async #run(graph: Pick<OnnxGraph, 'nodes'>, wanted: readonly string[], frame: Frame) {
    const nodes = neededNodes(graph as OnnxGraph, wanted);
    const readers = new Map<string, number>(wanted.map((name) => [name, 1]));
    for (const name of nodes.flatMap(readsOf)) readers.set(name, (readers.get(name) ?? 0) + 1);
    for (const node of nodes) {
      const results = await this.#node(node, frame);
      for (const [i, name] of node.outputs.entries()) {
        const value = results[i];
        if (name === '' || !value) continue;
        if (readers.has(name)) frame.scope.values.set(name, value);
        if (frame.depth === 0) this.#options.onValue?.(name, value, node);
      }
      for (const name of readsOf(node)) {
        const left = (readers.get(name) ?? 0) - 1;
        readers.set(name, left);
        if (left === 0) frame.scope.values.delete(name);
      }
      await this.#turn();
    }
  }

  async #turn(): Promise<void> {
    throwIfAborted(this.#options.signal, 'evaluate');
    if (this.#budget.multiplyAdds < this.#nextTurn) return;
    this.#nextTurn = this.#budget.multiplyAdds + TURN;
    await setImmediate();
  }

  async #node(given: OnnxNode, frame: Frame): Promise<readonly (Tensor | null)[]> {
    const node = frame.attributes ? withAttributes(given, frame.attributes) : given;
    const callee = this.#functionOf(node);
    if (callee) return this.#call(node, callee, frame);
    if (isIf(node)) return this.#branch(node, frame);
    const operator = operatorOf(node);
    if (!operator) throw unknownOperators(this.#budget.file, [node]);
    const inputs = this.#inputs(node, frame.scope);
    const opset = frame.opsets.get(node.domain) ?? this.#subject.opsets.get(node.domain) ?? 1;
    const { smooth } = this.#options;
    const origin = smooth ? this.#origins.of(node, inputs) : null;
    const kept = smooth && origin ? { ...smooth, isMask: origin === 'mask' } : null;
    const result = operator(new Call(node, inputs, opset, this.#budget, kept));
    const results = 'data' in result ? [result] : result;
    if (origin) this.#origins.made(results, origin);
    return results;
  }

  #inputs(node: OnnxNode, scope: Scope): readonly (Tensor | null)[] {
    const [from = '', at = ''] = node.inputs;
    // With `smooth` the table is read whole: Origins tracks the tensors themselves, which neededRows would replace.
    const isRows = node.op === 'Gather' && at !== '' && this.#options.smooth === undefined;
    const table = isRows ? scope.initializer(from) : undefined;
    const rows = table && neededRows(node, table, this.#value(scope, at, node));
    if (rows) return rows;
    return node.inputs.map((name) => (name === '' ? null : this.#value(scope, name, node)));
  }

  async #branch(node: OnnxNode, frame: Frame): Promise<readonly Tensor[]> {
    const condition = this.#value(frame.scope, node.inputs[0] ?? '', node).data[0];
    const branch = node.attributes.get(condition ? 'then_branch' : 'else_branch');
    if (!isGraph(branch)) throw unknownOperators(this.#budget.file, [node]);
    const scope = new Scope(branch.initializers, frame.scope);
    const wanted = branch.outputs.map((output) => output.name);
    await this.#run(branch, wanted, { ...frame, scope, depth: this.#deeper(frame, node) });
    return wanted.map((name) => this.#value(scope, name, node));
  }

  async #call(node: OnnxNode, callee: OnnxFunction, frame: Frame): Promise<readonly Tensor[]> {
    const scope = new Scope(new Map(), null);
    for (const [i, name] of callee.inputs.entries()) {
      const actual = node.inputs[i] ?? '';
      if (actual !== '') scope.values.set(name, this.#value(frame.scope, actual, node));
    }
    const inner: Frame = {
      scope,
      opsets: callee.opsets,
      attributes: new Map([...callee.defaults, ...node.attributes]),
      depth: this.#deeper(frame, node),
    };
    const body = { nodes: callee.nodes.map((item) => withoutMissing(item, scope, callee)) };
    await this.#run(body, callee.outputs, inner);
    return callee.outputs.map((name) => this.#value(scope, name, node));
  }

  #deeper(frame: Frame, node: OnnxNode): number {
    if (frame.depth < MAX_DEPTH) return frame.depth + 1;
    throw corruptOnnx(this.#budget.file, 'limits', `node ${labelOf(node)}: nested too deeply`, {
      node: labelOf(node),
    });
  }
}

function isIf(node: OnnxNode): boolean {
  return node.domain === '' && node.op === 'If';
}

/** Replaces references by the attributes of the calling node and drops those that it leaves out. */
function withAttributes(node: OnnxNode, given: ReadonlyMap<string, Attribute>): OnnxNode {
  const attributes = new Map<string, Attribute>();
  for (const [name, value] of node.attributes) {
    const actual = isReference(value) ? given.get(value.ref) : value;
    if (actual === undefined) continue;
    attributes.set(name, isGraph(actual) ? graphWithAttributes(actual, given) : actual);
  }
  return { ...node, attributes };
}

function graphWithAttributes(graph: OnnxGraph, given: ReadonlyMap<string, Attribute>): OnnxGraph {
  return { ...graph, nodes: graph.nodes.map((node) => withAttributes(node, given)) };
}

/** Drops inputs of the node that are formal inputs of the function without a value from the caller. */
function withoutMissing(node: OnnxNode, scope: Scope, callee: OnnxFunction): OnnxNode {
  const missing = (name: string) => callee.inputs.includes(name) && !scope.values.has(name);
  if (!node.inputs.some(missing)) return node;
  return { ...node, inputs: node.inputs.map((name) => (missing(name) ? '' : name)) };
}
