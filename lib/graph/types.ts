/**
 * The intermediate representation: a small typed graph of coarse operations with named weights.
 *
 * Everything passes through it: importers build it, `quantize` and `prune` map it to a new graph, writers and
 * the native program read it. It is a plain JSON value; it holds no numbers of the weights, only their names.
 * Activations are ragged: a `token` value has shape [totalTokens, width], a `sequence` value [sequences, width].
 */

export type ActivationKind = 'none' | 'gelu' | 'gelu_tanh' | 'relu' | 'tanh';
export type PoolKind = 'mean' | 'cls' | 'max';
export type WeightDtype = 'f32' | 's8';
/** Width of the activation codes where weights are s8: 8 is 0..255, 7 is 0..127. */
export type ActivationBits = 8 | 7;

/** A named weight. `shape` is in PyTorch's order: linear [out, in], embedding [rows, width], vectors [width]. */
export interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** `s8` weights have one f32 scale per row (output channel, or table row): w = q * scale[row]. */
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

/** Layer norm over the last axis of input (+ residual): (x - mean) / sqrt(var + epsilon) * weight + bias. */
export interface NormNode {
  readonly op: 'norm';
  readonly kind: 'layer';
  readonly input: string;
  readonly residual: string | null;
  readonly weight: string;
  readonly bias: string;
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

/** Softmax attention inside each sequence. `input` is [tokens, 3 * heads * headDim]: query, key, value side by side. */
export interface AttentionNode {
  readonly op: 'attention';
  readonly input: string;
  readonly heads: number;
  readonly headDim: number;
  readonly scale: number;
  /** Probability of dropping an attention weight in training. */
  readonly dropout: number;
  readonly output: string;
}

/** Identity in inference. */
export interface DropoutNode {
  readonly op: 'dropout';
  readonly input: string;
  readonly probability: number;
  readonly output: string;
}

/** Token value to sequence value. */
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
  | NormalizeNode;

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
  /** In the order of use; every weight is referenced by at least one node. */
  readonly weights: readonly WeightSpec[];
  /** In topological order. */
  readonly nodes: readonly GraphNode[];
  /** Output name -> value name. */
  readonly outputs: Readonly<Partial<Record<OutputName, string>>>;
}
