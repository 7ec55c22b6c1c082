/**
 * The intermediate representation: a small typed graph of coarse operations with named weights.
 *
 * Everything passes through it: importers build it, `quantize` and `prune` map it to a new graph, writers and the native
 * program read it. It is a plain JSON value with the names of weights, not their numbers. Values have no padding: a `token`
 * value has shape [totalTokens, width], a `sequence` value [sequences, width], a `selected` value [selected tokens, width];
 * a `table` value [rows, width] does not depend on the texts.
 */

import type { GraphNode } from './ops.js';
import type { WeightDtype } from './storages.js';

export type { AttentionNode, Disentangled, RelativeBias, Rotary } from './ops/attention.js';
export type { EmbeddingIndex, EmbeddingNode } from './ops/embedding.js';
export type { LinearNode } from './ops/linear.js';
export type { GraphNode } from './ops.js';

export type { WeightDtype } from './storages.js';

/** `gelu_tanh` is the tanh form of GELU, `quick_gelu` is x sigmoid(1.702 x). */
export const ACTIVATION_KINDS = [
  'none',
  'gelu',
  'gelu_tanh',
  'relu',
  'tanh',
  'silu',
  'quick_gelu',
] as const;
/** Activation functions of the families, by the names of transformers. */
export type ActivationKind = (typeof ACTIVATION_KINDS)[number];
/**
 * Names of sentence-transformers, in the order in which it concatenates several. `mean_sqrt_len_tokens` is sum /
 * sqrt(length), `weightedmean` weights tokens by position + 1.
 */
export const POOL_KINDS = [
  'cls',
  'max',
  'mean',
  'mean_sqrt_len_tokens',
  'weightedmean',
  'lasttoken',
] as const;
/** How token vectors become one vector, by the names of sentence-transformers. */
export type PoolKind = (typeof POOL_KINDS)[number];
/** What the rows of a value stand for. */
export type ValueKind = 'token' | 'sequence' | 'selected' | 'table';
/** Bits of the activation codes at s8 weights: 8 gives codes 0..255, 7 gives 0..127. */
export type ActivationBits = 8 | 7;

/** A named weight. `shape` is in PyTorch's order: linear [out, in], embedding [rows, width], vectors [width]. */
export interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** Storage of the weight: a row of STORAGES. Storages other than `f32` are for tables and for matrices of products. */
  readonly dtype: WeightDtype;
}

/**
 * Names of outputs that a caller may ask for. `hidden.0` is the embedding output, `hidden.N` the last layer's. Those of a
 * distillation are in the graphs of a training only.
 */
export type OutputName =
  | 'hidden'
  | 'embedding'
  | 'pooled'
  | 'logits'
  | `hidden.${number}`
  | `distillation.${string}`;

export interface EncoderGraph {
  readonly format: 1;
  /** Name of the architecture that the graph came from, for messages: `bert`. */
  readonly architecture: string;
  /** Longest text in tokens, special tokens included. */
  readonly maxTokens: number;
  readonly vocabulary: number;
  readonly segments: number;
  /**
   * In the order of use; at least one node reads each weight. A weight that several nodes read is shared (layers of ALBERT,
   * a decoder tied to the token table): its gradient is the sum over these nodes.
   */
  readonly weights: readonly WeightSpec[];
  /** In topological order. */
  readonly nodes: readonly GraphNode[];
  /** Output name -> value name. */
  readonly outputs: Readonly<Partial<Record<OutputName, string>>>;
}
