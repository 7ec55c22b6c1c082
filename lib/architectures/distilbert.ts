/**
 * DistilBERT: BERT without segments and without a pooler, with keys and names of its own.
 *
 * Its norms always have an epsilon of 1e-12.
 */

import { activationName } from './activations.js';
import { initOf, readPositions, WORDS } from './bert-like.js';
import type { EncoderPlan, Family } from './family.js';
import {
  addEmbeddings,
  addLayer,
  addLayers,
  type LayerNames,
  type LayerSizes,
  readLayerSizes,
} from './post-norm.js';

const KEYS = {
  hidden: 'dim',
  layers: 'n_layers',
  heads: 'n_heads',
  intermediate: 'hidden_dim',
  activation: 'activation',
  epsilon: null,
  hiddenDropout: 'dropout',
  attentionDropout: 'attention_dropout',
} as const;

export const DISTILBERT: Family = {
  modelType: 'distilbert',
  className: 'DistilBert',
  prefix: 'distilbert.',
  read: (reader) => {
    const sizes = readLayerSizes(reader, { keys: KEYS });
    const { hidden, hiddenDropout: dropout } = sizes;
    const [vocabulary, positions] = [reader.size('vocab_size'), readPositions(reader, 0)];
    return {
      vocabulary,
      segments: 1,
      positions,
      hidden,
      tokens: { name: WORDS, width: hidden },
      pooler: null,
      heads: headsOf(sizes, {
        classifier: reader.number('seq_classif_dropout', 0, 1, 0.2),
        answers: reader.number('qa_dropout', 0, 1, 0.1),
      }),
      untied: !reader.flag('tie_word_embeddings', true),
      init: initOf(reader),
      build: (b, prefix) => {
        const at = `${prefix}embeddings`;
        const first = addEmbeddings(b, {
          tables: [
            { weight: prefix + WORDS, rows: vocabulary, index: 'token' },
            { weight: `${at}.position_embeddings.weight`, rows: positions, index: 'position' },
          ],
          width: hidden,
          norm: `${at}.LayerNorm`,
          epsilon: sizes.epsilon,
          dropout,
        });
        return addLayers(b, sizes.layers, first, (input, i, output) => {
          const names = layerNames(`${prefix}transformer.layer.${i}`);
          const extras = { dropoutAfter: 'feed-forward' } as const;
          return addLayer(b, sizes, names, input, `layer.${i}`, output, extras);
        });
      },
    };
  },
  keys: (structure, base) => ({
    vocab_size: structure.tokens.rows,
    max_position_embeddings: structure.tableOf('position').rows,
    dim: structure.hidden,
    n_layers: structure.attention.length,
    n_heads: structure.heads,
    hidden_dim: structure.intermediate,
    activation: activationName(structure.activation, base.activation),
  }),
};

function layerNames(at: string): LayerNames {
  return {
    query: `${at}.attention.q_lin`,
    key: `${at}.attention.k_lin`,
    value: `${at}.attention.v_lin`,
    projected: `${at}.attention.out_lin`,
    attended: `${at}.sa_layer_norm`,
    up: `${at}.ffn.lin1`,
    down: `${at}.ffn.lin2`,
    norm: `${at}.output_layer_norm`,
  };
}

function headsOf(
  { hidden, hiddenDropout, activation, epsilon }: LayerSizes,
  dropouts: { readonly classifier: number; readonly answers: number },
): EncoderPlan['heads'] {
  return {
    classification: {
      rows: 'cls',
      transform: { name: 'pre_classifier', width: hidden, activation: 'relu' },
      dropout: dropouts.classifier,
      output: 'classifier',
    },
    'token-classification': { rows: 'token', dropout: hiddenDropout, output: 'classifier' },
    'question-answering': { rows: 'token', dropout: dropouts.answers, output: 'qa_outputs' },
    'masked-lm': {
      rows: 'selected',
      transform: {
        name: 'vocab_transform',
        width: hidden,
        activation,
        norm: { name: 'vocab_layer_norm', epsilon },
      },
      output: 'vocab_projector',
    },
  };
}
