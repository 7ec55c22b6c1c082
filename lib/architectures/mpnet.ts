/**
 * MPNet: BERT without segments, and with a learned bias per head and distance, which all layers share.
 *
 * transformers fixes values that the config could have: 32 buckets, distances up to 128, positions from 2.
 */

import {
  denseClassifier,
  initOf,
  layerKeys,
  lmHead,
  readPositions,
  tokenHeads,
  WORDS,
} from './bert-like.js';
import type { Family } from './family.js';
import {
  addEmbeddings,
  addLayer,
  addLayers,
  type LayerNames,
  readLayerSizes,
} from './post-norm.js';

const BUCKETS = 32;
const MAX_DISTANCE = 128;
const FIRST_POSITION = 2;

export const MPNET: Family = {
  modelType: 'mpnet',
  className: 'MPNet',
  prefix: 'mpnet.',
  read: (reader) => {
    reader.fixed('relative_attention_num_buckets', BUCKETS);
    const sizes = readLayerSizes(reader);
    const { hidden, hiddenDropout: dropout } = sizes;
    const [vocabulary, rows] = [reader.size('vocab_size'), readPositions(reader, FIRST_POSITION)];
    return {
      vocabulary,
      segments: 1,
      positions: rows - FIRST_POSITION,
      hidden,
      tokens: { name: WORDS, width: hidden },
      pooler: 'pooler.dense',
      heads: {
        ...tokenHeads(dropout),
        classification: denseClassifier(hidden, 'tanh', dropout),
        'masked-lm': lmHead(sizes),
      },
      untied: !reader.flag('tie_word_embeddings', true),
      init: initOf(reader),
      build: (b, prefix) => {
        const at = `${prefix}embeddings`;
        const offset = FIRST_POSITION;
        const first = addEmbeddings(b, {
          tables: [
            { weight: prefix + WORDS, rows: vocabulary, index: 'token' },
            { weight: `${at}.position_embeddings.weight`, rows, index: 'position', offset },
          ],
          width: hidden,
          norm: `${at}.LayerNorm`,
          epsilon: sizes.epsilon,
          dropout,
        });
        const weight = `${prefix}encoder.relative_attention_bias.weight`;
        const relativeBias = { weight, buckets: BUCKETS, maxDistance: MAX_DISTANCE };
        return addLayers(b, sizes.layers, first, (input, i, output) => {
          const names = layerNames(`${prefix}encoder.layer.${i}`);
          const extras = { attention: { relativeBias } };
          return addLayer(b, sizes, names, input, `layer.${i}`, output, extras);
        });
      },
    };
  },
  keys: (structure, base) => ({
    ...layerKeys(structure, base),
    max_position_embeddings: structure.tableOf('position').rows,
    relative_attention_num_buckets: BUCKETS,
  }),
};

function layerNames(at: string): LayerNames {
  return {
    query: `${at}.attention.attn.q`,
    key: `${at}.attention.attn.k`,
    value: `${at}.attention.attn.v`,
    projected: `${at}.attention.attn.o`,
    attended: `${at}.attention.LayerNorm`,
    up: `${at}.intermediate.dense`,
    down: `${at}.output.dense`,
    norm: `${at}.output.LayerNorm`,
  };
}
