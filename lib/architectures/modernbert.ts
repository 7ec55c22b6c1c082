/**
 * ModernBERT: pre-norm layers with gates and rotary positions; only every n-th layer attends to the whole text, the others
 * to a window.
 *
 * The first layer has no norm before its attention, because the embeddings end with a norm. hidden.N is the output of the
 * last layer, `hidden` its norm.
 */

import type { JsonObject } from '../core/json.js';
import type { AttentionExtras, GraphBuilder } from '../graph/builder.js';
import type { Transform } from '../graph/rewrite/head.js';
import type { ActivationKind } from '../graph/types.js';
import { ACTIVATIONS, activationName } from './activations.js';
import type { ConfigReader } from './config-reader.js';
import type { EncoderPlan, Family } from './family.js';
import { type LayerPositions, layerPositionKeys, readLayerPositions } from './modernbert-layers.js';
import { addLayers, MAX_LAYERS } from './post-norm.js';
import type { GraphStructure } from './structure.js';

interface Sizes {
  readonly vocabulary: number;
  readonly maxTokens: number;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly intermediate: number;
  readonly activation: ActivationKind;
  readonly epsilon: number;
  readonly positions: LayerPositions;
  readonly bias: { readonly attention: boolean; readonly mlp: boolean; readonly norm: boolean };
  readonly dropout: {
    readonly embedding: number;
    readonly attention: number;
    readonly mlp: number;
    readonly classifier: number;
  };
}

const TOKENS = 'embeddings.tok_embeddings.weight';

function readSizes(reader: ConfigReader): Sizes {
  const hidden = reader.size('hidden_size');
  const heads = reader.size('num_attention_heads');
  if (hidden % (2 * heads) !== 0) {
    throw reader.corrupt(
      'num_attention_heads',
      `a divisor of half of hidden_size ${hidden}`,
      heads,
    );
  }
  const layers = reader.size('num_hidden_layers', MAX_LAYERS);
  return {
    vocabulary: reader.size('vocab_size'),
    maxTokens: reader.size('max_position_embeddings'),
    hidden,
    heads,
    layers,
    intermediate: reader.size('intermediate_size'),
    activation: reader.choice('hidden_activation', ACTIVATIONS, 'gelu'),
    epsilon: reader.number('norm_eps', 0, 1, 1e-5),
    positions: readLayerPositions(reader, layers),
    bias: {
      attention: reader.flag('attention_bias', false),
      mlp: reader.flag('mlp_bias', false),
      norm: reader.flag('norm_bias', false),
    },
    dropout: {
      embedding: reader.number('embedding_dropout', 0, 1, 0),
      attention: reader.number('attention_dropout', 0, 1, 0),
      mlp: reader.number('mlp_dropout', 0, 1, 0),
      classifier: reader.number('classifier_dropout', 0, 1, 0),
    },
  };
}

export const MODERNBERT: Family = {
  modelType: 'modernbert',
  className: 'ModernBert',
  prefix: 'model.',
  read: (reader) => {
    const sizes = readSizes(reader);
    const { vocabulary, maxTokens: positions, hidden } = sizes;
    return {
      vocabulary,
      segments: 1,
      positions,
      hidden,
      tokens: { name: TOKENS, width: hidden },
      pooler: null,
      heads: headsOf(reader, sizes),
      untied: !reader.flag('tie_word_embeddings', true),
      init: initOf(reader, sizes),
      build: (b, prefix) => build(b, sizes, prefix),
    };
  },
  keys,
};

/** The heads, which all begin with the same transform. */
function headsOf(
  reader: ConfigReader,
  { hidden, epsilon, bias, dropout: { classifier: dropout } }: Sizes,
): EncoderPlan['heads'] {
  const transform: Transform = {
    name: 'head.dense',
    width: hidden,
    activation: reader.choice('classifier_activation', ACTIVATIONS, 'gelu'),
    bias: reader.flag('classifier_bias', false),
    norm: { name: 'head.norm', epsilon, bias: bias.norm },
  };
  const rows = reader.choice('classifier_pooling', { cls: 'cls', mean: 'mean' } as const, 'cls');
  const output = 'classifier';
  const decoder = {
    output: 'decoder',
    ...(reader.flag('decoder_bias', true) ? {} : { bias: null }),
  };
  return {
    classification: { rows, transform, dropout, output },
    'token-classification': { rows: 'token', transform, dropout, output },
    'question-answering': { rows: 'token', transform, dropout, output },
    'masked-lm': { rows: 'selected', transform, ...decoder },
  };
}

/** Truncated normal distributions: narrower for weights that add to the residual, wider for the last product. */
function initOf(reader: ConfigReader, { hidden, layers }: Sizes): EncoderPlan['init'] {
  const range = reader.number('initializer_range', 0, 10, 0.02);
  const cutoff = reader.number('initializer_cutoff_factor', 0.1, 100, 2);
  return (weight) => {
    const last = weight.startsWith('classifier.');
    return { deviation: last ? hidden ** -0.5 : range / Math.sqrt(2 * layers), cutoff };
  };
}

function build(b: GraphBuilder, sizes: Sizes, prefix: string): string {
  const { vocabulary, hidden, epsilon, layers, dropout, bias } = sizes;
  const form = { bias: bias.norm };
  const tables = [{ weight: prefix + TOKENS, rows: vocabulary, index: 'token' }] as const;
  const words = b.embedding(tables, hidden, 'embeddings');
  const at = `${prefix}embeddings.norm`;
  const normed = b.norm(at, hidden, epsilon, words, null, 'embeddings.norm', form);
  const first = b.dropout(dropout.embedding, normed, 'hidden.0');
  const last = addLayers(b, layers, first, (input, i, output) =>
    addPreNormLayer(b, sizes, `${prefix}layers.${i}`, input, i, output),
  );
  const final = b.norm(`${prefix}final_norm`, hidden, epsilon, last, null, 'final_norm', form);
  b.output('hidden', final);
  return final;
}

function addPreNormLayer(
  b: GraphBuilder,
  sizes: Sizes,
  at: string,
  input: string,
  layer: number,
  output: string,
): string {
  const { hidden, heads, intermediate, epsilon, dropout } = sizes;
  const v = `layer.${layer}`;
  const form = { bias: sizes.bias.norm };
  const linear = (name: string, inputs: number, outputs: number, from: string, to: string) => {
    const bias = name.startsWith('attn') ? sizes.bias.attention : sizes.bias.mlp;
    return b.linear([{ name: `${at}.${name}`, inputs, outputs, bias }], 'none', from, to);
  };
  const normed =
    layer === 0
      ? input
      : b.norm(`${at}.attn_norm`, hidden, epsilon, input, null, `${v}.attn_norm`, form);
  const qkv = linear('attn.Wqkv', hidden, 3 * hidden, normed, `${v}.qkv`);
  const extras = positionsOf(sizes, layer);
  const headDim = hidden / heads;
  const mixed = b.attention(heads, headDim, dropout.attention, qkv, `${v}.attention`, extras);
  const projected = linear('attn.Wo', hidden, hidden, mixed, `${v}.projected`);
  const dropped = b.dropout(dropout.attention, projected, `${v}.projected.dropped`);
  const middle = b.sum(dropped, input, `${v}.attended`);
  const inner = b.norm(`${at}.mlp_norm`, hidden, epsilon, middle, null, `${v}.mlp_norm`, form);
  const wide = linear('mlp.Wi', hidden, 2 * intermediate, inner, `${v}.intermediate`);
  const gated = b.add({
    op: 'gate',
    activation: sizes.activation,
    input: wide,
    output: `${v}.gate`,
  });
  const kept = b.dropout(dropout.mlp, gated, `${v}.gate.dropped`);
  return b.sum(linear('mlp.Wo', intermediate, hidden, kept, `${v}.output`), middle, output);
}

function positionsOf({ hidden, heads, positions }: Sizes, layer: number): AttentionExtras {
  const dimensions = hidden / heads;
  const { local, globalTheta, localTheta, window } = positions;
  if (local[layer] !== true) return { rotary: { theta: globalTheta, dimensions } };
  return { rotary: { theta: localTheta, dimensions }, window };
}

function keys(structure: GraphStructure, base: JsonObject): JsonObject {
  const { attention } = structure;
  return {
    vocab_size: structure.tokens.rows,
    hidden_size: structure.hidden,
    num_hidden_layers: attention.length,
    num_attention_heads: structure.heads,
    intermediate_size: structure.intermediate,
    hidden_activation: activationName(structure.activation, base.hidden_activation),
    norm_eps: structure.epsilon,
    norm_bias: structure.hasBias('norm'),
    attention_bias: structure.hasBias('attention'),
    mlp_bias: structure.hasBias('feed-forward'),
    ...layerPositionKeys(attention, base),
    max_position_embeddings: numberOr(base.max_position_embeddings, structure.graph.maxTokens),
    ...headKeys(structure, base),
  };
}

/** The keys that all heads share; without a head, `base` keeps its own. */
function headKeys({ head, untied }: GraphStructure, base: JsonObject): JsonObject {
  const { last, dense, norm, pooling } = head;
  if (last === undefined || dense === undefined || norm === undefined) return {};
  return {
    classifier_activation: activationName(dense.activation, base.classifier_activation),
    classifier_bias: dense.biases.length > 0,
    ...(pooling === undefined ? {} : { classifier_pooling: pooling }),
    ...(untied === null ? {} : { decoder_bias: last.biases.length > 0 }),
  };
}

function numberOr(value: unknown, fallback: number): number {
  return typeof value === 'number' ? value : fallback;
}
