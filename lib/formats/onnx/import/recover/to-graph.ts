/**
 * From a draft to the IR: residual sums are fused into norms, activations into products, gates and projections into one
 * product.
 *
 * Weights are named after their place. A matrix that several nodes use is one weight. Vectors are shared only with the weight
 * that they belong to (layers of ALBERT), not because their numbers happen to be equal elsewhere.
 */

import { GraphBuilder } from '../../../../graph/builder.js';
import { EMBEDDING_INDICES } from '../../../../graph/ops/embedding.js';
import type { ActivationKind, EncoderGraph, OutputName } from '../../../../graph/types.js';
import { type DraftNode, type Matrix, operandsOf, type Value, type Vector } from './draft.js';
import { joinBiases, stack } from './matrix.js';
import { Names, placesOf } from './names.js';
import type { RecoveredWeight } from './weights.js';

/** Styles in which families write the same model. */
export interface Style {
  /** Whether queries, keys and values that lie side by side in the file are one weight; likewise the halves of a gate. */
  readonly fused: boolean;
  /**
   * Biases that are all zero: `drop` leaves out those of norms, `keep` keeps all as they are, `fill` adds one wherever none
   * is.
   */
  readonly zeros: 'drop' | 'keep' | 'fill';
}

export interface DraftOutputs {
  readonly outputs: ReadonlyMap<OutputName, Value>;
  /** The last hidden value. */
  readonly hidden: Value;
  /** Whether logits are those of a masked LM, which are computed for selected rows only. */
  readonly selects: boolean;
}

export interface DraftGraph {
  readonly graph: EncoderGraph;
  readonly sources: ReadonlyMap<string, RecoveredWeight>;
  /** For each value of the graph, the draft's value. */
  readonly values: ReadonlyMap<string, Value>;
}

export interface Limits {
  readonly maxTokens: number;
  readonly vocabulary: number;
  readonly segments: number;
}

/** Thrown for a draft that the IR cannot express. */
export class Unwritable extends Error {}

export function toGraph(
  { outputs, hidden, selects }: DraftOutputs,
  limits: Limits,
  style: Style,
  sameMatrix: (a: Matrix, b: Matrix) => boolean,
): DraftGraph {
  const writer = new Writer([...outputs.values()], hidden, selects, style, sameMatrix);
  for (const [name, value] of outputs) writer.output(name, value);
  return writer.finish(limits);
}

class Writer {
  private readonly builder = new GraphBuilder();
  private readonly sources = new Map<string, RecoveredWeight>();
  private readonly values = new Map<string, Value>();
  private readonly made = new Map<Value, string>();
  private readonly uses: ReadonlyMap<Value, number>;
  private readonly names: Names;
  private readonly style: Style;
  private readonly hidden: Value | null;
  private readonly kept: ReadonlySet<Value>;
  /** Whether every sum has a single reader, so that norms can absorb sums. */
  private readonly postNorm: boolean;
  private selected: string | null = null;

  constructor(
    outputs: readonly Value[],
    hidden: Value,
    selects: boolean,
    style: Style,
    sameMatrix: (a: Matrix, b: Matrix) => boolean,
  ) {
    const reachable = reach(outputs);
    this.uses = usesOf(reachable);
    this.kept = new Set(outputs);
    this.postNorm = reachable.every(
      (value) => value.node.op !== 'add' || (this.uses.get(value) ?? 0) === 1,
    );
    this.names = new Names(placesOf(reachable, hidden), sameMatrix);
    this.style = style;
    this.hidden = selects ? hidden : null;
    for (const value of reachable) if (!this.isFused(value)) this.value(value);
  }

  output(name: OutputName, value: Value): void {
    this.builder.output(name, this.value(value));
  }

  finish(limits: Limits): DraftGraph {
    const graph = this.builder.finish({ architecture: 'graph', ...limits });
    return { graph, sources: this.sources, values: this.values };
  }

  /** Whether a value is written only on demand of its reader, which may fuse it; true for values that nothing reads. */
  private isFused(value: Value): boolean {
    return this.kept.has(value) ? false : (this.uses.get(value) ?? 0) === 0 || isInner(value);
  }

  private value(value: Value): string {
    const known = this.made.get(value);
    if (known !== undefined) return known;
    const name = this.write(value, `v${value.id}`);
    this.made.set(value, name);
    this.values.set(name, value);
    return name;
  }

  /** As `value`, but the head of a masked LM reads only the selected rows of the hidden value. */
  private operand(reader: Value, input: Value): string {
    const name = this.value(input);
    if (input !== this.hidden || reader.node.op !== 'linear') return name;
    this.selected ??= this.builder.select(name, 'selected');
    return this.selected;
  }

  private write(value: Value, to: string): string {
    const { node } = value;
    const b = this.builder;
    switch (node.op) {
      case 'embedding':
        return this.embedding(node, value.width, to);
      case 'parameter': {
        const { name, shape } = this.matrix(node.matrix, this.names.of(value));
        return b.parameter(name, shape[0] ?? 0, shape[1] ?? 0, to);
      }
      case 'linear':
        return this.linear([value], 'none', to);
      case 'activation':
        return this.activation(node, to);
      case 'product':
        return this.gate(node, to);
      case 'norm':
        return this.norm(value, node, to);
      case 'add': {
        const [input, residual] = newerFirst(node.left, node.right);
        return b.sum(this.value(input), this.value(residual), to);
      }
      case 'attention':
        return this.attention(node, to);
      case 'pool':
        return b.pool(node.kind, this.value(node.input), to);
      case 'normalize':
        return b.normalize(this.value(node.input), to);
      case 'concat':
        return b.concat(
          node.inputs.map((input) => this.value(input)),
          to,
        );
    }
  }

  private embedding(node: Extract<DraftNode, { op: 'embedding' }>, width: number, to: string) {
    const tables = [...node.tables]
      .sort((a, b) => EMBEDDING_INDICES.indexOf(a.index) - EMBEDDING_INDICES.indexOf(b.index))
      .map(({ matrix, index, offset }) => {
        const { name, shape } = this.matrix(matrix, `embeddings.${index}`);
        return { weight: name, rows: shape[0] ?? 0, index, offset };
      });
    return this.builder.embedding(tables, width, to);
  }

  /** Writes products of the same input as one linear node. */
  private linear(parts: readonly Value[], activation: ActivationKind, to: string): string {
    const [first] = parts;
    if (first?.node.op !== 'linear') throw new Unwritable('a product has no weight');
    const nodes = parts.map((part) => {
      if (part.node.op !== 'linear') throw new Unwritable('a part of a product has no weight');
      return { part, matrix: part.node.matrix, bias: part.node.bias };
    });
    const whole = stack(nodes.map(({ matrix }) => matrix));
    const together = this.style.fused && nodes.length > 1 && whole.pieces.length === 1;
    const stated = joinBiases(nodes.map(({ matrix, bias }) => ({ bias, rows: matrix.rows })));
    const joined = this.style.zeros === 'fill' ? (stated ?? nothing(whole.rows)) : stated;
    const pieces = together
      ? [{ part: first, matrix: whole, bias: joined, name: this.names.together(first) }]
      : nodes.map((entry) => ({ ...entry, name: this.names.of(entry.part) }));
    const weights = pieces.map(({ matrix, name }) => this.matrix(matrix, name));
    const biases = pieces.flatMap(({ matrix, bias }, i) => {
      if (joined === null) return [];
      return [this.bias(bias ?? nothing(matrix.rows), weights[i]?.name ?? '')];
    });
    const input = this.operand(first, first.node.input);
    const modules = weights.map(({ name, shape: [outputs = 0, inputs = 0] }) => ({
      name,
      inputs,
      outputs,
    }));
    return this.builder.product(modules, biases, activation, input, to);
  }

  /**
   * Products whose outputs lie side by side: one linear node, or one for each part where they have different inputs, as products of
   * low rank do, or `apart` asks for it.
   */
  private sideBySide(
    parts: readonly Value[],
    to: string,
    names: readonly string[],
    apart: boolean,
  ): string {
    const inputs = new Set(parts.map(({ node }) => (node.op === 'linear' ? node.input : null)));
    if (inputs.size === 1 && !apart) return this.linear(parts, 'none', to);
    const made = parts.map((part, i) => this.linear([part], 'none', `${to}.${names[i]}`));
    return this.builder.concat(made, to);
  }

  private activation(node: Extract<DraftNode, { op: 'activation' }>, to: string): string {
    const { kind, input } = node;
    if (kind === 'sigmoid' || input.node.op !== 'linear') {
      throw new Unwritable(`${kind} of what is no product with a weight (${input.origin})`);
    }
    return this.linear([input], kind, to);
  }

  private gate({ left, right }: Extract<DraftNode, { op: 'product' }>, to: string): string {
    const [active, plain] = left.node.op === 'activation' ? [left, right] : [right, left];
    const { node } = active;
    if (node.op !== 'activation' || node.kind === 'sigmoid') {
      throw new Unwritable(`a product of two activations that is no gate (${left.origin})`);
    }
    const [a, b] = [node.input.node, plain.node];
    if (a.op !== 'linear' || b.op !== 'linear') {
      throw new Unwritable(`a gate of what is no product with a weight (${left.origin})`);
    }
    const wide = this.sideBySide([node.input, plain], `${to}.wide`, ['gate', 'plain'], false);
    return this.builder.add({ op: 'gate', activation: node.kind, input: wide, output: to });
  }

  private norm(value: Value, node: Extract<DraftNode, { op: 'norm' }>, to: string): string {
    const { input, kind, epsilon } = node;
    const at = this.names.of(value);
    const owner = `norm ${this.names.owner(input)}`;
    const [main, residual] =
      this.postNorm && input.node.op === 'add' && !this.kept.has(input)
        ? newerFirst(input.node.left, input.node.right)
        : [input, null];
    const from = this.value(main);
    const rest = residual && this.value(residual);
    const { zeros } = this.style;
    const zero = node.bias === null || node.bias.values.every((x) => x === 0);
    const own = zeros === 'drop' && zero ? null : node.bias;
    const bias = zeros === 'fill' ? (own ?? nothing(value.width)) : own;
    const name = this.names.norm(node.weight, bias, owner, at);
    this.sources.set(`${name}.weight`, { kind: 'vector', vector: node.weight });
    if (bias !== null) this.sources.set(`${name}.bias`, { kind: 'vector', vector: bias });
    const form = { kind, ...(bias === null ? { bias: false } : {}) };
    return this.builder.norm(name, value.width, epsilon, from, rest, to, form);
  }

  private attention(node: Extract<DraftNode, { op: 'attention' }>, to: string): string {
    const { query, key, heads, headDim, scale, rotary, window, relativeBias } = node;
    const distances = node.disentangled && {
      keys: node.disentangled.keys && this.value(node.disentangled.keys),
      queries: node.disentangled.queries && this.value(node.disentangled.queries),
      buckets: node.disentangled.buckets,
      maxDistance: node.disentangled.maxDistance,
    };
    const parts = [query, key, node.value];
    // A projection that a table of distances uses too must be a weight of its own.
    const shared = [node.disentangled?.keys, node.disentangled?.queries].some(
      (table) =>
        table?.node.op === 'linear' && parts.some((part) => this.names.sameProduct(part, table)),
    );
    const input = this.sideBySide(parts, `${to}.qkv`, ['q', 'k', 'v'], shared);
    const bias = relativeBias && this.matrix(relativeBias.matrix, 'relative_bias');
    return this.builder.attention(heads, headDim, 0, input, to, {
      scale,
      ...(rotary ? { rotary } : {}),
      ...(window === null ? {} : { window }),
      ...(distances ? { disentangled: distances } : {}),
      ...(bias && relativeBias
        ? {
            relativeBias: {
              weight: bias.name,
              buckets: bias.shape[0] ?? 0,
              maxDistance: relativeBias.maxDistance,
            },
          }
        : {}),
    });
  }

  private matrix(matrix: Matrix, at: string): { name: string; shape: readonly number[] } {
    const name = this.names.matrix(matrix, `${at}.weight`);
    if (!this.sources.has(name)) this.sources.set(name, { kind: 'matrix', matrix });
    return { name, shape: [matrix.rows, matrix.columns] };
  }

  /** Name of a bias of the product with the weight `owner`. */
  private bias(vector: Vector, owner: string): string {
    const name = this.names.vector(vector, owner, owner.replace(/(\.weight)?$/, '.bias'));
    if (!this.sources.has(name)) this.sources.set(name, { kind: 'vector', vector });
    return name;
  }
}

function nothing(width: number): Vector {
  return { values: new Float32Array(width), source: '' };
}

/** All values that the outputs depend on, in the order in which they were made. */
function reach(outputs: readonly Value[]): Value[] {
  const found = new Set<Value>();
  const todo = [...outputs];
  for (let value = todo.pop(); value !== undefined; value = todo.pop()) {
    if (found.has(value)) continue;
    found.add(value);
    todo.push(...operandsOf(value.node));
  }
  return [...found].sort((a, b) => a.id - b.id);
}

function usesOf(values: readonly Value[]): Map<Value, number> {
  const uses = new Map<Value, number>();
  for (const { node } of values) {
    for (const value of operandsOf(node)) uses.set(value, (uses.get(value) ?? 0) + 1);
  }
  return uses;
}

/** Whether the reader of a value writes it: the case for all but norms and attention. */
function isInner({ node }: Value): boolean {
  return node.op !== 'norm' && node.op !== 'attention';
}

/** The layer's own result first, then the residual, which is older. */
function newerFirst(a: Value, b: Value): [Value, Value] {
  return a.id > b.id ? [a, b] : [b, a];
}
