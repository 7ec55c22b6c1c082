/**
 * BERT: post-norm layers, learned positions, segments, a pooler over the first token.
 */

import { bertKeys, bertPlan, predictionsHead, readBertSizes, tokenHeads } from './bert-like.js';
import type { Family } from './family.js';

export const BERT: Family = {
  modelType: 'bert',
  className: 'Bert',
  prefix: 'bert.',
  read: (reader) => {
    const sizes = readBertSizes(reader);
    const dropout = sizes.classifierDropout;
    return bertPlan(sizes, {
      ...tokenHeads(dropout),
      classification: { rows: 'pooler', dropout, output: 'classifier' },
      'masked-lm': predictionsHead(sizes, sizes.hidden),
    });
  },
  keys: bertKeys,
};
