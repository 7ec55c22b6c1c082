/**
 * Checks that a graph makes sense before anything is built from it: names, order, kinds and shapes.
 *
 * A violation is CORRUPT_MODEL; the message names the node and both shapes.
 */

import { SinterError } from '../core/errors.js';
import { LIMITS } from './limits.js';
import { weightsOf } from './nodes.js';
import { fits, isStorage, storageOf } from './storages.js';
import type {
  AttentionNode,
  EncoderGraph,
  GraphNode,
  PoolKind,
  ValueKind,
  WeightSpec,
} from './types.js';

/** The shape of a value: [rows, width], where the number of rows depends on the texts but for a `table`. */
export interface ValueShape {
  readonly kind: ValueKind;
  readonly width: number;
  /** Of a `table`; 0 for the other kinds. */
  readonly rows: number;
}

const POOL_KINDS: readonly PoolKind[] = [
  'mean',
  'cls',
  'max',
  'mean_sqrt_len_tokens',
  'weightedmean',
  'lasttoken',
];

type Fail = (message: string) => SinterError;

/**
 * Throws CORRUPT_MODEL, or gives the shape of every value by its name, in the order of the nodes.
 */
export function validateGraph(graph: EncoderGraph): ReadonlyMap<string, ValueShape> {
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
      throw fail(`weight ${weight.name} must have positive sizes, got ${list(weight.shape)}`);
    }
    if (!isStorage(weight.dtype)) {
      throw fail(`weight ${weight.name} has an unknown storage ${String(weight.dtype)}`);
    }
    if (!fits(weight)) {
      throw fail(`weight ${weight.name} cannot be held in ${weight.dtype}: ${list(weight.shape)}`);
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
    if (checker.values.get(value)?.kind === 'table') {
      throw fail(`output ${name} names the table ${value}, which no text has rows of`);
    }
  }
  if (Object.keys(graph.outputs).length === 0) throw fail('has no outputs');
  return checker.values;
}

/** Walks the nodes once; `values` grows with each. */
class NodeChecker {
  readonly values = new Map<string, ValueShape>();
  readonly used = new Set<string>();
  /** What each weight is stacked with: the names of its stack. */
  private readonly stackOf = new Map<string, string>();
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
    for (const stack of stacksOf(node)) this.stacked(stack);
    const elements = shape.kind === 'table' ? shape.rows * shape.width : 0;
    if (shape.width > LIMITS.width || elements > LIMITS.table) {
      throw this.fail(`must be at most ${LIMITS.width} wide, got ${describeShape(shape)}`);
    }
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
        if (!POOL_KINDS.includes(node.kind)) throw this.fail(`unknown pooling ${node.kind}`);
        return { kind: 'sequence', width: this.input(node.input, 'token').width, rows: 0 };
      case 'normalize':
        return this.input(node.input);
      case 'parameter': {
        const [rows, width] = this.weight(node.weight, 2) as [number, number];
        this.plain(node.weight);
        return { kind: 'table', width, rows };
      }
      case 'add':
        return this.alike(node.input, node.residual, 'residual');
      case 'gate': {
        const shape = this.input(node.input);
        if (shape.width % 2 === 0) return { ...shape, width: shape.width / 2 };
        throw this.fail(`input must have an even width, got ${shape.width}`);
      }
      case 'concat':
        return this.concat(node.inputs);
      case 'select':
        return { kind: 'selected', width: this.input(node.input, 'token').width, rows: 0 };
      default:
        throw this.fail(`unknown operation ${String((node as { op: unknown }).op)}`);
    }
  }

  private embedding(node: Extract<GraphNode, { op: 'embedding' }>): ValueShape {
    if (node.tables.length === 0 || node.tables.length > LIMITS.tables) {
      throw this.fail(`must have 1 to ${LIMITS.tables} tables, got ${node.tables.length}`);
    }
    const widths = node.tables.map(({ weight, index, offset }) => {
      const [rows, width] = this.weight(weight, 2) as [number, number];
      if (!Number.isSafeInteger(offset) || offset < 0 || offset > LIMITS.offset) {
        const range = `an integer from 0 to ${LIMITS.offset}`;
        throw this.fail(`offset of ${weight} must be ${range}, got ${offset}`);
      }
      const needs = offset + this.rowsFor(index);
      if (rows < needs)
        throw this.fail(`${weight} must have ${needs} rows (${index}), got ${rows}`);
      return width;
    });
    return { kind: 'token', width: this.same(widths, 'tables'), rows: 0 };
  }

  private rowsFor(index: string): number {
    if (index === 'token') return this.graph.vocabulary;
    if (index === 'position') return this.graph.maxTokens;
    if (index === 'segment') return this.graph.segments;
    throw this.fail(`unknown index ${index}`);
  }

  private linear(node: Extract<GraphNode, { op: 'linear' }>): ValueShape {
    const shape = this.input(node.input);
    const { width } = shape;
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
      const [first] = node.weights.flatMap((name) => this.weights.get(name) ?? []);
      if (first === undefined || !storageOf(first).quantizesInput) {
        throw this.fail(`equalizer ${node.equalizer} needs s8 weights`);
      }
    }
    this.same(
      node.weights.map((name) => this.weights.get(name)?.dtype),
      'dtypes of the weights',
    );
    return { ...shape, width: outputs };
  }

  private norm(node: Extract<GraphNode, { op: 'norm' }>): ValueShape {
    const { residual, bias, epsilon } = node;
    const shape =
      residual === null ? this.input(node.input) : this.alike(node.input, residual, 'residual');
    if (node.kind !== 'layer' && node.kind !== 'rms') throw this.fail(`unknown norm ${node.kind}`);
    this.vector(node.weight, shape.width);
    if (bias !== null) this.vector(bias, shape.width);
    if (!(epsilon >= 0)) throw this.fail(`epsilon must be 0 or more, got ${epsilon}`);
    return shape;
  }

  private attention(node: Extract<GraphNode, { op: 'attention' }>): ValueShape {
    const { width } = this.input(node.input, 'token');
    const { heads, headDim, scale, dropout } = node;
    if (!isSize(heads) || !isSize(headDim) || 3 * heads * headDim !== width) {
      throw this.fail(`3 x ${heads} heads x ${headDim} must be the input width, got ${width}`);
    }
    if (heads > LIMITS.heads || headDim > LIMITS.headDim) {
      throw this.fail(`${heads} heads x ${headDim} are more than any encoder has`);
    }
    if (!Number.isFinite(scale) || !(dropout >= 0 && dropout < 1)) {
      throw this.fail(`scale ${scale} or dropout ${dropout} is out of range`);
    }
    this.positions(node);
    return { kind: 'token', width: heads * headDim, rows: 0 };
  }

  /** What attention knows about positions. */
  private positions({ heads, headDim, rotary, window, relativeBias, disentangled }: AttentionNode) {
    if (rotary !== undefined) {
      const { theta, dimensions } = rotary;
      const even = isSize(dimensions) && dimensions % 2 === 0 && dimensions <= headDim;
      if (!even || !(Number.isFinite(theta) && theta >= 1)) {
        throw this.fail(`rotary: theta ${theta}, ${dimensions} of ${headDim} dimensions`);
      }
    }
    if (window !== undefined && !(Number.isSafeInteger(window) && window >= 0)) {
      throw this.fail(`window must be an integer from 0, got ${window}`);
    }
    if (relativeBias !== undefined) {
      const [buckets, columns] = this.weight(relativeBias.weight, 2) as [number, number];
      this.plain(relativeBias.weight);
      const { maxDistance } = relativeBias;
      const fits = buckets >= 4 && buckets % 4 === 0 && columns === heads;
      if (!fits || !isDistance(maxDistance) || maxDistance <= buckets / 4) {
        const got = `${list([buckets, columns])}, maxDistance ${maxDistance}`;
        throw this.fail(`relative bias must be [4 n, ${heads}], maxDistance above n, got ${got}`);
      }
    }
    if (disentangled === undefined) return;
    const { keys, queries, buckets, maxDistance } = disentangled;
    const span = buckets === 0 ? maxDistance : buckets;
    if (
      !isDistance(span) ||
      !isDistance(maxDistance) ||
      (buckets !== 0 && !(buckets >= 4 && maxDistance > buckets / 2 + 1))
    ) {
      throw this.fail(`disentangled: ${buckets} buckets, maxDistance ${maxDistance}`);
    }
    for (const name of [keys, queries]) {
      if (name === null) continue;
      const { rows, width } = this.input(name, 'table');
      if (rows === 2 * span && width === heads * headDim) continue;
      throw this.fail(
        `${name} must be ${list([2 * span, heads * headDim])}, got ${list([rows, width])}`,
      );
    }
  }

  private concat(inputs: readonly string[]): ValueShape {
    const shapes = inputs.map((input) => this.input(input));
    const [first] = shapes;
    if (first === undefined) throw this.fail('has no inputs');
    for (const shape of shapes) {
      if (shape.kind === first.kind && shape.rows === first.rows) continue;
      throw this.fail(`inputs are ${describeShape(first)} and ${describeShape(shape)}`);
    }
    const width = shapes.reduce((sum, shape) => sum + shape.width, 0);
    if (width <= LIMITS.joined) return { ...first, width };
    throw this.fail(`must be at most ${LIMITS.joined} wide, got ${width}`);
  }

  /** Two inputs of one shape. */
  private alike(input: string, other: string, what: string): ValueShape {
    const [a, b] = [this.input(input), this.input(other)];
    if (a.kind === b.kind && a.width === b.width && a.rows === b.rows) return a;
    throw this.fail(`input is ${describeShape(a)}, but ${what} is ${describeShape(b)}`);
  }

  private input(name: string, kind?: ValueShape['kind']): ValueShape {
    const shape = this.values.get(name);
    if (shape === undefined) throw this.fail(`input ${name} is not defined before it`);
    if (kind !== undefined && shape.kind !== kind) {
      throw this.fail(`input ${name} must be a ${kind} value, got ${describeShape(shape)}`);
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

  /** A shared weight is stacked alike everywhere: it lies in memory once. */
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

  private vector(name: string, width: number): void {
    const [size] = this.weight(name, 1);
    if (size !== width) throw this.fail(`weight ${name} must be [${width}], got [${String(size)}]`);
    this.plain(name);
  }

  /** What is read as it is, not looked up or multiplied by. */
  private plain(name: string): void {
    const spec = this.weights.get(name);
    if (spec === undefined || storageOf(spec).isPlain) return;
    throw this.fail(`weight ${name} must be f32, got ${spec.dtype}`);
  }

  private same<T>(values: readonly T[], what: string): T {
    const first = values[0] as T;
    const other = values.find((value) => value !== first);
    if (other === undefined) return first;
    throw this.fail(`${what} differ: ${String(first)} and ${String(other)}`);
  }
}

/** The weights that the node reads, those together that it reads as one matrix or vector. */
function stacksOf(node: GraphNode): readonly (readonly string[])[] {
  if (node.op !== 'linear') return weightsOf(node).map((name) => [name]);
  const equalizer = node.equalizer === undefined ? [] : [[node.equalizer]];
  return [node.weights, node.biases, ...equalizer];
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

function isDistance(value: number): boolean {
  return isSize(value) && value <= LIMITS.distance;
}

function list(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

/** `[tokens, 384]`. */
export function describeShape({ kind, width, rows }: ValueShape): string {
  return kind === 'table'
    ? list([rows, width])
    : `[${kind === 'selected' ? kind : `${kind}s`}, ${width}]`;
}
