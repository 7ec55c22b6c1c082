/**
 * The keys of sentence-transformers' files in both generations (up to 5.3, from 5.4), and how Sinter treats each.
 *
 * A key that changes results is read, or refused unless it has a value that Sinter computes. The tables follow
 * sentence-transformers 6.2. A key in no table is refused where the library hands it to a constructor.
 */

import { SinterError, show } from '../core/errors.js';
import type { JsonObject } from '../core/json.js';

export type KeyRule =
  /** The settings that are read from the key. */
  | { readonly read: string }
  /** Why no result of Sinter depends on the key. */
  | { readonly irrelevant: string }
  /** The values that change nothing; every other one is UNSUPPORTED_MODEL. */
  | { readonly only: readonly unknown[] };

export type KeyTable = Readonly<Record<string, KeyRule>>;

const EMPTY = [null, {}];

/** config_sentence_transformers.json, read by the model itself. */
export const MODEL_KEYS: KeyTable = {
  __version__: { irrelevant: 'which versions of Python packages wrote the folder' },
  requirements: { irrelevant: 'Python packages' },
  model_type: { read: 'kind' },
  prompts: { read: 'prompts' },
  default_prompt_name: { read: 'defaultPrompt' },
  similarity_fn_name: { read: 'similarityFnName' },
  truncate_dim: { read: 'truncateDim' },
  activation_fn: { read: 'activation' },
  keep_in_fp32_modules: { irrelevant: 'layers that stay in f32 under autocast: all layers do' },
};

/** The module Transformer: sentence_bert_config.json and the older names of the file. */
export const TRANSFORMER_KEYS: KeyTable = {
  max_seq_length: { read: 'maxTokens' },
  do_lower_case: { read: 'lowercase' },
  transformer_task: { read: 'kind' },
  modality_config: { read: 'kind' },
  module_output_name: { only: [null, 'token_embeddings', 'scores'] },
  processing_kwargs: { only: EMPTY },
  unpad_inputs: { irrelevant: 'how batches are laid out in memory: here they never have padding' },
  // Only ColBERT-like models set these: their queries and documents have different lengths.
  query_length: { only: [null] },
  document_length: { only: [null] },
  query_expansion: { only: [null] },
  model_args: { read: 'argumentKeys' },
  model_kwargs: { read: 'argumentKeys' },
  config_args: { read: 'argumentKeys' },
  config_kwargs: { read: 'argumentKeys' },
  tokenizer_args: { read: 'argumentKeys' },
  processor_kwargs: { read: 'argumentKeys' },
};

/** Arguments that the module Transformer passes to transformers' `from_pretrained`. */
export const ARGUMENT_KEYS: KeyTable = {
  model_max_length: { read: 'maxTokens' },
  trust_remote_code: { irrelevant: 'no code of a model is run' },
  torch_dtype: { irrelevant: 'arithmetic is in f32' },
  dtype: { irrelevant: 'arithmetic is in f32' },
  attn_implementation: { irrelevant: 'the same numbers by another way' },
  device_map: { irrelevant: 'where weights are kept' },
  low_cpu_mem_usage: { irrelevant: 'how weights are read' },
  use_safetensors: { irrelevant: 'which file weights are read from' },
  use_fast: { irrelevant: 'which implementation of the tokenizer runs' },
  add_pooling_layer: { irrelevant: "the model's own pooler is no part of a vector" },
};

/** The module Pooling. */
export const POOLING_KEYS: KeyTable = {
  word_embedding_dimension: { irrelevant: 'the width of the encoder' },
  embedding_dimension: { irrelevant: 'the width of the encoder' },
  pooling_mode: { read: 'pooling' },
  pooling_mode_cls_token: { read: 'pooling' },
  pooling_mode_max_tokens: { read: 'pooling' },
  pooling_mode_mean_tokens: { read: 'pooling' },
  pooling_mode_mean_sqrt_len_tokens: { read: 'pooling' },
  pooling_mode_weightedmean_tokens: { read: 'pooling' },
  pooling_mode_lasttoken: { read: 'pooling' },
  include_prompt: { read: 'includePrompt' },
};

const SENTENCE_IO: KeyTable = {
  module_input_name: { only: [null, 'sentence_embedding'] },
  module_output_name: { only: [null, 'sentence_embedding'] },
};

export const DENSE_KEYS: KeyTable = {
  in_features: { read: 'inputs' },
  out_features: { read: 'outputs' },
  bias: { read: 'bias' },
  activation_function: { read: 'activation' },
  use_residual: { only: [null, false] },
  ...SENTENCE_IO,
};

export const LAYER_NORM_KEYS: KeyTable = { dimension: { read: 'width' } };

export const NORMALIZE_KEYS: KeyTable = SENTENCE_IO;

export const DROPOUT_KEYS: KeyTable = {
  dropout: { irrelevant: 'dropout changes training only' },
};

/**
 * Throws UNSUPPORTED_MODEL for a key of `config` whose value `table` does not allow, and for a key that is not in
 * `table`. With `unknown`, such keys are collected there instead: for files whose unknown keys sentence-transformers
 * ignores too.
 */
export function checkKeys(
  file: string,
  config: JsonObject,
  table: KeyTable,
  unknown?: string[],
): void {
  for (const [key, value] of Object.entries(config)) {
    const rule = Object.hasOwn(table, key) ? table[key] : undefined;
    if (rule === undefined) {
      if (unknown === undefined) throw unsupportedKey(file, `${key} ${shown(value)}`, table);
      unknown.push(key);
    } else if ('only' in rule && !rule.only.some((allowed) => isSame(allowed, value))) {
      throw unsupportedKey(file, `${key} ${shown(value)}`);
    }
  }
}

function isSame(allowed: unknown, value: unknown): boolean {
  return JSON.stringify(allowed) === JSON.stringify(value);
}

function shown(value: unknown): string {
  return typeof value === 'object' && value !== null
    ? JSON.stringify(value).slice(0, 80)
    : show(value);
}

function unsupportedKey(file: string, what: string, table?: KeyTable): SinterError {
  const known = table === undefined ? '' : ` (known keys: ${Object.keys(table).join(', ')})`;
  return new SinterError('UNSUPPORTED_MODEL', `${file}: unsupported ${what}${known}`, {
    details: { file },
  });
}
