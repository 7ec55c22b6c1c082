/**
 * Builds a graph node by node: each method adds one node, declares its weights and returns the name of its output value.
 *
 * The builder checks almost nothing; validateGraph checks the finished graph.
 */

import { SinterError } from '../core/errors.js';
import { withNames } from './nodes.js';
import type {
  ActivationKind,
  AttentionNode,
  EmbeddingIndex,
  EncoderGraph,
  GraphNode,
  OutputName,
  PoolKind,
  WeightSpec,
} from './types.js';

/**
 * A linear layer by its Hugging Face module name: `name.weight` [outputs, inputs] and `name.bias`
 * [outputs].
 */
export interface LinearModule {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  /** Default: true. Either all modules of one product have a bias, or none has. */
  readonly bias?: boolean;
}

/** Options of an attention beyond plain softmax attention. */
export type AttentionExtras = Pick<AttentionNode, 'rotary' | 'window' | 'disentangled'> & {
  readonly scale?: number;
  readonly relativeBias?: {
    readonly weight: string;
    readonly buckets: number;
    readonly maxDistance: number;
  };
};

export class GraphBuilder {
  private readonly weights = new Map<string, WeightSpec>();
  private readonly nodes: GraphNode[] = [];
  private readonly outputs: Partial<Record<OutputName, string>> = {};

  /** A builder that continues `graph`, whose weights get new names. */
  static over(graph: EncoderGraph, { weight: rename }: { weight: (name: string) => string }) {
    const builder = new GraphBuilder();
    for (const weight of graph.weights) {
      const name = rename(weight.name);
      builder.weights.set(name, { ...weight, name });
    }
    builder.nodes.push(...graph.nodes.map((node) => withNames(node, { weight: rename })));
    Object.assign(builder.outputs, graph.outputs);
    return builder;
  }

  /** Sum of table rows; each table is [rows, width]. */
  embedding(
    tables: readonly { weight: string; rows: number; index: EmbeddingIndex; offset?: number }[],
    width: number,
    output: string,
  ): string {
    const entries = tables.map(({ weight, rows, index, offset = 0 }) => ({
      weight: this.weight(weight, [rows, width]),
      index,
      offset,
    }));
    return this.add({ op: 'embedding', tables: entries, output });
  }

  /** Norm of module `name` over input (+ residual): by default a layer norm with a bias. */
  norm(
    name: string,
    width: number,
    epsilon: number,
    input: string,
    residual: string | null,
    output: string,
    form: { readonly kind?: 'layer' | 'rms'; readonly bias?: boolean } = {},
  ): string {
    const { kind = 'layer' } = form;
    const weight = this.weight(`${name}.weight`, [width]);
    const bias = form.bias === false ? null : this.weight(`${name}.bias`, [width]);
    return this.add({ op: 'norm', kind, input, residual, weight, bias, epsilon, output });
  }

  /** One product for all modules; their outputs are concatenated. */
  linear(
    modules: readonly LinearModule[],
    activation: ActivationKind,
    input: string,
    output: string,
  ): string {
    const weights = modules.map((m) => this.weight(`${m.name}.weight`, [m.outputs, m.inputs]));
    const biases = modules
      .filter((m) => m.bias !== false)
      .map((m) => this.weight(`${m.name}.bias`, [m.outputs]));
    const activationBits = 8;
    return this.add({ op: 'linear', input, weights, biases, activation, activationBits, output });
  }

  /** One product whose weights are named one by one, for tied or shared weights. */
  product(
    weights: readonly {
      readonly name: string;
      readonly inputs: number;
      readonly outputs: number;
    }[],
    biases: readonly string[],
    activation: ActivationKind,
    input: string,
    output: string,
  ): string {
    const names = weights.map((w) => this.weight(w.name, [w.outputs, w.inputs]));
    biases.forEach((name, i) => {
      this.weight(name, [weights[i]?.outputs ?? 0]);
    });
    const activationBits = 8;
    return this.add({
      op: 'linear',
      input,
      weights: names,
      biases,
      activation,
      activationBits,
      output,
    });
  }

  /** Softmax attention. The scale is 1 / sqrt(headDim) unless `extras` has one. */
  attention(
    heads: number,
    headDim: number,
    dropout: number,
    input: string,
    output: string,
    extras: AttentionExtras = {},
  ): string {
    const { scale = 1 / Math.sqrt(headDim), relativeBias: bias, ...rest } = extras;
    const node = {
      op: 'attention',
      input,
      heads,
      headDim,
      scale,
      dropout,
      ...rest,
      output,
    } as const;
    if (bias === undefined) return this.add(node);
    const weight = this.weight(bias.weight, [bias.buckets, heads]);
    return this.add({ ...node, relativeBias: { weight, maxDistance: bias.maxDistance } });
  }

  /** A weight [rows, width] as a value of kind `table`. */
  parameter(weight: string, rows: number, width: number, output: string): string {
    return this.add({ op: 'parameter', weight: this.weight(weight, [rows, width]), output });
  }

  /** input + residual. */
  sum(input: string, residual: string, output: string): string {
    return this.add({ op: 'add', input, residual, output });
  }

  concat(inputs: readonly string[], output: string): string {
    return this.add({ op: 'concat', inputs, output });
  }

  select(input: string, output: string): string {
    return this.add({ op: 'select', input, output });
  }

  dropout(probability: number, input: string, output: string): string {
    return this.add({ op: 'dropout', input, probability, output });
  }

  pool(kind: PoolKind, input: string, output: string): string {
    return this.add({ op: 'pool', kind, input, output });
  }

  normalize(input: string, output: string): string {
    return this.add({ op: 'normalize', input, output });
  }

  /** Makes a value an output of the graph under a name that callers may ask for. */
  output(name: OutputName, value: string): void {
    this.outputs[name] = value;
  }

  /** The graph of everything that was added. */
  finish(
    head: Pick<EncoderGraph, 'architecture' | 'maxTokens' | 'vocabulary' | 'segments'>,
  ): EncoderGraph {
    const weights = [...this.weights.values()];
    return { format: 1, ...head, weights, nodes: this.nodes, outputs: this.outputs };
  }

  /** Declares a weight. If it is declared already with the same shape, it is shared. */
  private weight(name: string, shape: readonly number[]): string {
    const known = this.weights.get(name);
    if (known === undefined) {
      this.weights.set(name, { name, shape, dtype: 'f32' });
      return name;
    }
    if (known.shape.join() === shape.join()) return name;
    throw new SinterError(
      'INTERNAL',
      `weight ${name} is [${known.shape.join(', ')}] and [${shape.join(', ')}]`,
    );
  }

  /** Adds a node of any operation; its weights must be declared already. */
  add(node: GraphNode): string {
    this.nodes.push(node);
    return node.output;
  }
}
