/**
 * Tiny configs of every family with the parameters that transformers has for them, and one of Nomic BERT, which transformers
 * 4 does not have.
 */

import { readFileSync } from 'node:fs';
import type { JsonObject } from '../../lib/core/json.js';

export type Shapes = Readonly<Record<string, readonly number[]>>;

export interface HeadParameters {
  readonly prefix: string;
  readonly extra: Shapes;
  readonly missing: readonly string[];
  readonly class: string;
}

export interface FamilyParameters {
  readonly config: JsonObject;
  readonly encoder: Shapes;
  readonly heads: Readonly<Record<string, HeadParameters>>;
}

const file = new URL('../fixtures/architectures/parameters.json', import.meta.url);

/** The parameters as transformers has them. */
export const STORED = JSON.parse(readFileSync(file, 'utf8')) as Readonly<
  Record<string, FamilyParameters>
>;

/** The keys of nomic-embed-text-v1.5, smaller. */
const NOMIC: JsonObject = {
  activation_function: 'swiglu',
  attn_pdrop: 0,
  causal: false,
  embd_pdrop: 0,
  initializer_range: 0.02,
  layer_norm_epsilon: 1e-12,
  max_trained_positions: 2048,
  mlp_fc1_bias: false,
  mlp_fc2_bias: false,
  model_type: 'nomic_bert',
  n_embd: 32,
  n_head: 4,
  n_inner: 256,
  n_layer: 2,
  n_positions: 8192,
  pad_vocab_size_multiple: 64,
  parallel_block: false,
  prenorm: false,
  qkv_proj_bias: false,
  resid_pdrop: 0,
  rotary_emb_base: 1000,
  rotary_emb_fraction: 1,
  rotary_emb_interleaved: false,
  rotary_emb_scale_base: null,
  rotary_scaling_factor: null,
  scale_attn_by_inverse_layer_idx: false,
  scale_attn_weights: true,
  type_vocab_size: 2,
  use_rms_norm: false,
  vocab_size: 320,
};

export const FAMILIES: Readonly<Record<string, FamilyParameters>> = {
  ...STORED,
  nomic: { config: NOMIC, encoder: {}, heads: {} },
};
