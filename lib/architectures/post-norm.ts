/**
 * Post-norm layers, as in the original Transformer and in BERT: norm(x + attention(x)), then norm(x + feed-forward(x)).
 *
 * Families differ in the names of modules and of keys in config.json, which are data here.
 */

import type { AttentionExtras, GraphBuilder } from '../graph/builder.js';
import type { ActivationKind, EmbeddingIndex } from '../graph/types.js';
import { ACTIVATIONS } from './activations.js';
import type { ConfigReader } from './config-reader.js';

/** More than any encoder has; limits the graph before it is built. */
export const MAX_LAYERS = 1024;

export interface LayerSizes {
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly intermediate: number;
  readonly activation: ActivationKind;
  readonly epsilon: number;
  readonly hiddenDropout: number;
  readonly attentionDropout: number;
}

/** A family's names of the keys; `epsilon` null: there is no key, epsilon is the default. */
export interface SizeKeys {
  readonly hidden: string;
  readonly layers: string;
  readonly heads: string;
  readonly intermediate: string;
  readonly activation: string;
  readonly epsilon: string | null;
  readonly hiddenDropout: string;
  readonly attentionDropout: string;
}

interface SizeDefaults {
  readonly keys?: SizeKeys;
  readonly epsilon?: number;
  readonly dropout?: number;
}

const BERT_KEYS: SizeKeys = {
  hidden: 'hidden_size',
  layers: 'num_hidden_layers',
  heads: 'num_attention_heads',
  intermediate: 'intermediate_size',
  activation: 'hidden_act',
  epsilon: 'layer_norm_eps',
  hiddenDropout: 'hidden_dropout_prob',
  attentionDropout: 'attention_probs_dropout_prob',
};

/** Reads the sizes of the layers. `epsilon` and `dropout` are used if the config has none. */
export function readLayerSizes(
  reader: ConfigReader,
  { keys = BERT_KEYS, epsilon = 1e-12, dropout = 0.1 }: SizeDefaults = {},
): LayerSizes {
  for (const key of ['is_decoder', 'add_cross_attention']) reader.fixed(key, false);
  const pruned = reader.config.pruned_heads ?? {};
  if (Object.keys(pruned as object).length > 0) throw reader.unsupported('pruned_heads');
  const hidden = reader.size(keys.hidden);
  const heads = reader.size(keys.heads);
  if (hidden % heads !== 0) {
    throw reader.corrupt(keys.heads, `a divisor of ${keys.hidden} ${hidden}`, heads);
  }
  return {
    hidden,
    heads,
    layers: reader.size(keys.layers, MAX_LAYERS),
    intermediate: reader.size(keys.intermediate),
    activation: reader.choice(keys.activation, ACTIVATIONS),
    epsilon: keys.epsilon === null ? epsilon : reader.number(keys.epsilon, 0, 1, epsilon),
    hiddenDropout: reader.number(keys.hiddenDropout, 0, 1, dropout),
    attentionDropout: reader.number(keys.attentionDropout, 0, 1, dropout),
  };
}

export interface Embeddings {
  readonly tables: readonly {
    readonly weight: string;
    readonly rows: number;
    readonly index: EmbeddingIndex;
    readonly offset?: number;
  }[];
  readonly width: number;
  readonly norm: string;
  readonly epsilon: number;
  readonly dropout: number;
  /** Module that maps the width of the tables to that of the layers. */
  readonly projection?: { readonly name: string; readonly outputs: number };
}

/** Adds the input of the first layer: sum of tables, norm, dropout, projection. */
export function addEmbeddings(b: GraphBuilder, parts: Embeddings): string {
  const { tables, width, projection } = parts;
  const sum = b.embedding(tables, width, 'embeddings');
  const normed = b.norm(parts.norm, width, parts.epsilon, sum, null, 'embeddings.norm');
  if (projection === undefined) return b.dropout(parts.dropout, normed, 'hidden.0');
  const dropped = b.dropout(parts.dropout, normed, 'embeddings.dropped');
  return b.linear([{ ...projection, inputs: width }], 'none', dropped, 'hidden.0');
}

/** Adds `count` layers and makes every hidden value an output; returns the last. */
export function addLayers(
  b: GraphBuilder,
  count: number,
  first: string,
  add: (input: string, layer: number, output: string) => string,
): string {
  let value = first;
  b.output('hidden.0', value);
  for (let i = 0; i < count; i++) {
    value = add(value, i, `hidden.${i + 1}`);
    b.output(`hidden.${i + 1}`, value);
  }
  b.output('hidden', value);
  return value;
}

/** Names of the modules of one layer. */
export interface LayerNames {
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly projected: string;
  readonly attended: string;
  readonly up: string;
  readonly down: string;
  readonly norm: string;
}

/** Names that transformers has for the modules of BERT's layers; `at` is the layer's. */
export function bertLayerNames(at: string): LayerNames {
  return {
    query: `${at}.attention.self.query`,
    key: `${at}.attention.self.key`,
    value: `${at}.attention.self.value`,
    projected: `${at}.attention.output.dense`,
    attended: `${at}.attention.output.LayerNorm`,
    up: `${at}.intermediate.dense`,
    down: `${at}.output.dense`,
    norm: `${at}.output.LayerNorm`,
  };
}

export interface LayerExtras {
  /** How attention uses positions. */
  readonly attention?: AttentionExtras;
  /** false: query, key and value have separate products, because some of their weights are also used alone. */
  readonly stacked?: boolean;
  /** Parts that end with a dropout before the residual sum. Default: both. */
  readonly dropoutAfter?: 'both' | 'attention' | 'feed-forward';
}

/** Adds one layer; `v` begins the names of its values. */
export function addLayer(
  b: GraphBuilder,
  sizes: LayerSizes,
  names: LayerNames,
  input: string,
  v: string,
  output: string,
  extras: LayerExtras = {},
): string {
  const { hidden, heads, intermediate, epsilon, hiddenDropout } = sizes;
  const square = (name: string) => ({ name, inputs: hidden, outputs: hidden });
  const self = [names.query, names.key, names.value].map(square);
  const qkv =
    extras.stacked === false
      ? b.concat(
          self.map((module, i) => b.linear([module], 'none', input, `${v}.${'qkv'[i]}`)),
          `${v}.qkv`,
        )
      : b.linear(self, 'none', input, `${v}.qkv`);
  const mixed = b.attention(
    heads,
    hidden / heads,
    sizes.attentionDropout,
    qkv,
    `${v}.attention`,
    extras.attention,
  );
  const out = b.linear([square(names.projected)], 'none', mixed, `${v}.projected`);
  const { dropoutAfter = 'both' } = extras;
  const drop = (part: string, value: string) =>
    dropoutAfter === 'both' || dropoutAfter === part
      ? b.dropout(hiddenDropout, value, `${value}.dropped`)
      : value;
  const dropped = drop('attention', out);
  const middle = b.norm(names.attended, hidden, epsilon, dropped, input, `${v}.attended`);
  const up = { name: names.up, inputs: hidden, outputs: intermediate };
  const wide = b.linear([up], sizes.activation, middle, `${v}.intermediate`);
  const down = { name: names.down, inputs: intermediate, outputs: hidden };
  const narrow = b.linear([down], 'none', wide, `${v}.output`);
  return b.norm(names.norm, hidden, epsilon, drop('feed-forward', narrow), middle, output);
}
