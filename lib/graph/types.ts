/**
 * The intermediate representation: a small typed graph of coarse operations with named weights.
 *
 * Everything passes through it: importers build it, `quantize` and `prune` map it to a new graph, writers and
 * the native program read it. It is a plain JSON value; it holds no numbers of the weights, only their names.
 * Activations are ragged: a `token` value has shape [totalTokens, width], a `sequence` value [sequences, width],
 * a `selected` value [selected tokens, width]; a `table` value [rows, width] does not depend on the texts.
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
export type ActivationKind = (typeof ACTIVATION_KINDS)[number];
/** Named as sentence-transformers names them, in the order in which it puts several side by side. `mean_sqrt_len_tokens` is sum / sqrt(length), `weightedmean` weighs by position + 1. */
export const POOL_KINDS = [
  'cls',
  'max',
  'mean',
  'mean_sqrt_len_tokens',
  'weightedmean',
  'lasttoken',
] as const;
export type PoolKind = (typeof POOL_KINDS)[number];
/** What the rows of a value are. */
export type ValueKind = 'token' | 'sequence' | 'selected' | 'table';
/** Width of the activation codes where weights are s8: 8 is 0..255, 7 is 0..127. */
export type ActivationBits = 8 | 7;

/** A named weight. `shape` is in PyTorch's order: linear [out, in], embedding [rows, width], vectors [width]. */
export interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** How it is stored: a row of STORAGES. All but `f32` is for tables and for matrices of products. */
  readonly dtype: WeightDtype;
}

/** Names a caller may ask for. `hidden.0` is the embedding output, `hidden.N` the last layer's. */
export type OutputName = 'hidden' | 'embedding' | 'pooled' | 'logits' | `hidden.${number}`;

export interface EncoderGraph {
  readonly format: 1;
  /** Architecture it came from, for messages: `bert`. */
  readonly architecture: string;
  /** Longest text in tokens, special tokens included. */
  readonly maxTokens: number;
  readonly vocabulary: number;
  readonly segments: number;
  /**
   * In the order of use; every weight is referenced by at least one node. One that several nodes reference is shared (layers
   * of ALBERT, a decoder tied to the token table): its gradient is the sum of theirs.
   */
  readonly weights: readonly WeightSpec[];
  /** In topological order. */
  readonly nodes: readonly GraphNode[];
  /** Output name -> value name. */
  readonly outputs: Readonly<Partial<Record<OutputName, string>>>;
}
