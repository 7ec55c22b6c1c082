/**
 * Builds a graph node by node: each method adds one node, declares its weights and returns the
 * value's name.
 *
 * It only writes down; validateGraph checks what came out.
 */

import type {
  ActivationKind,
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
}

export class GraphBuilder {
  private readonly weights: WeightSpec[] = [];
  private readonly nodes: GraphNode[] = [];
  private readonly outputs: Partial<Record<OutputName, string>> = {};

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

  /** Layer norm of module `name` over input (+ residual). */
  norm(
    name: string,
    width: number,
    epsilon: number,
    input: string,
    residual: string | null,
    output: string,
  ): string {
    const weight = this.weight(`${name}.weight`, [width]);
    const bias = this.weight(`${name}.bias`, [width]);
    return this.add({ op: 'norm', kind: 'layer', input, residual, weight, bias, epsilon, output });
  }

  /** One product for all modules, their outputs side by side. */
  linear(
    modules: readonly LinearModule[],
    activation: ActivationKind,
    input: string,
    output: string,
  ): string {
    const weights = modules.map((m) => this.weight(`${m.name}.weight`, [m.outputs, m.inputs]));
    const biases = modules.map((m) => this.weight(`${m.name}.bias`, [m.outputs]));
    const activationBits = 8;
    return this.add({ op: 'linear', input, weights, biases, activation, activationBits, output });
  }

  /** Softmax attention with the usual scale 1 / sqrt(headDim). */
  attention(
    heads: number,
    headDim: number,
    dropout: number,
    input: string,
    output: string,
  ): string {
    const scale = 1 / Math.sqrt(headDim);
    return this.add({ op: 'attention', input, heads, headDim, scale, dropout, output });
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

  /** Offers a value under a name that callers may ask for. */
  output(name: OutputName, value: string): void {
    this.outputs[name] = value;
  }

  /** The graph of all that was added. */
  finish(
    head: Pick<EncoderGraph, 'architecture' | 'maxTokens' | 'vocabulary' | 'segments'>,
  ): EncoderGraph {
    return { format: 1, ...head, weights: this.weights, nodes: this.nodes, outputs: this.outputs };
  }

  private weight(name: string, shape: readonly number[]): string {
    this.weights.push({ name, shape, dtype: 'f32' });
    return name;
  }

  private add(node: GraphNode): string {
    this.nodes.push(node);
    return node.output;
  }
}
