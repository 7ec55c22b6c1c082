/**
 * DeBERTa-v2 and v3: BERT-like layers whose attention uses learned vectors for distances, which all layers share.
 *
 * With share_att_key, the projections of queries and keys also project the distance vectors, so those weights are not
 * stacked with others. The convolution of the largest v2 models is refused.
 */

import type { JsonObject } from '../core/json.js';
import type { GraphBuilder } from '../graph/builder.js';
import type { HeadPlan } from '../graph/rewrite/head.js';
import type { Disentangled } from '../graph/types.js';
import { ACTIVATIONS, activationName } from './activations.js';
import { initOf, layerKeys, predictionsHead, tokenHeads, WORDS } from './bert-like.js';
import type { ConfigReader } from './config-reader.js';
import type { EncoderPlan, Family } from './family.js';
import {
  addLayer,
  addLayers,
  bertLayerNames,
  type LayerNames,
  type LayerSizes,
  readLayerSizes,
} from './post-norm.js';
import type { GraphStructure } from './structure.js';

type Term = 'c2p' | 'p2c';

interface Sizes extends LayerSizes {
  readonly vocabulary: number;
  readonly positions: number;
  /** 0: no table. */
  readonly segments: number;
  readonly width: number;
  /** Whether the embeddings include positions. */
  readonly positionTable: boolean;
  readonly terms: readonly Term[];
  /** null: plain attention. */
  readonly relative: {
    readonly buckets: number;
    readonly maxDistance: number;
    readonly normed: boolean;
    readonly shared: boolean;
  } | null;
}

function readSizes(reader: ConfigReader): Sizes {
  reader.fixed('conv_kernel_size', 0);
  const layers = readLayerSizes(reader, { epsilon: 1e-7 });
  reader.fixed('attention_head_size', layers.hidden / layers.heads);
  const positions = reader.size('max_position_embeddings');
  const terms = readTerms(reader);
  const relative = reader.flag('relative_attention', false);
  if (relative && terms.length === 0) {
    throw reader.unsupported('relative_attention without pos_att_type');
  }
  return {
    ...layers,
    vocabulary: reader.size('vocab_size'),
    positions,
    segments: reader.whole('type_vocab_size', 0),
    width: reader.config.embedding_size == null ? layers.hidden : reader.size('embedding_size'),
    positionTable: reader.flag('position_biased_input', true),
    terms,
    relative: relative ? readRelative(reader, positions) : null,
  };
}

function readTerms(reader: ConfigReader): readonly Term[] {
  const stated = reader.config.pos_att_type ?? [];
  const names = typeof stated === 'string' ? stated.toLowerCase().split('|') : stated;
  if (!Array.isArray(names)) throw reader.corrupt('pos_att_type', 'a list', stated);
  const known = (name: unknown): name is Term => name === 'c2p' || name === 'p2c';
  const terms = names.map((name) => (typeof name === 'string' ? name.trim() : name));
  const other = terms.find((name) => !known(name));
  if (other !== undefined) throw reader.unsupported(`pos_att_type ${String(other)}`);
  return [...new Set(terms.filter(known))];
}

function readRelative(reader: ConfigReader, positions: number): Sizes['relative'] {
  const stated = reader.number('max_relative_positions', -1, 2 ** 31 - 1, -1);
  const buckets = reader.number('position_buckets', -1, 2 ** 20, -1);
  for (const [key, value] of [
    ['max_relative_positions', stated],
    ['position_buckets', buckets],
  ] as const) {
    if (!Number.isInteger(value)) throw reader.corrupt(key, 'an integer', value);
  }
  const norms = { none: false, layer_norm: true };
  return {
    buckets: Math.max(0, buckets),
    maxDistance: stated < 1 ? positions : stated,
    normed: reader.choice('norm_rel_ebd', norms, 'none'),
    shared: reader.flag('share_att_key', false),
  };
}

export const DEBERTA_V2: Family = {
  modelType: 'deberta-v2',
  className: 'DebertaV2',
  prefix: 'deberta.',
  read: (reader, has) => {
    const sizes = readSizes(reader);
    return {
      vocabulary: sizes.vocabulary,
      segments: Math.max(1, sizes.segments),
      positions: sizes.positions,
      hidden: sizes.hidden,
      tokens: { name: WORDS, width: sizes.width },
      pooler: null,
      heads: headsOf(reader, sizes, has),
      // The newer masked LM head always uses the token table.
      untied: isLegacy(reader, has) && !reader.flag('tie_word_embeddings', true),
      init: initOf(reader),
      build: (b, prefix) => build(b, sizes, prefix),
    };
  },
  keys,
};

function headsOf(
  reader: ConfigReader,
  sizes: Sizes,
  has: (tensor: string) => boolean,
): EncoderPlan['heads'] {
  const { hidden, hiddenDropout } = sizes;
  reader.fixed('pooler_hidden_size', hidden);
  return {
    ...tokenHeads(hiddenDropout),
    classification: {
      rows: 'cls',
      transform: {
        name: 'pooler.dense',
        width: hidden,
        activation: reader.choice('pooler_hidden_act', ACTIVATIONS, 'gelu'),
        dropout: reader.number('pooler_dropout', 0, 1, 0),
      },
      dropout: reader.number('cls_dropout', 0, 1, hiddenDropout),
      output: 'classifier',
    },
    ...maskedHead(sizes, isLegacy(reader, has)),
  };
}

/** Whether the masked LM head is the older one. Files of v3 have the newer head, but no key that says so. */
function isLegacy(reader: ConfigReader, has: (tensor: string) => boolean): boolean {
  return reader.flag('legacy', !has(`${NEW_LM}.dense.weight`));
}

const NEW_LM = 'lm_predictions.lm_head';

/**
 * The masked LM head. The newer one has no projection to the width of the token table, so it exists only if that is the
 * width of the layers.
 */
function maskedHead(sizes: Sizes, legacy: boolean): { readonly 'masked-lm'?: HeadPlan } {
  const { hidden, width, activation, epsilon } = sizes;
  if (legacy) return { 'masked-lm': predictionsHead(sizes, width) };
  if (width !== hidden) return {};
  const norm = { name: `${NEW_LM}.LayerNorm`, epsilon };
  const transform = { name: `${NEW_LM}.dense`, width, activation, norm };
  return {
    'masked-lm': { rows: 'selected', transform, output: NEW_LM, bias: `${NEW_LM}.bias` },
  };
}

function build(b: GraphBuilder, sizes: Sizes, prefix: string): string {
  const first = addEmbeddings(b, sizes, prefix);
  const distances = addDistances(b, sizes, prefix);
  const { hidden, heads, terms, relative } = sizes;
  const scale = 1 / Math.sqrt((hidden / heads) * (1 + terms.length));
  return addLayers(b, sizes.layers, first, (input, i, output) => {
    const at = `${prefix}encoder.layer.${i}`;
    const names = layerNames(at);
    const v = `layer.${i}`;
    if (relative === null || distances === null) {
      return addLayer(b, sizes, names, input, v, output, { attention: { scale } });
    }
    const dropped = b.dropout(sizes.hiddenDropout, distances, `${v}.distances`);
    const project = (term: Term, shared: string, own: string, to: string) => {
      if (!terms.includes(term)) return null;
      const name = relative.shared ? shared : `${at}.attention.self.${own}`;
      return b.linear([{ name, inputs: hidden, outputs: hidden }], 'none', dropped, `${v}.${to}`);
    };
    const { buckets, maxDistance } = relative;
    const keys = project('c2p', names.key, 'pos_key_proj', 'distance.keys');
    const queries = project('p2c', names.query, 'pos_query_proj', 'distance.queries');
    const disentangled: Disentangled = { keys, queries, buckets, maxDistance };
    const attention = { scale, disentangled };
    return addLayer(b, sizes, names, input, v, output, { attention, stacked: !relative.shared });
  });
}

function addEmbeddings(b: GraphBuilder, sizes: Sizes, prefix: string): string {
  const { vocabulary, positions, segments, width, hidden, epsilon } = sizes;
  const at = `${prefix}embeddings`;
  const words = { weight: prefix + WORDS, rows: vocabulary, index: 'token' } as const;
  const places = { weight: `${at}.position_embeddings.weight`, rows: positions } as const;
  const kinds = { weight: `${at}.token_type_embeddings.weight`, rows: segments } as const;
  const tables = [
    words,
    ...(sizes.positionTable ? [{ ...places, index: 'position' as const }] : []),
    ...(segments > 0 ? [{ ...kinds, index: 'segment' as const }] : []),
  ];
  const sum = b.embedding(tables, width, 'embeddings');
  const module = { name: `${at}.embed_proj`, inputs: width, outputs: hidden, bias: false };
  const wide = width === hidden ? sum : b.linear([module], 'none', sum, 'embeddings.projected');
  const normed = b.norm(`${at}.LayerNorm`, hidden, epsilon, wide, null, 'embeddings.norm');
  return b.dropout(sizes.hiddenDropout, normed, 'hidden.0');
}

/** Adds the distance vectors: a table that does not depend on the texts; null for plain attention. */
function addDistances(b: GraphBuilder, sizes: Sizes, prefix: string): string | null {
  const { relative, hidden, epsilon } = sizes;
  if (relative === null) return null;
  const rows = 2 * (relative.buckets > 0 ? relative.buckets : relative.maxDistance);
  const weight = `${prefix}encoder.rel_embeddings.weight`;
  const table = b.parameter(weight, rows, hidden, 'distances');
  if (!relative.normed) return table;
  return b.norm(`${prefix}encoder.LayerNorm`, hidden, epsilon, table, null, 'distances.norm');
}

function layerNames(at: string): LayerNames {
  return {
    ...bertLayerNames(at),
    query: `${at}.attention.self.query_proj`,
    key: `${at}.attention.self.key_proj`,
    value: `${at}.attention.self.value_proj`,
  };
}

function keys(structure: GraphStructure, base: JsonObject): JsonObject {
  const { graph, tokens, hidden } = structure;
  const places = structure.table('position');
  const positions = places?.rows ?? base.max_position_embeddings ?? graph.maxTokens;
  const isNew = graph.weights.some(({ name }) => name.startsWith(NEW_LM));
  const stated = tokens.width !== hidden || typeof base.embedding_size === 'number';
  return {
    ...layerKeys(structure, base),
    max_position_embeddings: positions,
    type_vocab_size: structure.table('segment')?.rows ?? 0,
    position_biased_input: places !== null,
    ...(stated ? { embedding_size: tokens.width } : {}),
    // With the default keys, transformers 4 would tie another matrix of the newer head.
    ...(isNew ? { legacy: false, tie_word_embeddings: false } : {}),
    ...relativeKeys(structure, base, positions),
    ...(structure.head.pooling === undefined
      ? {}
      : { pooler_hidden_act: poolerActivation(structure, base) }),
  };
}

function poolerActivation({ head }: GraphStructure, base: JsonObject): string {
  return activationName(head.dense?.activation ?? 'gelu', base.pooler_hidden_act);
}

function relativeKeys(structure: GraphStructure, base: JsonObject, positions: unknown): JsonObject {
  const found = structure.attention[0]?.disentangled;
  if (found === undefined) return { relative_attention: false };
  const { keys: byKey, queries, buckets, maxDistance } = found;
  const terms = [byKey === null ? [] : 'c2p', queries === null ? [] : 'p2c'].flat();
  const listed = Array.isArray(base.pos_att_type) ? base.pos_att_type : [];
  const same = listed.length === terms.length && terms.every((term) => listed.includes(term));
  const projected = structure.maker(byKey ?? queries ?? '');
  const table = projected?.op === 'linear' ? structure.maker(projected.input) : undefined;
  const uses = structure
    .nodes('linear')
    .filter(({ weights }) => projected?.op === 'linear' && weights[0] === projected.weights[0]);
  return {
    relative_attention: true,
    pos_att_type: same ? listed : terms,
    position_buckets: buckets > 0 ? buckets : -1,
    max_relative_positions:
      maxDistance === positions ? (base.max_relative_positions ?? -1) : maxDistance,
    norm_rel_ebd: table?.op === 'norm' ? 'layer_norm' : 'none',
    share_att_key: uses.length > 1,
  };
}
