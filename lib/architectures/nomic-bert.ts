/**
 * Nomic BERT, as in nomic-embed-text: post-norm layers with rotary positions and SwiGLU, and no biases in the products.
 *
 * Its config.json has many more options; any other value of them is refused, and so are the keys and names of transformers
 * 5.
 */

import type { JsonObject } from '../core/json.js';
import type { GraphBuilder } from '../graph/builder.js';
import type { ActivationKind } from '../graph/types.js';
import { initOf, WORDS } from './bert-like.js';
import type { ConfigReader } from './config-reader.js';
import type { Family } from './family.js';
import { addEmbeddings, addLayers, MAX_LAYERS } from './post-norm.js';
import { type GraphStructure, tidy } from './structure.js';

/** activation_function -> activation of the gate. */
const GATES: Readonly<Record<string, ActivationKind>> = { swiglu: 'silu', geglu: 'gelu' };

/** Features that are refused: keys, and the only supported value of each. */
const PLAIN: readonly (readonly [string, boolean | number | string])[] = [
  ['causal', false],
  ['parallel_block', false],
  ['prenorm', false],
  ['use_rms_norm', false],
  ['qkv_proj_bias', false],
  ['mlp_fc1_bias', false],
  ['mlp_fc2_bias', false],
  ['rotary_emb_interleaved', false],
  ['scale_attn_by_inverse_layer_idx', false],
  ['scale_attn_weights', true],
  ['rotary_head_dim', false],
  ['num_experts', 0],
];

/** The feed-forward width is rounded up to a multiple of this. */
const INNER_MULTIPLE = 256;
const roundUp = (size: number, multiple: number) => Math.ceil(size / multiple) * multiple;

interface Sizes {
  readonly vocabulary: number;
  readonly positions: number;
  readonly segments: number;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly intermediate: number;
  readonly activation: ActivationKind;
  readonly epsilon: number;
  readonly theta: number;
  readonly rotated: number;
  readonly residualDropout: number;
  readonly attentionDropout: number;
}

function readSizes(reader: ConfigReader): Sizes {
  if (reader.config.n_embd === undefined && reader.config.hidden_size !== undefined) {
    throw reader.unsupported('hidden_size (supported: n_embd and the keys that go with it)');
  }
  for (const [key, value] of PLAIN) reader.fixed(key, value);
  for (const key of ['rotary_emb_scale_base', 'rope_scaling']) {
    if ((reader.config[key] ?? null) !== null) throw reader.unsupported(key);
  }
  const hidden = reader.size('n_embd');
  const heads = reader.size('n_head');
  if (hidden % heads !== 0) throw reader.corrupt('n_head', `a divisor of n_embd ${hidden}`, heads);
  reader.fixed('num_heads_kv', heads);
  const fraction = reader.number('rotary_emb_fraction', 0, 1);
  const rotated = (hidden / heads) * fraction;
  if (rotated < 2 || rotated % 2 !== 0) {
    throw reader.unsupported(`rotary_emb_fraction ${fraction} of ${hidden / heads}`);
  }
  return {
    vocabulary: roundUp(reader.size('vocab_size'), reader.whole('pad_vocab_size_multiple', 1, 1)),
    positions: readPositions(reader),
    segments: reader.whole('type_vocab_size', 0),
    hidden,
    layers: reader.size('n_layer', MAX_LAYERS),
    heads,
    intermediate: roundUp(reader.size('n_inner'), INNER_MULTIPLE),
    activation: reader.choice('activation_function', GATES),
    epsilon: reader.number('layer_norm_epsilon', 0, 1, 1e-5),
    theta: reader.number('rotary_emb_base', 1, 1e12, 10000),
    rotated,
    residualDropout: reader.number('resid_pdrop', 0, 1, 0),
    attentionDropout: reader.number('attn_pdrop', 0, 1, 0),
  };
}

/**
 * Number of positions. If the config scales the rotary angles, which stretches them beyond the trained length, it ends at
 * that length.
 */
function readPositions(reader: ConfigReader): number {
  const positions = reader.size('n_positions');
  if ((reader.config.rotary_scaling_factor ?? null) === null) return positions;
  return Math.min(positions, reader.size('max_trained_positions'));
}

export const NOMIC_BERT: Family = {
  modelType: 'nomic_bert',
  className: 'NomicBert',
  prefix: 'bert.',
  read: (reader) => {
    const sizes = readSizes(reader);
    const dropout = reader.number('classifier_dropout', 0, 1, reader.number('embd_pdrop', 0, 1, 0));
    return {
      vocabulary: sizes.vocabulary,
      segments: Math.max(1, sizes.segments),
      positions: sizes.positions,
      hidden: sizes.hidden,
      tokens: { name: WORDS, width: sizes.hidden },
      pooler: 'pooler.dense',
      heads: { classification: { rows: 'pooler', dropout, output: 'classifier' } },
      untied: false,
      init: initOf(reader),
      build: (b, prefix) => build(b, sizes, prefix),
    };
  },
  keys,
};

function build(b: GraphBuilder, sizes: Sizes, prefix: string): string {
  const { vocabulary, segments, hidden, epsilon, residualDropout } = sizes;
  const words = { weight: prefix + WORDS, rows: vocabulary, index: 'token' } as const;
  const kinds = {
    weight: `${prefix}embeddings.token_type_embeddings.weight`,
    rows: segments,
    index: 'segment',
  } as const;
  const first = addEmbeddings(b, {
    tables: segments > 0 ? [words, kinds] : [words],
    width: hidden,
    norm: `${prefix}emb_ln`,
    epsilon,
    dropout: residualDropout,
  });
  return addLayers(b, sizes.layers, first, (input, i, output) =>
    addGatedLayer(b, sizes, `${prefix}encoder.layers.${i}`, input, `layer.${i}`, output),
  );
}

function addGatedLayer(
  b: GraphBuilder,
  sizes: Sizes,
  at: string,
  input: string,
  v: string,
  output: string,
): string {
  const { hidden, heads, intermediate, epsilon, residualDropout: dropout } = sizes;
  const module = (name: string, inputs: number, outputs: number) => {
    return { name: `${at}.${name}`, inputs, outputs, bias: false };
  };
  const qkv = b.linear([module('attn.Wqkv', hidden, 3 * hidden)], 'none', input, `${v}.qkv`);
  const rotary = { theta: sizes.theta, dimensions: sizes.rotated };
  const headDim = hidden / heads;
  const { attentionDropout } = sizes;
  const mixed = b.attention(heads, headDim, attentionDropout, qkv, `${v}.attention`, { rotary });
  const out = [module('attn.out_proj', hidden, hidden)];
  const projected = b.linear(out, 'none', mixed, `${v}.projected`);
  const kept = b.dropout(dropout, projected, `${v}.projected.dropped`);
  const middle = b.norm(`${at}.norm1`, hidden, epsilon, kept, input, `${v}.attended`);
  const up = [module('mlp.fc12', hidden, intermediate), module('mlp.fc11', hidden, intermediate)];
  const wide = b.linear(up, 'none', middle, `${v}.intermediate`);
  const gated = b.add({
    op: 'gate',
    activation: sizes.activation,
    input: wide,
    output: `${v}.gate`,
  });
  const down = [module('mlp.fc2', intermediate, hidden)];
  const narrow = b.linear(down, 'none', gated, `${v}.output`);
  const dropped = b.dropout(dropout, narrow, `${v}.output.dropped`);
  return b.norm(`${at}.norm2`, hidden, epsilon, dropped, middle, output);
}

function keys(structure: GraphStructure, base: JsonObject): JsonObject {
  const { rotary, headDim = 1 } = structure.attention[0] ?? {};
  const gates = Object.keys(GATES);
  const rounded = typeof base.n_inner === 'number' ? roundUp(base.n_inner, INNER_MULTIPLE) : 0;
  const inner = structure.intermediate;
  return {
    vocab_size: structure.tokens.rows,
    n_positions: base.n_positions ?? structure.graph.maxTokens,
    type_vocab_size: structure.table('segment')?.rows ?? 0,
    n_embd: structure.hidden,
    n_layer: structure.attention.length,
    n_head: structure.heads,
    n_inner: rounded === inner ? (base.n_inner ?? inner) : inner,
    activation_function: gates.find((name) => GATES[name] === structure.activation) ?? 'swiglu',
    layer_norm_epsilon: structure.epsilon,
    rotary_emb_base: tidy(rotary?.theta ?? 0),
    rotary_emb_fraction: (rotary?.dimensions ?? 0) / headDim,
    qkv_proj_bias: false,
    mlp_fc1_bias: false,
    mlp_fc2_bias: false,
    prenorm: false,
  };
}
