/**
 * Checks that a graph makes sense before anything is built from it: names, order, kinds and shapes.
 *
 * A violation is CORRUPT_MODEL; the message names the node and both shapes.
 */

import { SinterError } from '../core/errors.js';
import type { EncoderGraph, GraphNode, WeightSpec } from './types.js';

/** The shape of a value: `token` is [totalTokens, width], `sequence` is [sequences, width]. */
export interface ValueShape {
  readonly kind: 'token' | 'sequence';
  readonly width: number;
}

type Fail = (message: string) => SinterError;

/**
 * Throws CORRUPT_MODEL, or gives the shape of every value by its name, in the order of the nodes.
 */
export function validateGraph(graph: EncoderGraph): ReadonlyMap<string, ValueShape> {
  const fail: Fail = (message) => new SinterError('CORRUPT_MODEL', `graph: ${message}`);
  if (graph.format !== 1) throw fail(`format must be 1, got ${String(graph.format)}`);
  for (const key of ['maxTokens', 'vocabulary', 'segments'] as const) {
    if (!isSize(graph[key])) throw fail(`${key} must be a positive integer, got ${graph[key]}`);
  }
  const weights = new Map<string, WeightSpec>();
  for (const weight of graph.weights) {
    if (weights.has(weight.name)) throw fail(`weight ${weight.name} is declared twice`);
    if (!weight.shape.every(isSize)) {
      throw fail(`weight ${weight.name} must have positive sizes, got ${list(weight.shape)}`);
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
  for (const [name, value] of Object.entries(graph.outputs)) {
    if (value === undefined || !checker.values.has(value)) {
      throw fail(`output ${name} names an unknown value ${String(value)}`);
    }
  }
  if (Object.keys(graph.outputs).length === 0) throw fail('has no outputs');
  return checker.values;
}

/** Walks the nodes once; `values` grows with each. */
class NodeChecker {
  readonly values = new Map<string, ValueShape>();
  readonly used = new Set<string>();
  private readonly graph: EncoderGraph;
  private readonly weights: ReadonlyMap<string, WeightSpec>;
  private fail: Fail = (message) => new SinterError('CORRUPT_MODEL', message);

  constructor(graph: EncoderGraph, weights: ReadonlyMap<string, WeightSpec>) {
    this.graph = graph;
    this.weights = weights;
  }

  check(node: GraphNode, index: number): void {
    const where = `graph: node ${index} (${node.op} -> ${node.output})`;
    this.fail = (message) => new SinterError('CORRUPT_MODEL', `${where}: ${message}`);
    const shape = this.shapeOf(node);
    if (this.values.has(node.output)) throw this.fail('value is defined twice');
    this.values.set(node.output, shape);
  }

  private shapeOf(node: GraphNode): ValueShape {
    switch (node.op) {
      case 'embedding':
        return this.embedding(node);
      case 'linear':
        return this.linear(node);
      case 'norm':
        return this.norm(node);
      case 'attention':
        return this.attention(node);
      case 'dropout':
        if (!(node.probability >= 0 && node.probability < 1)) {
          throw this.fail(`probability must be at least 0 and below 1, got ${node.probability}`);
        }
        return this.input(node.input);
      case 'pool':
        return { kind: 'sequence', width: this.input(node.input, 'token').width };
      case 'normalize':
        return this.input(node.input);
      default:
        throw this.fail(`unknown operation ${String((node as { op: unknown }).op)}`);
    }
  }

  private embedding(node: Extract<GraphNode, { op: 'embedding' }>): ValueShape {
    if (node.tables.length === 0) throw this.fail('has no tables');
    const widths = node.tables.map(({ weight, index, offset }) => {
      const [rows, width] = this.weight(weight, 2) as [number, number];
      if (!Number.isSafeInteger(offset) || offset < 0) {
        throw this.fail(`offset of ${weight} must be an integer from 0, got ${offset}`);
      }
      const needs = offset + this.rowsFor(index);
      if (rows < needs)
        throw this.fail(`${weight} must have ${needs} rows (${index}), got ${rows}`);
      return width;
    });
    return { kind: 'token', width: this.same(widths, 'tables') };
  }

  private rowsFor(index: string): number {
    if (index === 'token') return this.graph.vocabulary;
    if (index === 'position') return this.graph.maxTokens;
    if (index === 'segment') return this.graph.segments;
    throw this.fail(`unknown index ${index}`);
  }

  private linear(node: Extract<GraphNode, { op: 'linear' }>): ValueShape {
    const { kind, width } = this.input(node.input);
    if (node.weights.length === 0) throw this.fail('has no weights');
    if (node.biases.length !== 0 && node.biases.length !== node.weights.length) {
      throw this.fail(
        `${node.weights.length} weights need as many biases, got ${node.biases.length}`,
      );
    }
    if (node.activationBits !== 8 && node.activationBits !== 7) {
      throw this.fail(`activationBits must be 8 or 7, got ${String(node.activationBits)}`);
    }
    let outputs = 0;
    node.weights.forEach((name, i) => {
      const [rows, columns] = this.weight(name, 2) as [number, number];
      if (columns !== width) {
        throw this.fail(`${name} is ${list([rows, columns])}, but the input is ${width} wide`);
      }
      const bias = node.biases[i];
      if (bias !== undefined) this.vector(bias, rows);
      outputs += rows;
    });
    if (node.equalizer !== undefined) {
      this.vector(node.equalizer, width);
      if (this.weights.get(node.weights[0] ?? '')?.dtype !== 's8') {
        throw this.fail(`equalizer ${node.equalizer} needs s8 weights`);
      }
    }
    this.same(
      node.weights.map((name) => this.weights.get(name)?.dtype),
      'dtypes of the weights',
    );
    return { kind, width: outputs };
  }

  private norm(node: Extract<GraphNode, { op: 'norm' }>): ValueShape {
    const shape = this.input(node.input);
    if (node.residual !== null) {
      const other = this.input(node.residual);
      if (other.kind !== shape.kind || other.width !== shape.width) {
        throw this.fail(`input is ${describe(shape)}, but residual is ${describe(other)}`);
      }
    }
    this.vector(node.weight, shape.width);
    this.vector(node.bias, shape.width);
    if (!(node.epsilon >= 0)) throw this.fail(`epsilon must be 0 or more, got ${node.epsilon}`);
    return shape;
  }

  private attention(node: Extract<GraphNode, { op: 'attention' }>): ValueShape {
    const { width } = this.input(node.input, 'token');
    const { heads, headDim, scale, dropout } = node;
    if (!isSize(heads) || !isSize(headDim) || 3 * heads * headDim !== width) {
      throw this.fail(`3 x ${heads} heads x ${headDim} must be the input width, got ${width}`);
    }
    if (!Number.isFinite(scale) || !(dropout >= 0 && dropout < 1)) {
      throw this.fail(`scale ${scale} or dropout ${dropout} is out of range`);
    }
    return { kind: 'token', width: heads * headDim };
  }

  private input(name: string, kind?: ValueShape['kind']): ValueShape {
    const shape = this.values.get(name);
    if (shape === undefined) throw this.fail(`input ${name} is not defined before it`);
    if (kind !== undefined && shape.kind !== kind) {
      throw this.fail(`input ${name} must be a ${kind} value, got ${describe(shape)}`);
    }
    return shape;
  }

  private weight(name: string, rank: number): readonly number[] {
    const spec = this.weights.get(name);
    if (spec === undefined) throw this.fail(`weight ${name} is not declared`);
    if (spec.shape.length !== rank) {
      throw this.fail(`weight ${name} must have ${rank} axes, got ${list(spec.shape)}`);
    }
    this.used.add(name);
    return spec.shape;
  }

  private vector(name: string, width: number): void {
    const [size] = this.weight(name, 1);
    if (size !== width) throw this.fail(`weight ${name} must be [${width}], got [${String(size)}]`);
  }

  private same<T>(values: readonly T[], what: string): T {
    const first = values[0] as T;
    const other = values.find((value) => value !== first);
    if (other === undefined) return first;
    throw this.fail(`${what} differ: ${String(first)} and ${String(other)}`);
  }
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

function list(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

function describe({ kind, width }: ValueShape): string {
  return kind === 'token' ? `[tokens, ${width}]` : `[sequences, ${width}]`;
}
