/**
 * Checks a graph before anything is built from it: names, order, kinds and shapes.
 *
 * A violation throws CORRUPT_MODEL; the message names the node and both shapes.
 */

import { SinterError } from '../core/errors.js';
import { LIMITS } from './limits.js';

import { stacksOf } from './nodes.js';
import { describeShape, isSize, listOf, type ShapeContext, type ValueShape } from './ops/row.js';
import { type GraphNode, rowOf } from './ops.js';
import { fits, isStorage, storageOf } from './storages.js';
import type { EncoderGraph, ValueKind, WeightDtype, WeightSpec } from './types.js';

export { describeShape, type ValueShape } from './ops/row.js';

type Fail = (message: string) => SinterError;

/** Shapes of graphs that were checked already: every call over texts asks for the width of its output. */
const checked = new WeakMap<EncoderGraph, ReadonlyMap<string, ValueShape>>();

/**
 * The shape of every value by name, in the order of the nodes. Throws CORRUPT_MODEL if the graph is not valid. Nobody
 * changes a graph, so each is checked once.
 */
export function validateGraph(graph: EncoderGraph): ReadonlyMap<string, ValueShape> {
  const known = checked.get(graph);
  if (known !== undefined) return known;
  const shapes = shapesOf(graph);
  checked.set(graph, shapes);
  return shapes;
}

function shapesOf(graph: EncoderGraph): ReadonlyMap<string, ValueShape> {
  const fail: Fail = (message) => new SinterError('CORRUPT_MODEL', `graph: ${message}`);
  if (graph.format !== 1) throw fail(`format must be 1, got ${String(graph.format)}`);
  for (const key of ['maxTokens', 'vocabulary', 'segments'] as const) {
    if (!isSize(graph[key]) || graph[key] > LIMITS[key]) {
      throw fail(`${key} must be an integer from 1 to ${LIMITS[key]}, got ${graph[key]}`);
    }
  }
  if (graph.nodes.length > LIMITS.nodes) {
    throw fail(`must have at most ${LIMITS.nodes} nodes, got ${graph.nodes.length}`);
  }
  const weights = new Map<string, WeightSpec>();
  for (const weight of graph.weights) {
    if (weights.has(weight.name)) throw fail(`weight ${weight.name} is declared twice`);
    if (!weight.shape.every(isSize)) {
      throw fail(`weight ${weight.name} must have positive sizes, got ${listOf(weight.shape)}`);
    }
    if (!isStorage(weight.dtype)) {
      throw fail(`weight ${weight.name} has an unknown storage ${String(weight.dtype)}`);
    }
    if (!fits(weight)) {
      throw fail(
        `weight ${weight.name} cannot be held in ${weight.dtype}: ${listOf(weight.shape)}`,
      );
    }
    weights.set(weight.name, weight);
  }
  const checker = new NodeChecker(graph, weights);
  graph.nodes.forEach((node, index) => {
    checker.check(node, index);
  });
  for (const { name } of graph.weights) {
    if (!checker.used.has(name)) throw fail(`weight ${name} is used by no node`);
  }
  checkOutputs(graph, checker.values, fail);
  return checker.values;
}

function checkOutputs(
  { outputs }: EncoderGraph,
  values: ReadonlyMap<string, ValueShape>,
  fail: Fail,
): void {
  for (const [name, value] of Object.entries(outputs)) {
    const shape = value === undefined ? undefined : values.get(value);
    if (shape === undefined) throw fail(`output ${name} names an unknown value ${String(value)}`);
    if (shape.kind === 'table') {
      throw fail(`output ${name} names the table ${value}, which no text has rows of`);
    }
  }
  if (Object.keys(outputs).length === 0) throw fail('has no outputs');
}

/** Checks the nodes one by one; `values` grows with each. */
class NodeChecker implements ShapeContext {
  readonly values = new Map<string, ValueShape>();
  readonly used = new Set<string>();
  readonly graph: EncoderGraph;
  /** The stack that each weight belongs to: the names of its weights, joined. */
  private readonly stackOf = new Map<string, string>();
  private readonly weights: ReadonlyMap<string, WeightSpec>;
  private where = 'graph';

  constructor(graph: EncoderGraph, weights: ReadonlyMap<string, WeightSpec>) {
    this.graph = graph;
    this.weights = weights;
  }

  readonly fail: Fail = (message) => new SinterError('CORRUPT_MODEL', `${this.where}: ${message}`);

  check(node: GraphNode, index: number): void {
    this.where = `graph: node ${index} (${node.op} -> ${node.output})`;
    const row = rowOf(node.op);
    if (row === undefined) throw this.fail(`unknown operation ${String(node.op)}`);
    const shape = row.shape(node, this);
    for (const stack of stacksOf(node)) this.stacked(stack);
    const elements = shape.kind === 'table' ? shape.rows * shape.width : 0;
    if (shape.width > LIMITS.width || elements > LIMITS.table) {
      throw this.fail(`must be at most ${LIMITS.width} wide, got ${describeShape(shape)}`);
    }
    if (this.values.has(node.output)) throw this.fail('value is defined twice');
    this.values.set(node.output, shape);
  }

  input(name: string, kind?: ValueKind): ValueShape {
    const shape = this.values.get(name);
    if (shape === undefined) throw this.fail(`input ${name} is not defined before it`);
    if (kind !== undefined && shape.kind !== kind) {
      throw this.fail(`input ${name} must be a ${kind} value, got ${describeShape(shape)}`);
    }
    return shape;
  }

  alike(input: string, other: string, what: string): ValueShape {
    const [a, b] = [this.input(input), this.input(other)];
    if (a.kind === b.kind && a.width === b.width && a.rows === b.rows) return a;
    throw this.fail(`input is ${describeShape(a)}, but ${what} is ${describeShape(b)}`);
  }

  weight(name: string, axes: number): readonly number[] {
    const { shape } = this.spec(name);
    if (shape.length !== axes) {
      throw this.fail(`weight ${name} must have ${axes} axes, got ${listOf(shape)}`);
    }
    this.used.add(name);
    return shape;
  }

  vector(name: string, width: number): void {
    const [size] = this.weight(name, 1);
    if (size !== width) throw this.fail(`weight ${name} must be [${width}], got [${String(size)}]`);
    this.plain(name);
  }

  plain(name: string): void {
    const { dtype } = this.spec(name);
    if (!storageOf({ dtype }).isPlain) throw this.fail(`weight ${name} must be f32, got ${dtype}`);
  }

  readonly dtype = (name: string): WeightDtype => this.spec(name).dtype;

  same<T>(values: readonly T[], what: string): T {
    const first = values[0] as T;
    const other = values.find((value) => value !== first);
    if (other === undefined) return first;
    throw this.fail(`${what} differ: ${String(first)} and ${String(other)}`);
  }

  private spec(name: string): WeightSpec {
    const spec = this.weights.get(name);
    if (spec === undefined) throw this.fail(`weight ${name} is not declared`);
    return spec;
  }

  /** A shared weight must be in the same stack everywhere, because it is in memory once. */
  private stacked(names: readonly string[]): void {
    const stack = names.join(', ');
    for (const name of new Set(names)) {
      const known = this.stackOf.get(name);
      if (known !== undefined && known !== stack) {
        throw this.fail(`weight ${name} is stacked as [${stack}] here and as [${known}] before`);
      }
      this.stackOf.set(name, stack);
    }
    if (new Set(names).size < names.length) throw this.fail(`[${stack}] stacks a weight twice`);
  }
}
