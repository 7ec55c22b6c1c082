/**
 * ALBERT: embeddings that are narrower than the layers, and groups of layers that run repeatedly with the same weights.
 *
 * A layer of the config is a whole group; a group usually has one inner layer, and usually there is one group.
 */

import type { JsonObject } from '../core/json.js';
import type { HeadPlan } from '../graph/rewrite/head.js';
import { addBertEmbeddings, bertKeys, bertPlan, readBertSizes } from './bert-like.js';
import type { Family } from './family.js';
import { addLayer, addLayers, type LayerNames, type LayerSizes, MAX_LAYERS } from './post-norm.js';
import { type GraphStructure, notWritable } from './structure.js';

export const ALBERT: Family = {
  modelType: 'albert',
  className: 'Albert',
  prefix: 'albert.',
  read: (reader) => {
    const read = readBertSizes(reader, 0, 0);
    const sizes = { ...read, width: reader.size('embedding_size') };
    const groups = reader.size('num_hidden_groups', sizes.layers);
    const most = Math.floor(MAX_LAYERS / sizes.layers);
    const inner =
      (reader.config.inner_group_num ?? 1) === 1 ? 1 : reader.size('inner_group_num', most);
    const dropout = reader.number('classifier_dropout_prob', 0, 1, 0.1);
    const heads = {
      classification: { rows: 'pooler', dropout, output: 'classifier' },
      'token-classification': { rows: 'token', dropout, output: 'classifier' },
      'question-answering': { rows: 'token', output: 'qa_outputs' },
      'masked-lm': predictions(sizes, sizes.width),
    } as const;
    return {
      ...bertPlan(sizes, heads),
      pooler: 'pooler',
      build: (b, prefix) => {
        const mapping = 'encoder.embedding_hidden_mapping_in';
        const first = addBertEmbeddings(b, sizes, prefix, mapping);
        return addLayers(b, sizes.layers, first, (input, layer, output) => {
          const group = Math.floor((layer * groups) / sizes.layers);
          const at = `${prefix}encoder.albert_layer_groups.${group}.albert_layers`;
          let value = input;
          for (let i = 0; i < inner; i++) {
            const v = inner === 1 ? `layer.${layer}` : `layer.${layer}.${i}`;
            const end = i === inner - 1 ? output : `${v}.end`;
            const extras = { dropoutAfter: 'attention' } as const;
            value = addLayer(b, sizes, layerNames(`${at}.${i}`), value, v, end, extras);
          }
          return value;
        });
      },
    };
  },
  keys: (structure, base) => ({
    ...bertKeys(structure, base),
    ...groupKeys(structure),
    embedding_size: structure.tokens.width,
  }),
};

function layerNames(at: string): LayerNames {
  return {
    query: `${at}.attention.query`,
    key: `${at}.attention.key`,
    value: `${at}.attention.value`,
    projected: `${at}.attention.dense`,
    attended: `${at}.attention.LayerNorm`,
    up: `${at}.ffn`,
    down: `${at}.ffn_output`,
    norm: `${at}.full_layer_layer_norm`,
  };
}

function predictions({ activation, epsilon }: LayerSizes, width: number): HeadPlan {
  return {
    rows: 'selected',
    transform: {
      name: 'predictions.dense',
      width,
      activation,
      norm: { name: 'predictions.LayerNorm', epsilon },
    },
    output: 'predictions.decoder',
    bias: 'predictions.bias',
  };
}

/** Keys for the groups: the smallest inner_group_num for which the layers share weights in the order of groups. */
function groupKeys(structure: GraphStructure): JsonObject {
  const own: (string | undefined)[] = [];
  const order = structure.attention.map(({ input }) => {
    const weight = structure.firstWeight(input);
    if (!own.includes(weight)) own.push(weight);
    return own.indexOf(weight);
  });
  for (let inner = 1; inner <= own.length; inner++) {
    const [layers, groups] = [order.length / inner, own.length / inner];
    if (!Number.isInteger(layers) || !Number.isInteger(groups)) continue;
    const expected = (i: number) =>
      Math.floor((Math.floor(i / inner) * groups) / layers) * inner + (i % inner);
    if (order.every((place, i) => place === expected(i))) {
      return { num_hidden_layers: layers, num_hidden_groups: groups, inner_group_num: inner };
    }
  }
  throw notWritable('its layers share weights in no order of groups');
}
