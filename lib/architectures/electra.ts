/** ELECTRA: BERT without a pooler, and with embeddings of another width than the layers, which a projection widens. */

import type { HeadPlan } from '../graph/rewrite/head.js';
import { bertKeys, bertPlan, denseClassifier, readBertSizes, tokenHeads } from './bert-like.js';
import type { Family } from './family.js';
import type { LayerSizes } from './post-norm.js';

export const ELECTRA: Family = {
  modelType: 'electra',
  className: 'Electra',
  prefix: 'electra.',
  read: (reader) => {
    const sizes = { ...readBertSizes(reader), width: reader.size('embedding_size') };
    const { hidden, width, classifierDropout } = sizes;
    const heads = {
      ...tokenHeads(classifierDropout),
      classification: denseClassifier(hidden, 'gelu', classifierDropout),
      'masked-lm': generatorHead(sizes, width),
    };
    const projection = width === hidden ? undefined : 'embeddings_project';
    return { ...bertPlan(sizes, heads, projection), pooler: null };
  },
  keys: (structure, base) => ({
    ...bertKeys(structure, base),
    embedding_size: structure.tokens.width,
  }),
};

function generatorHead({ epsilon }: LayerSizes, width: number): HeadPlan {
  const at = 'generator_predictions';
  const norm = { name: `${at}.LayerNorm`, epsilon };
  return {
    rows: 'selected',
    transform: { name: `${at}.dense`, width, activation: 'gelu', norm },
    output: 'generator_lm_head',
  };
}
