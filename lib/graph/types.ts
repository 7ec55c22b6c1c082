/**
 * The intermediate representation: a small typed graph of coarse operations with named weights.
 *
 * Everything passes through it: importers build it, `quantize` and `prune` map it to a new graph, writers and
 * the native program read it. It is a plain JSON value; it holds no numbers of the weights, only their names.
 * Activations are ragged: a `token` value has shape [totalTokens, width], a `sequence` value [sequences, width],
 * a `selected` value [selected tokens, width]; a `table` value [rows, width] does not depend on the texts.
 */

import type { WeightDtype } from './storages.js';

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
/** Named as sentence-transformers names them. `mean_sqrt_len_tokens` is sum / sqrt(length), `weightedmean` weighs by position + 1. */
export type PoolKind =
  | 'mean'
  | 'cls'
  | 'max'
  | 'mean_sqrt_len_tokens'
  | 'weightedmean'
  | 'lasttoken';
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

/** What a table is indexed with: the token id, the position in its text (from 0, plus offset), or the segment. */
export type EmbeddingIndex = 'token' | 'position' | 'segment';

/** output[t] = sum over tables of table[index(t)]. */
export interface EmbeddingNode {
  readonly op: 'embedding';
  readonly output: string;
  readonly tables: readonly {
    readonly weight: string;
    readonly index: EmbeddingIndex;
    /** Added to the position (RoBERTa starts at pad id + 1). */
    readonly offset: number;
  }[];
}

/**
 * Norm over the last axis of x = input (+ residual). `layer`: (x - mean) / sqrt(var + epsilon) * weight + bias;
 * `rms`: x / sqrt(mean(x^2) + epsilon) * weight + bias. Without a bias nothing is added.
 */
export interface NormNode {
  readonly op: 'norm';
  readonly kind: 'layer' | 'rms';
  readonly input: string;
  readonly residual: string | null;
  readonly weight: string;
  readonly bias: string | null;
  readonly epsilon: number;
  readonly output: string;
}

/**
 * output = activation(input W^T + b). `weights` are stacked along the output axis (query, key and value run as
 * one product), so the output width is the sum of their rows. `biases` is empty or has one entry per weight.
 * When the weights are `s8` the activations are quantized per token, asymmetric, `activationBits` wide.
 */
export interface LinearNode {
  readonly op: 'linear';
  readonly input: string;
  readonly weights: readonly string[];
  readonly biases: readonly string[];
  readonly activation: ActivationKind;
  readonly activationBits: ActivationBits;
  /**
   * Only with `s8` weights: a vector [inputs] that the input is multiplied by, channel by channel, before it is quantized.
   * The weights hold its inverse, so that the product stays what it was.
   */
  readonly equalizer?: string;
  readonly output: string;
}

/**
 * Rotary position embedding (Su et al. 2021, RoFormer): the first `dimensions` of every query and key head are rotated,
 * element i with element i + dimensions / 2, by the angle position * theta^(-2i / dimensions).
 */
export interface Rotary {
  /** At least 1. */
  readonly theta: number;
  /** Even, at most headDim. */
  readonly dimensions: number;
}

/**
 * A learned number per head and distance, added to the scaled score: weight[bucket(key - query)][head]. `weight` is
 * [buckets, heads]; the buckets are those of T5 (Raffel et al. 2020), both directions, distances from `maxDistance` on
 * share the last.
 */
export interface RelativeBias {
  readonly weight: string;
  readonly maxDistance: number;
}

/**
 * Disentangled attention (He et al. 2021, DeBERTa). The distance d = query - key, put into log buckets when `buckets` is
 * not 0, picks a row p = clamp(d + span, 0, 2 span - 1) of two `table` values [2 span, heads * headDim]: the score is
 * scale * (q . k + q . keys[p] + k . queries[p'])  with p' = clamp(-d' + span, 0, 2 span - 1) for the distance d' seen from
 * the key. null leaves a term out.
 */
export interface Disentangled {
  readonly keys: string | null;
  readonly queries: string | null;
  /** position_buckets of the config; 0: every distance has its own row. span = buckets, or maxDistance without them. */
  readonly buckets: number;
  /** max_relative_positions of the config. */
  readonly maxDistance: number;
}

/** Softmax attention inside each sequence. `input` is [tokens, 3 * heads * headDim]: query, key, value side by side. */
export interface AttentionNode {
  readonly op: 'attention';
  readonly input: string;
  readonly heads: number;
  readonly headDim: number;
  readonly scale: number;
  /** Probability of dropping an attention weight in training. */
  readonly dropout: number;
  readonly rotary?: Rotary;
  /** A query sees keys at most this many tokens away, to each side; left out: all of its sequence. */
  readonly window?: number;
  readonly relativeBias?: RelativeBias;
  readonly disentangled?: Disentangled;
  readonly output: string;
}

/** A weight as a value of kind `table`: what does not depend on the texts, such as relative position embeddings. */
export interface ParameterNode {
  readonly op: 'parameter';
  /** [rows, width]. */
  readonly weight: string;
  readonly output: string;
}

/** input + residual: the step of pre-norm layers. */
export interface AddNode {
  readonly op: 'add';
  readonly input: string;
  readonly residual: string;
  readonly output: string;
}

/** Gated linear unit (Shazeer 2020): of [rows, 2 w], activation(first half) * second half, [rows, w]. */
export interface GateNode {
  readonly op: 'gate';
  readonly activation: ActivationKind;
  readonly input: string;
  readonly output: string;
}

/** Values of one kind side by side (several poolings of one text). */
export interface ConcatNode {
  readonly op: 'concat';
  readonly inputs: readonly string[];
  readonly output: string;
}

/** The rows of a token value that the call selects (TokenBatch.selected; all when it says nothing): what a masked LM is asked for. */
export interface SelectNode {
  readonly op: 'select';
  readonly input: string;
  readonly output: string;
}

/** Identity in inference. */
export interface DropoutNode {
  readonly op: 'dropout';
  readonly input: string;
  readonly probability: number;
  readonly output: string;
}

/** Token value to sequence value. Over the tokens of each sequence; `cls` is its first token. */
export interface PoolNode {
  readonly op: 'pool';
  readonly kind: PoolKind;
  readonly input: string;
  readonly output: string;
}

/** x / max(|x|, 1e-12) per row. */
export interface NormalizeNode {
  readonly op: 'normalize';
  readonly input: string;
  readonly output: string;
}

export type GraphNode =
  | EmbeddingNode
  | NormNode
  | LinearNode
  | AttentionNode
  | DropoutNode
  | PoolNode
  | NormalizeNode
  | ParameterNode
  | AddNode
  | GateNode
  | ConcatNode
  | SelectNode;

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
