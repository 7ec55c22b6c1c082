/**
 * The parts that BERT and its nearest relatives share: keys of config.json, tables and layers with BertModel's names.
 *
 * A relative only states its differences: the first position, a narrower embedding, its heads.
 */

import type { JsonObject } from '../core/json.js';
import type { GraphBuilder } from '../graph/builder.js';
import type { HeadPlan, Transform } from '../graph/rewrite/head.js';
import { activationName } from './activations.js';
import type { ConfigReader } from './config-reader.js';
import type { EncoderPlan } from './family.js';
import {
  addEmbeddings,
  addLayer,
  addLayers,
  bertLayerNames,
  type LayerSizes,
  readLayerSizes,
} from './post-norm.js';
import type { GraphStructure } from './structure.js';

export const WORDS = 'embeddings.word_embeddings.weight';

export interface BertSizes extends LayerSizes {
  readonly vocabulary: number;
  /** Rows of the position table. */
  readonly rows: number;
  /** Position of the first token. */
  readonly offset: number;
  readonly segments: number;
  /** Rows of the table of tasks, whose first is added to every token (ERNIE). Left out or 0: there is none. */
  readonly tasks?: number;
  /** Width of the tables. */
  readonly width: number;
  readonly classifierDropout: number;
  readonly init: EncoderPlan['init'];
  readonly untied: boolean;
}

/** Reads the sizes from config.json. `offset`: the position of the first token; `dropout`: the default if the config has none. */
export function readBertSizes(reader: ConfigReader, offset = 0, dropout = 0.1): BertSizes {
  reader.fixed('position_embedding_type', 'absolute');
  const sizes = readLayerSizes(reader, { dropout });
  return {
    ...sizes,
    vocabulary: reader.size('vocab_size'),
    rows: readPositions(reader, offset),
    offset,
    segments: reader.size('type_vocab_size'),
    width: sizes.hidden,
    classifierDropout: reader.number('classifier_dropout', 0, 1, sizes.hiddenDropout),
    init: initOf(reader),
    untied: !reader.flag('tie_word_embeddings', true),
  };
}

/** max_position_embeddings: the number of rows of the table, of which the first `offset` are never used. */
export function readPositions(reader: ConfigReader, offset: number): number {
  const rows = reader.size('max_position_embeddings');
  if (rows > offset) return rows;
  throw reader.corrupt('max_position_embeddings', `more than ${offset}`, rows);
}

/** New matrices are drawn from normal(0, initializer_range). */
export function initOf(reader: ConfigReader): EncoderPlan['init'] {
  const deviation = reader.number('initializer_range', 0, 10, 0.02);
  return () => ({ deviation });
}

/** An encoder plan from the sizes. `projection`: module that widens the embeddings. */
export function bertPlan(
  sizes: BertSizes,
  heads: EncoderPlan['heads'],
  projection?: string,
): EncoderPlan {
  const { vocabulary, segments, rows, offset, hidden, width, init, untied } = sizes;
  return {
    vocabulary,
    segments,
    positions: rows - offset,
    hidden,
    tokens: { name: WORDS, width },
    pooler: 'pooler.dense',
    heads,
    untied,
    init,
    build: (b, prefix) => {
      const first = addBertEmbeddings(b, sizes, prefix, projection);
      return addLayers(b, sizes.layers, first, (input, i, output) => {
        const names = bertLayerNames(`${prefix}encoder.layer.${i}`);
        return addLayer(b, sizes, names, input, `layer.${i}`, output);
      });
    },
  };
}

/** Adds the sum of word, position and segment embeddings. `projection`: module that maps it to the width of the layers. */
export function addBertEmbeddings(
  b: GraphBuilder,
  sizes: BertSizes,
  prefix: string,
  projection?: string,
): string {
  const { vocabulary, rows, offset, segments, tasks = 0, width, hidden, epsilon } = sizes;
  const at = `${prefix}embeddings`;
  const ofTasks = {
    weight: `${at}.task_type_embeddings.weight`,
    rows: tasks,
    index: 'row',
  } as const;
  const parts = {
    tables: [
      { weight: prefix + WORDS, rows: vocabulary, index: 'token' },
      { weight: `${at}.position_embeddings.weight`, rows, index: 'position', offset },
      { weight: `${at}.token_type_embeddings.weight`, rows: segments, index: 'segment' },
      ...(tasks > 0 ? [ofTasks] : []),
    ],
    width,
    norm: `${at}.LayerNorm`,
    epsilon,
    dropout: sizes.hiddenDropout,
  } as const;
  if (projection === undefined) return addEmbeddings(b, parts);
  return addEmbeddings(b, {
    ...parts,
    projection: { name: `${prefix}${projection}`, outputs: hidden },
  });
}

/** The keys of config.json that all relatives of BERT have. */
export function bertKeys(structure: GraphStructure, base: JsonObject): JsonObject {
  return {
    ...layerKeys(structure, base),
    max_position_embeddings: structure.tableOf('position').rows,
    type_vocab_size: structure.tableOf('segment').rows,
  };
}

/** The keys of the layers and the vocabulary. */
export function layerKeys(structure: GraphStructure, base: JsonObject): JsonObject {
  return {
    vocab_size: structure.tokens.rows,
    hidden_size: structure.hidden,
    num_hidden_layers: structure.attention.length,
    num_attention_heads: structure.heads,
    intermediate_size: structure.intermediate,
    hidden_act: activationName(structure.activation, base.hidden_act),
    layer_norm_eps: structure.epsilon,
  };
}

/** Heads of one product over tokens: token classification with a dropout before it, question answering without. */
export function tokenHeads(dropout: number): EncoderPlan['heads'] {
  return {
    'token-classification': { rows: 'token', dropout, output: 'classifier' },
    'question-answering': { rows: 'token', output: 'qa_outputs' },
  };
}

/** The two-layer classification head of RoBERTa, over the first token. */
export function denseClassifier(
  width: number,
  activation: Transform['activation'],
  dropout: number,
): HeadPlan {
  const transform = { name: 'classifier.dense', width, activation, dropout };
  return { rows: 'cls', transform, dropout, output: 'classifier.out_proj' };
}

/** The masked LM head of RoBERTa: `lm_head`. */
export function lmHead({ hidden, epsilon }: LayerSizes): HeadPlan {
  return {
    rows: 'selected',
    transform: {
      name: 'lm_head.dense',
      width: hidden,
      activation: 'gelu',
      norm: { name: 'lm_head.layer_norm', epsilon },
    },
    output: 'lm_head.decoder',
    bias: 'lm_head.bias',
  };
}

/** The masked LM head of BERT: `cls.predictions`. */
export function predictionsHead({ activation, epsilon }: LayerSizes, width: number): HeadPlan {
  const at = 'cls.predictions';
  return {
    rows: 'selected',
    transform: {
      name: `${at}.transform.dense`,
      width,
      activation,
      norm: { name: `${at}.transform.LayerNorm`, epsilon },
    },
    output: `${at}.decoder`,
    bias: `${at}.bias`,
  };
}
